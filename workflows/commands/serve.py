"""`shipway serve`: a model server that follows an environment's overlay in git."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="serve what an environment's overlay names")
@click.option("--env", "environment", required=True, metavar="ENV", help="The environment: dev, staging or prod.")
@click.option("--port", default=8500, show_default=True, type=click.IntRange(0, 65535), help="gRPC; 0: off.")
@click.option("--rest-api-port", default=8501, show_default=True, type=click.IntRange(0, 65535), help="REST; 0: off.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.pass_obj
def command(directory: Path, *, environment: str, port: int, rest_api_port: int, host: str) -> None:
    """Serve what an environment's overlay names, and follow it in git until stopped."""
    # As in serving/__main__.py: no Keras, which saves 2 s. Not for `run`, whose steps inherit this environment.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    from workflows.serve import serve
    from workflows.workspace import open_workspace

    serve(open_workspace(directory), environment, port=port, rest_api_port=rest_api_port, host=host, tell=click.echo)
