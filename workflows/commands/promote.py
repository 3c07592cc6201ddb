"""`shipway promote`: one commit that brings a version to the next environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workflows.commands.changed import show

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="bring a version to the next environment")
@click.argument("model")
@click.option("--to", required=True, metavar="ENV", help="The environment to promote to: staging or prod.")
@click.option("--from", "source", metavar="ENV", help="The environment to take it from; by default the one before.")
@click.option("--version", help="A version that ran there before; by default what runs there now.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_obj
def command(directory: Path, *, model: str, to: str, source: str | None, version: str | None, as_json: bool) -> None:
    """Bring a model's version from one environment to the next: one commit."""
    from workflows.promote import promote
    from workflows.workspace import open_workspace

    show(promote(open_workspace(directory).remote, model, to, source=source, version=version), as_json=as_json)
