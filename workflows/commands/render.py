"""`shipway render`: the Argo YAML of the Hera workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workflows.errors import ShipwayError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="write workflows/rendered from the Hera workflows")
@click.option("--check", is_flag=True, help="Write nothing; fail if a rendered file is stale.")
@click.pass_obj
def command(directory: Path, *, check: bool) -> None:
    """Write workflows/rendered/*.yaml from the Hera workflows."""
    from workflows.render import RENDERED, documents, render

    if not check:
        for path in render():
            click.echo(path.relative_to(directory) if path.is_relative_to(directory) else path)
        return
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in RENDERED.glob("*.yaml")}
    fresh = documents()
    if stale := sorted(name for name in {*fresh, *on_disk} if fresh.get(name) != on_disk.get(name)):
        raise ShipwayError(f"workflows/rendered is stale: {', '.join(stale)}; run `shipway render` and commit it")
