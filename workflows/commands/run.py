"""`shipway run`: the workflow train, on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from workflows.errors import RunFailed, RunStopped

if TYPE_CHECKING:
    from pathlib import Path

    from workflows.run import Run


@click.command(short_help="train, check and release a model")
@click.argument("model")
@click.option("--data", default="builtin", show_default=True, help="builtin, or the path of a data file.")
@click.option("--epochs", type=click.IntRange(1), help="By default as many as the model's config says.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of everything that is random.")
@click.option("--release/--no-release", default=True, help="--no-release stops before the commit.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, and no tree.")
@click.pass_obj
def command(
    directory: Path, *, model: str, data: str, epochs: int | None, seed: int, release: bool, as_json: bool
) -> None:
    """Train, check and release a model: the workflow train, on this machine.

    What runs is your last commit; what is not committed stays out. The release goes to dev.
    """
    from workflows.local.tree import watcher
    from workflows.repository import Repository
    from workflows.run import data_parameter, run
    from workflows.workspace import bring_in, make_workspace, top, uncommitted

    source = top(directory)
    parameters = {"data": data_parameter(data, directory), "seed": str(seed), "release": str(release).lower()}
    parameters |= {"epochs": str(epochs)} if epochs else {}
    workspace = make_workspace(directory)
    bring_in(workspace, source)
    commit = Repository(source).resolve("HEAD")
    if left_out := uncommitted(source):
        click.echo(f"not part of this run, since not committed: {', '.join(left_out[:5])}", err=True)
    outcome = run(workspace, commit, model, parameters, watch=None if as_json else watcher())
    if as_json:
        click.echo(json.dumps(outcome.summary(), indent=2))
    else:
        _tell(outcome)
    if outcome.stopped:
        raise RunStopped(f"{outcome.name} was stopped at {outcome.error}; nothing is half done, run it again")
    if outcome.phase != "Succeeded":
        raise RunFailed(f"{outcome.name} {outcome.phase.lower()} at {outcome.error}")


def _tell(outcome: Run) -> None:
    if outcome.release:
        click.echo(outcome.release)
    if outcome.page:
        click.echo(f"report: {outcome.page}")
    click.echo(f"logs:   {outcome.directory}")
