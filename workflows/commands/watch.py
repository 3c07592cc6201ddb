"""`shipway watch`: follows a run on the cluster, whoever started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from workflows.commands.submit import cluster, show

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="follow a run on the cluster, or stop it")
@click.argument("run", required=False)
@click.option("--stop", is_flag=True, help="Stop it; its page is still written, unless it is told so twice.")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON, and no tree.")
@cluster
@click.pass_obj
def command(
    directory: Path, *, run: str | None, stop: bool, as_json: bool, server: str | None, namespace: str | None
) -> None:
    """Follow a run on the cluster to its end and fetch its page; by default the newest, such as a push has started."""
    from workflows.argo_server import ArgoServer, address
    from workflows.watch import newest
    from workflows.watch import stop as stop_run

    argo = ArgoServer(address(server, namespace))
    name = run or newest(argo)
    if stop:
        stop_run(argo, name)
    show(argo, name, directory, as_json=as_json)
