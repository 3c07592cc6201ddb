"""The command line of the steps, derived from their signatures. Not here: what a step does."""

import inspect
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import click

from training import report as reports
from training.errors import TrainingError
from training.step import Input, Output, Value
from training.steps import STEPS

Refusals = tuple[type[Exception], ...]


def main() -> None:
    """Runs one step; exit code 0 fine, 1 refused or bad input, 2 wrong flags, anything else a bug."""
    # A step that is told to stop must still end the processes it started, so `finally` has to run.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    group(STEPS).main(prog_name="python -m training")


def group(steps: Mapping[str, Callable[..., None]], refusals: Refusals = (TrainingError,)) -> click.Group:
    """The click group of some steps; `refusals` are the errors that are one sentence and exit code 1."""
    commands = [command(name, step, refusals) for name, step in steps.items()]
    return click.Group("steps", commands, help="Runs one step of a run.", context_settings={"max_content_width": 100})


def command(name: str, step: Callable[..., None], refusals: Refusals) -> click.Command:
    """The click command of a step: one required flag per parameter, optional only for an optional input."""
    hints = get_type_hints(step, include_extras=True)
    options = [_option(parameter, hints[parameter]) for parameter in inspect.signature(step).parameters]
    summary = (inspect.getdoc(step) or "").split("\n\n")[0]
    return click.Command(
        name, params=list(options), callback=lambda **values: run(name, step, values, refusals), help=summary
    )


def run(name: str, step: Callable[..., None], values: dict[str, Any], refusals: Refusals) -> None:
    """Calls the step and completes its report, whatever happens.

    A refusal, or a path that cannot be used, becomes one sentence on stderr and exit code 1; anything else is a bug
    and keeps its traceback.
    """
    started = datetime.now(timezone.utc)
    report: Path | None = values.get("report")
    known: Refusals = (*refusals, OSError)
    try:
        _make_places(step, values)
        step(**values)
    except known as error:
        sentence = _sentence(error)
        _complete(report, name, started, sentence)
        click.echo(f"error: {sentence}", err=True)
        sys.exit(1)
    except BaseException as error:
        _complete(report, name, started, f"{type(error).__name__}: {error}")
        raise
    _complete(report, name, started, None)


def _make_places(step: Callable[..., None], values: Mapping[str, Any]) -> None:
    """Makes the folders that outputs go to; in a pod there are none yet."""
    for parameter, hint in get_type_hints(step, include_extras=True).items():
        is_output = any(isinstance(mark, Output | Value) for mark in get_args(hint)[1:])
        if is_output and not values[parameter].parent.exists():
            values[parameter].parent.mkdir(parents=True, exist_ok=True)


def _complete(report: Path | None, name: str, started: datetime, error: str | None) -> None:
    """Completes the report of a step that has one."""
    if report is not None:
        reports.complete(report, name, started, error)


def _sentence(error: Exception) -> str:
    """The error's own, or what the system says of a path, e.g. `cannot use /data: Permission denied`."""
    if isinstance(error, OSError) and error.filename:
        return f"cannot use {error.filename}: {error.strerror}"
    return str(error)


def _option(parameter: str, hint: Any) -> click.Option:
    """`--source-commit` for source_commit; a Path for the annotated types, else the type itself."""
    origin, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    optional = any(isinstance(mark, Input) and mark.optional for mark in marks)
    kind = click.Path(path_type=Path) if origin is Path else click.types.convert_type(origin)
    return click.Option([f"--{parameter.replace('_', '-')}", parameter], type=kind, required=not optional)
