"""`shipway predict`: held-out examples to a running model server, by REST and by gRPC."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from workflows.predict import Answers


@click.command(short_help="ask a running server about held-out examples")
@click.argument("model")
@click.option("--count", default=6, show_default=True, type=click.IntRange(1, 100), help="How many examples.")
@click.option("--data", default="builtin", show_default=True, help="builtin, or the path of a data file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The server's address.")
@click.option("--port", default=8500, show_default=True, type=click.IntRange(1, 65535), help="gRPC.")
@click.option("--rest-api-port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="REST.")
@click.option("--version", type=click.IntRange(0), help="Ask this version; by default the newest that answers.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Write the pictures to this PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def command(
    *,
    model: str,
    count: int,
    data: str,
    host: str,
    port: int,
    rest_api_port: int,
    version: int | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Ask a running server about held-out examples, and show them beside its answers."""
    # As in serving/__main__.py: no Keras, which saves 2 s.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    from workflows.predict import Target, predict

    answer = predict(Target(model, host, port, rest_api_port, version), data, count)
    if picture:
        from workflows.pictures import sheet

        sheet(picture, answer.predictions)
    if as_json:
        click.echo(json.dumps(answer.summary(), indent=2))
        return
    _show(answer)
    if picture:
        click.echo(f"pictures: {picture}")


def _show(answer: Answers) -> None:
    from rich.console import Console

    from workflows.pictures import terminal

    console = Console()
    console.print(terminal(answer.predictions))
    shown = [item for item in answer.predictions if item.source == "REST"]
    right = sum(item.label == item.prediction for item in shown)
    click.echo(
        f"{answer.model} {answer.version}: {right} of {len(shown)} right; REST and gRPC differ by at most "
        f"{answer.max_abs_difference:.1e}"
    )
