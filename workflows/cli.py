"""The command `shipway`: finds the command, and turns every error of ours into one sentence and an exit code.

Each command is a file of `workflows/commands/`; none imports TensorFlow, Hera or a plotting library before it runs.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from training.errors import TrainingError, UnknownModelError
from workflows.errors import ShipwayError

LONGEST = 1000  # characters of an error
COMMANDS = (
    "init",
    "run",
    "serve",
    "predict",
    "status",
    "promote",
    "rollback",
    "history",
    "report",
    "render",
    "doctor",
    "completion",
    "demo",
    "bootstrap",
    "images",
    "submit",
    "watch",
)


class Commands(click.Group):
    """A group whose commands are the modules of `workflows/commands/`, in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in order."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"workflows.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 stopped.",
)
@click.version_option(package_name="shipway", prog_name="shipway")
@click.option(
    "--directory",
    "-C",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    show_default=True,
    help="Run as if started here, like git -C.",
)
@click.pass_context
def shipway(ctx: click.Context, directory: Path) -> None:
    """From git push to a served TensorFlow model, with git as the only place that says which version runs where."""
    ctx.obj = directory.resolve()


def one_line(message: object) -> str:
    """An error as one line, whatever was put into it; a long one is cut in the middle."""
    text = " ".join(str(message).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


def _forget_output() -> None:
    """What could not be written must not be tried again, with a traceback, when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(number: int, _: object) -> None:
    """SIGTERM ends a command as Ctrl-C does."""
    raise KeyboardInterrupt(number)


def main(arguments: list[str] | None = None) -> Any:
    """Runs the command line and exits with its code."""
    # Before TensorFlow is imported: its notes on CPU features are no news.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "2")
    signal.signal(signal.SIGTERM, _stop)
    try:
        # Without standalone mode click gives back the code of `ctx.exit`.
        code = shipway.main(args=arguments, prog_name="shipway", standalone_mode=False)
        sys.stdout.flush()
    except (ShipwayError, TrainingError) as error:
        click.echo(f"shipway: {one_line(error)}", err=True)
        sys.exit(2 if isinstance(error, UnknownModelError) else getattr(error, "exit_code", 1))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        hint = f" (try: {error.ctx.command_path} --help)" if isinstance(error, click.UsageError) and error.ctx else ""
        click.echo(f"shipway: {one_line(error.format_message())}{hint}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # whoever read the output has seen enough
        _forget_output()
        sys.exit(1)
    except OSError as error:
        _forget_output()
        click.echo(f"shipway: {one_line(error)}: check that the file, folder or disk is as it should be", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("shipway: stopped", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)
