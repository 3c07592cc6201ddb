"""`shipway status`: what runs where, read from git alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from workflows.status import Entry

WIDE = 110  # columns; a narrower terminal shows no metrics, `--json` always does


@click.command(short_help="what runs where, read from git alone")
@click.option("--json", "as_json", is_flag=True, help="Print every entry with its trailers as JSON.")
@click.pass_obj
def command(directory: Path, *, as_json: bool) -> None:
    """Show model, version, digest, commit and age for every environment, from git alone."""
    from workflows.repository import Repository
    from workflows.status import status
    from workflows.workspace import open_workspace

    clone = open_workspace(directory).clone
    head = Repository.open(clone).fetch()
    entries = status(clone, ref=head)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2))
    elif entries:
        table(entries)
    else:
        click.echo("no model runs anywhere yet: release one with `shipway run <model>`")


def table(entries: list[Entry], *, where: str = "environment") -> None:
    """Prints entries as a table that fits 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    columns = [where, "model", "version", "digest", "commit", "age"]
    wide = console.width >= WIDE
    for column in [*columns, "metrics"] if wide else columns:
        grid.add_column(column, no_wrap=True)
    for entry in entries:
        first = entry.environment if where == "environment" else entry.subject.partition(f" {entry.model}")[0].lower()
        cells = [first, entry.model, entry.version, entry.digest.removeprefix("sha256:")[:12], entry.commit[:12]]
        grid.add_row(*cells, age(entry.age_s), *([metrics(entry)] if wide else []))
    console.print(grid)


def metrics(entry: Entry) -> str:
    """The metrics of a version's release, e.g. `accuracy 0.9817, loss 0.0499`."""
    return ", ".join(f"{name} {value:.4g}" for name, value in entry.metrics.items() if isinstance(value, float))


def age(seconds: float) -> str:
    """A duration as people say it: 40 s, 12 min, 5 h, 3 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
