"""`shipway history`: every change of what an environment ran."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from workflows.commands.status import table

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="every change of what an environment ran")
@click.argument("model")
@click.option("--env", "environment", default="dev", show_default=True, metavar="ENV", help="The environment.")
@click.option("--json", "as_json", is_flag=True, help="Print every entry with its trailers as JSON.")
@click.pass_obj
def command(directory: Path, *, model: str, environment: str, as_json: bool) -> None:
    """Show every release, promotion and roll back of a model in an environment, newest first."""
    from workflows.repository import Repository
    from workflows.status import history
    from workflows.workspace import open_workspace

    clone = open_workspace(directory).clone
    entries = history(clone, environment, model, ref=Repository.open(clone).fetch())
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2))
    elif entries:
        table(entries, where="what")
    else:
        click.echo(f"{environment} never ran {model}")
