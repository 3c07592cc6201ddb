"""The main job from end to end, as a user would type it: every line after a `$` is an ordinary command.

Not here: any work of its own beyond starting commands, and waiting until the server answers with what git names.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from workflows.errors import ShipwayError
from workflows.predict import Target, available
from workflows.run import PAGE, latest
from workflows.serve import require_free
from workflows.workspace import NAME, top

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "digits"
PORTS = (8500, 8501)  # TensorFlow Serving's, gRPC and REST
TIMEOUT_S = 60.0
PAUSE_S = 0.1


@dataclass(frozen=True)
class Demo:
    """Where commands run, and where the model server listens."""

    root: Path
    port: int
    rest_api_port: int

    @property
    def ports(self) -> list[str]:
        """The flags that say so, where they are not the default."""
        usual = (self.port, self.rest_api_port) == PORTS
        return [] if usual else [f"--port={self.port}", f"--rest-api-port={self.rest_api_port}"]

    def shipway(self, *arguments: str) -> None:
        """Echoes and runs one command. Raises: ShipwayError (it failed, and has said why)."""
        self.echo(arguments)
        process = subprocess.Popen(self.command(arguments), cwd=self.root)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()  # it had the same Ctrl-C, and ends what it started
            raise
        if code:
            raise ShipwayError(f"`shipway {' '.join(arguments)}` ended with exit code {code}: see above")

    def command(self, arguments: tuple[str, ...]) -> list[str]:
        """The command as a process of this Python."""
        return [sys.executable, "-m", "workflows", *arguments]

    def echo(self, arguments: tuple[str, ...], end: str = "") -> None:
        """Shows a command as it would be typed."""
        click.echo()
        click.secho(f"$ shipway {' '.join(arguments)}{end}", bold=True)

    def named(self, environment: str) -> int:
        """The version that git names for the model in an environment."""
        command = self.command(("status", "--json"))
        entries = json.loads(subprocess.run(command, cwd=self.root, check=True, capture_output=True).stdout)
        return next(int(e["version"]) for e in entries if (e["environment"], e["model"]) == (environment, MODEL))


def demo(directory: Path, *, port: int, rest_api_port: int) -> None:
    """Runs the main job; leaves nothing running, whatever happens. Raises: ShipwayError (a command failed)."""
    started = time.monotonic()
    run = Demo(top(directory), port, rest_api_port)
    for flag, number in {"port": port, "rest-api-port": rest_api_port}.items():
        require_free("127.0.0.1", flag, number, command="shipway demo")
    run.shipway("init")
    run.shipway("run", MODEL)
    with served(run, "dev"):
        picture = str(run.root / NAME / "predictions.png")
        run.shipway("predict", MODEL, f"--picture={picture}", *run.ports)
        run.shipway("promote", MODEL, "--to", "staging")
        run.shipway("promote", MODEL, "--to", "prod")
        run.shipway("run", MODEL, "--seed=1")
        wait_until_served(run, "dev")
        run.shipway("status")
        run.shipway("rollback", MODEL, "--env", "dev")
        wait_until_served(run, "dev")
        run.shipway("predict", MODEL, "--count=3", *run.ports)
        run.shipway("status")
    _next(run, picture, time.monotonic() - started)


@contextlib.contextmanager
def served(run: Demo, environment: str) -> Iterator[None]:
    """A model server in the background, ended by SIGTERM as Kubernetes would."""
    arguments = ("serve", "--env", environment, *run.ports)
    # Not to the terminal, where the tree of a run is drawn.
    log = run.root / NAME / f"serve-{environment}.log"
    run.echo(arguments, end=f" > {log.relative_to(run.root)} &")
    with log.open("wb") as file:
        process = subprocess.Popen(run.command(arguments), cwd=run.root, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_until_served(run, environment, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
        click.echo()
        click.secho(f"$ cat {log.relative_to(run.root)}", bold=True)
        click.echo(log.read_text(encoding="utf-8", errors="replace").rstrip())


def wait_until_served(run: Demo, environment: str, process: subprocess.Popen[bytes] | None = None) -> None:
    """Returns when the server answers with the version that git names, and with no other."""
    click.echo(f"waiting until the server answers with what git names for {environment}")
    version, target = run.named(environment), Target(MODEL, "127.0.0.1", run.port, run.rest_api_port)
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise ShipwayError("the model server did not start: see what it said above")
        with contextlib.suppress(ShipwayError):
            if available(target) == [version]:
                return
        time.sleep(PAUSE_S)
    raise ShipwayError(f"the model server did not answer with {MODEL} {version} within {TIMEOUT_S:.0f} s: see above")


def _next(run: Demo, picture: str, seconds: float) -> None:
    page = latest(run.root / NAME / "runs") / PAGE
    click.secho(f"\nDone in {seconds:.0f} s, and nothing is left running. What to look at next:", bold=True)
    for what, where in (
        ("the page of the last run", page),
        ("the held-out images beside their predictions", picture),
        ("the same workflow as Argo runs it", run.root / "workflows" / "rendered" / "train.yaml"),
        (
            "every commit that moved a version",
            f"git -C {run.root / NAME / 'clone'} log -p origin/main -- kustomize/overlays",
        ),
        ("what runs where, from git alone", "shipway status"),
    ):
        click.echo(f"  {what}\n    {where}")
