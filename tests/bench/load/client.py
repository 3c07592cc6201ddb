"""The load client as a process: what to ask as JSON on standard input, what it measured as JSON on standard output."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.load.closed_loop import ClosedLoop, Connection
from tests.bench.load.errors import BadAnswer
from tests.bench.load.expectation import Expectation
from tests.bench.load.grpc_connection import GrpcConnection
from tests.bench.load.http1_connection import Http1Connection, post
from tests.bench.processes import busy_seconds, cpu_seconds, marked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.load.closed_loop import Outcome

WARM_UP_SHARE = 0.3
ENOUGH = 10


@dataclass(frozen=True)
class Load:
    """What to ask: `path` is a gRPC method or a REST path, `body` a file, `mark` the server's processes."""

    port: int
    protocol: str
    path: str
    body: str
    expected: list[float]
    connections: int
    seconds: float
    mark: str


@dataclass(frozen=True)
class Measured:
    """Latencies in milliseconds, CPU in seconds per 1,000 answers; `others`: cores busy with other work."""

    rate: float
    p50_ms: float
    p99_ms: float
    server_cpu: float
    client_cpu: float
    others: float
    answered: int
    errors: dict[str, int] = field(default_factory=dict)


def measure(load: Load) -> Measured:
    """Warms up, then measures.

    Raises:
        BadAnswer: the server does not answer rightly.
    """
    loop = ClosedLoop(load.port, connector(load), load.connections)
    try:
        loop.run(WARM_UP_SHARE * load.seconds)
        processes = marked(load.mark)
        server, client, others = cpu_seconds(processes), time.process_time(), busy_seconds()
        outcome = loop.run(load.seconds)
        client = time.process_time() - client
        server = cpu_seconds(processes) - server
        others = busy_seconds() - others - server - client
    finally:
        loop.close()
    return summed_up(outcome, server, client, others)


def connector(load: Load) -> Callable[[], Connection]:
    """What makes the protocol of each connection."""
    authority, body = f"127.0.0.1:{load.port}", Path(load.body).read_bytes()
    if load.protocol == "grpc":
        return lambda: GrpcConnection(load.path, authority, body, Expectation(load.expected, is_json=False))
    request = post(load.path, body, authority)
    return lambda: Http1Connection(request, Expectation(load.expected, is_json=True))


def summed_up(outcome: Outcome, server_cpu: float, client_cpu: float, others: float) -> Measured:
    """The figures of one stretch; where answers are few, those that came late count too.

    Raises:
        BadAnswer: nothing was answered in time.
    """
    answered = len(outcome.latencies)
    if not answered:
        raise BadAnswer(f"no answer within {outcome.seconds:.1f} s; errors: {dict(outcome.errors)}")
    enough = outcome.in_time >= ENOUGH
    latencies = sorted(outcome.latencies[: outcome.in_time] if enough else outcome.latencies)
    return Measured(
        rate=outcome.in_time / outcome.seconds if enough else answered / outcome.elapsed,
        p50_ms=at(latencies, 0.5) / 1e6,
        p99_ms=at(latencies, 0.99) / 1e6,
        server_cpu=1000 * server_cpu / answered,
        client_cpu=1000 * client_cpu / answered,
        others=max(0.0, others) / outcome.elapsed,
        answered=answered,
        errors=dict(outcome.errors),
    )


def at(ordered: Sequence[int], share: float) -> int:
    """The value below which that share lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    """Reads, measures, writes; exit code 1 with the reason on standard error."""
    load = Load(**json.load(sys.stdin))
    try:
        print(json.dumps(asdict(measure(load))))  # noqa: T201 - its output is its answer
    except (BadAnswer, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
