"""`shipway rollback`: one commit that restores what an environment ran before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workflows.commands.changed import show

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="restore what an environment ran before")
@click.argument("model")
@click.option("--env", "environment", required=True, metavar="ENV", help="The environment: dev, staging or prod.")
@click.option("--bad", metavar="VERSION", help="Roll back only if this version runs; makes a retry safe.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_obj
def command(directory: Path, *, model: str, environment: str, bad: str | None, as_json: bool) -> None:
    """Restore the version that an environment ran before: one commit."""
    from workflows.rollback import rollback
    from workflows.workspace import open_workspace

    show(rollback(open_workspace(directory).remote, model, environment, bad=bad), as_json=as_json)
