"""The command line of the steps, derived from their signatures. Not here: what a step does."""

from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import click

from training import report as reports
from training.errors import TrainingError
from training.step import Input
from training.steps import STEPS


def main() -> None:
    """Runs one step; exit code 0 fine, 1 refused or bad input, 2 wrong flags, anything else a bug."""
    # A step that is told to stop must still end the processes it started, so `finally` has to run.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    group = click.Group(
        "training", help="Runs one step of a training run.", context_settings={"max_content_width": 100}
    )
    for name, step in STEPS.items():
        group.add_command(command(name, step))
    group.main(prog_name="python -m training")


def command(name: str, step: Callable[..., None]) -> click.Command:
    """The click command of a step: one required flag per parameter, optional only for an optional input."""
    hints = get_type_hints(step, include_extras=True)
    options = [_option(parameter, hints[parameter]) for parameter in inspect.signature(step).parameters]
    summary = (inspect.getdoc(step) or "").split("\n\n")[0]
    return click.Command(name, params=list(options), callback=lambda **values: run(name, step, values), help=summary)


def run(name: str, step: Callable[..., None], values: dict[str, Any]) -> None:
    """Calls the step and completes its report, whatever happens.

    A TrainingError becomes its one sentence on stderr and exit code 1; anything else is a bug and keeps its traceback.
    """
    started = datetime.now(timezone.utc)
    report: Path = values["report"]
    try:
        step(**values)
    except TrainingError as error:
        reports.complete(report, name, started, str(error))
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except BaseException as error:
        reports.complete(report, name, started, f"{type(error).__name__}: {error}")
        raise
    reports.complete(report, name, started, None)


def _option(parameter: str, hint: Any) -> click.Option:
    """`--source-commit` for source_commit; a Path for the annotated types, else the type itself."""
    origin, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    optional = any(isinstance(mark, Input) and mark.optional for mark in marks)
    kind = click.Path(path_type=Path) if origin is Path else click.types.convert_type(origin)
    return click.Option([f"--{parameter.replace('_', '-')}", parameter], type=kind, required=not optional)
