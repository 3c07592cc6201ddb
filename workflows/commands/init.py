"""`shipway init`: the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="make the workspace .shipway")
@click.option("--remote", help="Follow this git remote (URL or path, with a branch main) instead of a new local one.")
@click.pass_obj
def command(directory: Path, *, remote: str | None) -> None:
    """Make the workspace .shipway: a git remote, a clone of it and a model store."""
    from workflows.workspace import bring_in, make_workspace, top

    workspace = make_workspace(directory, remote)
    commit = bring_in(workspace, top(directory))
    click.echo(f"{workspace.root} follows {workspace.remote}, main at {commit[:12]}")
