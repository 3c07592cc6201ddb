"""`make bench`: the engine and version switches, then the model server beside its peers."""

from __future__ import annotations

import signal
import sys

import click

from tests.bench.plan import FULL, QUICK
from tests.bench.targets import PEERS_BY_NAME


def _stop(*_: object) -> None:
    """Ends as Ctrl-C does, so that every server is stopped."""
    raise KeyboardInterrupt


@click.command()
@click.option("--only", type=click.Choice(["engine", "switches", "serving"]), help="Only this part.")
@click.option("--quick", is_flag=True, help="One short repetition: a look, not a measurement.")
@click.option(
    "--peers", default=",".join(PEERS_BY_NAME), show_default=True, help="Which peers, by commas; empty: none."
)
@click.option("--draw", is_flag=True, help="Write page and pictures again from the last run's records.")
def main(only: str | None, *, quick: bool, peers: str, draw: bool) -> None:
    """Measures, prints tables, and writes docs/benchmarks."""
    signal.signal(signal.SIGTERM, _stop)
    names = [name for name in peers.split(",") if name]
    if unknown := set(names) - set(PEERS_BY_NAME):
        raise click.BadParameter(f"no such peer: {', '.join(sorted(unknown))}", param_hint="--peers")
    if draw:
        _draw()
        return
    if only in (None, "engine"):
        from tests.bench import engine

        engine.main()
    if only in (None, "switches"):
        from tests.bench import switches

        switches.switches(switches.QUICK if quick else switches.FULL)
    if only in (None, "serving"):
        from tests.bench.serving import serving

        serving(QUICK if quick else FULL, names)


def _draw() -> None:
    from tests.bench.results import read
    from tests.bench.serving import RECORDS, write

    if not RECORDS.exists():
        raise click.ClickException(f"{RECORDS} is not there: run the benchmark first")
    write(read(RECORDS))


if __name__ == "__main__":
    sys.exit(main())
