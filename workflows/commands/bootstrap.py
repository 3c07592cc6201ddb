"""`shipway bootstrap`: Argo CD on the current cluster, following this repository."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from workflows.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from workflows.bootstrap import Plan


@click.command(short_help="put Argo CD on the cluster, following this repository")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_context
def command(ctx: click.Context, *, yes: bool) -> None:
    """Install Argo CD on kubectl's current cluster and let it follow this repository.

    Says what it will do, and asks first. Where Argo CD is there already, it is only given the repository.
    """
    from workflows.bootstrap import carry_out, plan
    from workflows.workspace import top

    directory: Path = ctx.obj
    root = top(directory)
    made = plan(root)
    _tell(made)
    if not yes and not _agreed():
        click.echo("nothing was changed")
        ctx.exit(1)
    for step in made.steps:
        click.echo(f"$ {step.line}")
        carry_out(step, root)
    click.echo(f"Argo CD follows {made.repository} at {made.revision}; watch it: kubectl -n argocd get applications -w")


def _tell(plan: Plan) -> None:
    click.echo(f"cluster     {plan.context} ({plan.server})")
    click.echo(f"repository  {plan.repository} at {plan.revision}")
    if len(plan.steps) == 1:
        click.echo("Argo CD is there already")
    for number, step in enumerate(plan.steps, 1):
        click.echo(f"{number}. {step.purpose}\n   {step.line}")


def _agreed() -> bool:
    try:
        return click.confirm("Go on?")
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise UsageError("nobody is there to be asked: say --yes") from None
