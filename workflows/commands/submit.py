"""`shipway submit`: the workflow train, on a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from workflows.errors import FollowingStopped, RunFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workflows.argo_server import ArgoServer
    from workflows.run import Run
    from workflows.watch import Following


def cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which a command finds Argo Server."""
    server = click.option("--server", help="Argo Server, as host:port or URL.  [env: ARGO_SERVER]")
    namespace = click.option("--namespace", "-n", help="Of the runs.  [env: ARGO_NAMESPACE; default: training]")
    return server(namespace(command))


@click.command(short_help="train, check and release a model on the cluster")
@click.argument("model")
@click.option("--data", help="builtin, or what the steps on the cluster can read.")
@click.option("--epochs", type=click.IntRange(1), help="By default as many as the model's config says.")
@click.option("--seed", type=click.IntRange(0), help="Of everything that is random.")
@click.option("--pool", type=click.Choice(["gpu", "cpu"]), help="The nodes that train runs on.")
@click.option("--environment", help="The overlay that the release goes to.")
@click.option("--commit", help="A commit or branch of the remote: what runs.")
@click.option("--image", help="The image of every step.")
@click.option("--no-release", is_flag=True, help="Stop before the commit.")
@click.option("--no-follow", is_flag=True, help="Say the run's name and leave it alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, and no tree.")
@cluster
@click.pass_obj
def command(
    directory: Path,
    /,
    *,
    model: str,
    no_release: bool,
    no_follow: bool,
    as_json: bool,
    server: str | None,
    namespace: str | None,
    **given: Any,
) -> None:
    """Train, check and release a model: the workflow train, on the cluster.

    What is not given is as the cluster's WorkflowTemplate has it. Argo Server is asked as the command argo asks it:
    ARGO_SERVER, ARGO_TOKEN, ARGO_NAMESPACE, ARGO_SECURE, ARGO_INSECURE_SKIP_VERIFY.
    """
    from workflows.argo_server import ArgoServer, address
    from workflows.submit import submit

    if given["commit"] is None:
        _require_model(directory, model)
    parameters = {name: str(value) for name, value in given.items() if value is not None}
    if "commit" in parameters:
        parameters["source-commit"] = parameters.pop("commit")
    argo = ArgoServer(address(server, namespace))
    document = submit(argo, model, {**parameters, **({"release": "false"} if no_release else {})})
    name = document["metadata"]["name"]
    if no_follow:
        click.echo(json.dumps({"name": name, "model": model}, indent=2) if as_json else name)
        return
    show(argo, name, directory, as_json=as_json)


def show(argo: ArgoServer, name: str, directory: Path, *, as_json: bool) -> None:
    """Follows a run, fetches its page and says what became of it.

    Raises: RunFailed; FollowingStopped (Ctrl-C: the run goes on); ClusterError.
    """
    from workflows.local.tree import watcher
    from workflows.watch import Following, fetch
    from workflows.workspace import NAME, top

    runs = top(directory) / NAME / "runs"
    following = Following(argo, name, None if as_json else watcher())
    argo.waiting = following.waiting
    try:
        following.to_the_end()
    except KeyboardInterrupt:
        raise FollowingStopped(
            f"{name} goes on without you: `shipway watch {name}` follows it again, with --stop it is stopped"
        ) from None
    outcome = fetch(argo, following, runs)
    if as_json:
        click.echo(json.dumps(outcome.summary(), indent=2))
    else:
        _tell(outcome, following)
    if outcome.phase != "Succeeded":
        raise RunFailed(
            f"{outcome.name} {'was stopped' if outcome.stopped else outcome.phase.lower()}: {outcome.error}"
        )


def _tell(outcome: Run, following: Following) -> None:
    from workflows.local.tree import path

    for node, lines in following.words.items():
        if lines:
            click.echo(f"the last lines of {path(following.status().nodes[node])}:")
            click.echo("".join(f"    {line}\n" for line in lines), nl=False)
    if outcome.release:
        click.echo(outcome.release)
    if outcome.page:
        click.echo(f"report: {outcome.page}")


def _require_model(directory: Path, model: str) -> None:
    """A misspelt model is refused before anything runs. Raises: UsageError (lists the known ones); WorkspaceError."""
    from workflows.repository import Repository
    from workflows.workspace import top

    known = Repository(top(directory)).folders("HEAD", "training/models")
    if model not in known:
        raise UsageError(
            f"there is no model {model} at your last commit: the models are {', '.join(known)}; one of another commit "
            "is submitted with --commit"
        )
