"""`shipway report`: the page of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from workflows.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="the page of a run")
@click.argument("run", required=False)
@click.option("--open", "in_browser", is_flag=True, help="Open it in the browser.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the run's state, in the shape of Argo's Workflow, as JSON."
)
@click.pass_obj
def command(directory: Path, *, run: str | None, in_browser: bool, as_json: bool) -> None:
    """Say where the page of a run is; by default of the newest."""
    from workflows.run import PAGE, latest
    from workflows.workspace import open_workspace

    found = latest(open_workspace(directory).runs, run)
    if as_json:
        try:
            state = json.loads((found / "workflow.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{found}/workflow.json cannot be read ({error}): name another run") from None
        click.echo(json.dumps(state, indent=2))
        return
    page = found / PAGE
    if not page.is_file():
        raise UsageError(f"{found.name} has no page: it still runs, or was killed; its logs are in {found}")
    click.echo(page)
    if in_browser:
        click.launch(page.as_uri())
