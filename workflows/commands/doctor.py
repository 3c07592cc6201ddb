"""`shipway doctor`: what is missing on this machine, and how to get it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path


@click.command(short_help="what is missing on this machine")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Say what is missing on this machine and how to get it."""
    from workflows.doctor import examine

    directory: Path = ctx.obj
    findings = list(examine(directory))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            sign = "✔" if finding.ok else "✖" if finding.needed else "○"
            cure = "" if finding.ok or not finding.cure else f"\n  {'':16}→ {finding.cure}"
            click.echo(f"{sign} {finding.name:16}{finding.found}{cure}")
    ctx.exit(0 if all(finding.ok or not finding.needed for finding in findings) else 1)
