"""`shipway demo`: the main job, made of ordinary commands that it echoes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="the main job, by commands that are echoed")
@click.option("--port", default=8500, show_default=True, type=click.IntRange(1, 65535), help="gRPC.")
@click.option("--rest-api-port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="REST.")
@click.pass_obj
def command(directory: Path, *, port: int, rest_api_port: int) -> None:
    """Train, release, serve, promote and roll back the model digits, by commands that are echoed."""
    from workflows.demo import demo

    demo(directory, port=port, rest_api_port=rest_api_port)
