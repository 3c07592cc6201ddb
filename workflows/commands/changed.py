"""How a command that may have made a commit says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from workflows.release import Outcome


def show(outcome: Outcome, *, as_json: bool) -> None:
    """Prints what a change came to; `commit` is null where there was nothing to do."""
    if as_json:
        click.echo(json.dumps({"commit": outcome.commit.id if outcome.commit else None, "message": outcome.message}))
    else:
        click.echo(outcome.message)
