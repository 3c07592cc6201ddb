"""Measures the model server beside its peers, and writes docs/benchmarks/serving.{md,png,svg}."""

from __future__ import annotations

import os
import platform
import tempfile
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.bench import environments, plot, switches
from tests.bench.markdown import NOTHING, number, times
from tests.bench.page import TARGETS, WORDS, page
from tests.bench.plan import Cell
from tests.bench.runner import Runner
from tests.bench.summary import Digest, goals
from tests.bench.targets import BATCHING, PEERS_BY_NAME, SHIPWAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.plan import Plan
    from tests.bench.results import Results

PAGES = environments.ROOT / "docs" / "benchmarks"
TENSORFLOW = "tensorflow-cpu"
RECORDS = environments.CACHE / "serving.json"


def serving(plan: Plan, peers: Sequence[str], pages: Path = PAGES) -> Results:
    """Makes what is missing, measures, writes the records, the page and the pictures."""
    console = Console(stderr=True)
    environments.CACHE.mkdir(parents=True, exist_ok=True)
    with console.status("building the models"):
        models = environments.models()
    pythons, refused = installed(peers, console)
    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as scratch:
        results = measured(Runner(plan, pythons, models, Path(scratch)), console)
    results.failures.update(refused)
    results.about = about(plan, pythons)
    results.write(RECORDS)
    write(results, pages)
    show(results, Console())
    return results


def write(results: Results, pages: Path = PAGES) -> None:
    """The page and the pictures of a run."""
    pages.mkdir(parents=True, exist_ok=True)
    (pages / "serving.md").write_text(page(results, "serving") + switches.section())
    plot.draw(results, pages / "serving")


def installed(peers: Sequence[str], console: Console) -> tuple[dict[str, Path], dict[str, str]]:
    """The Python of each peer that can be installed, and the reason for each that cannot."""
    pythons, refused = {}, {}
    for name in peers:
        title = PEERS_BY_NAME[name].title
        with console.status(f"making the environment of {title}"):
            try:
                pythons[name] = environments.environment(name)
            except environments.NotInstallableError as error:
                refused[f"{title}, its environment"] = str(error)
                console.print(f"{title} cannot be installed: {error}")
    return pythons, refused


def measured(runner: Runner, console: Console) -> Results:
    """Runs it under a bar with the time that is left."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("left"), TimeRemainingColumn(), console=console, refresh_per_second=2
    ) as progress:
        task = progress.add_task("starting", total=runner.steps())

        def tell(what: str, done: int) -> None:
            progress.update(task, description=what, completed=done)
            if not console.is_terminal:
                console.print(f"{datetime.now(timezone.utc):%H:%M:%S} {done}/{runner.steps()} {what}")

        return runner.run(tell)


def about(plan: Plan, pythons: dict[str, Path]) -> dict[str, Any]:
    """What the page says of the run: when, on what, and which versions."""
    ours = metadata.version("shipway")
    theirs = {name: environments.version(python, PEERS_BY_NAME[name].distribution) for name, python in pythons.items()}
    software = f"Python {platform.python_version()}, TensorFlow {metadata.version(TENSORFLOW)}"
    return {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores ({processor()}), {software}",
        "repetitions": plan.repetitions,
        "seconds": plan.seconds,
        "versions": {SHIPWAY.name: ours, BATCHING.name: ours, **theirs},
    }


def processor() -> str:
    """The processor's name as Linux gives it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def show(results: Results, console: Console) -> None:
    """The MLP's figures and the ratios as tables in the terminal."""
    digest = Digest(results)
    for protocol, word in WORDS.items():
        console.print(_figures(digest, protocol, word))
    console.print(_ratios(digest))
    for what, reason in results.failures.items():
        console.print(f"did not run: {what}: {reason}", markup=False)
    console.print(f"{PAGES / 'serving.md'}")


def _figures(digest: Digest, protocol: str, word: str) -> Table:
    table = Table(title=f"{word}, MLP, one row a request")
    for column in ("server", "1: p50 ms", "8: req/s", "32: req/s", "32: p99 ms", "32: CPU s/1,000"):
        table.add_column(column, justify="left" if column == "server" else "right")
    for target in TARGETS:
        one, eight, many = (digest.get(target.name, Cell("mlp", protocol, count)) for count in (1, 8, 32))
        if one and eight and many:
            figures = one.p50_ms, eight.rate, many.rate, many.p99_ms, many.server_cpu
            table.add_row(target.title, *(number(each.median) for each in figures))
    return table


def _ratios(digest: Digest) -> Table:
    table = Table("better than the best peer", "found", "aim", "best peer", title="Ratios")
    for goal in goals(digest):
        peer = PEERS_BY_NAME[goal.peer].title if goal.peer else NOTHING
        table.add_row(goal.what, times(goal.found), times(goal.aim), peer)
    return table
