"""Medians, spreads and ratios of a run. Pure: records in, numbers out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.plan import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.bench.results import Figure, Results

NO_PEERS = frozenset({"shipway", "shipway-batching", "echo"})


@dataclass(frozen=True)
class Spread:
    """The median of the repetitions, and their least and greatest."""

    median: float
    least: float
    greatest: float


@dataclass(frozen=True)
class Summary:
    """One cell of one server over all repetitions; `errors` is their sum."""

    rate: Spread
    p50_ms: Spread
    p99_ms: Spread
    server_cpu: Spread
    client_cpu: Spread
    errors: int


@dataclass(frozen=True)
class ColdStart:
    """Seconds to the first answer, bytes resident after it, and in how many processes."""

    seconds: Spread
    rss: Spread
    pss: Spread
    processes: int


@dataclass(frozen=True)
class Goal:
    """A ratio that is aimed at; `found` None where it could not be had, `peer` the best one."""

    what: str
    aim: float
    found: float | None
    peer: str

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.found is not None and self.found >= self.aim


class Digest:
    """The summaries of a run, by server and cell."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.by_cell: dict[tuple[str, Cell], Summary] = {}
        groups: dict[tuple[str, Cell], list[Figure]] = {}
        for figure in results.figures:
            cell = Cell(figure.model, figure.protocol, figure.connections)
            groups.setdefault((figure.target, cell), []).append(figure)
        self.by_cell = {key: summarised(figures) for key, figures in groups.items()}

    def get(self, target: str, cell: Cell) -> Summary | None:
        """The summary, or None if the cell was not measured."""
        return self.by_cell.get((target, cell))

    def peers(self, cell: Cell) -> dict[str, Summary]:
        """The peers that were measured in a cell."""
        return {t: each for (t, c), each in self.by_cell.items() if c == cell and t not in NO_PEERS}

    def start(self, target: str) -> ColdStart | None:
        """The starts of a server, or None if there was none."""
        mine = [start for start in self.results.starts if start.target == target]
        if not mine:
            return None
        return ColdStart(
            seconds=spread(start.seconds for start in mine),
            rss=spread(start.rss for start in mine),
            pss=spread(start.pss for start in mine),
            processes=mine[0].processes,
        )

    def call_cpu(self, model: str, batch: int = 1) -> float | None:
        """CPU seconds per 1,000 rows of the bare call, the median."""
        found = [call.cpu for call in self.results.calls if (call.model, call.batch) == (model, batch)]
        return statistics.median(found) if found else None

    def limit_cpu(self, cell: Cell) -> float | None:
        """CPU seconds per 1,000 requests of a bare call and an echo of the same bytes."""
        call, echo = self.call_cpu(cell.model), self.get("echo", cell)
        return None if call is None or echo is None else call + echo.server_cpu.median


def spread(values: Iterable[float]) -> Spread:
    """Of at least one value."""
    found = list(values)
    return Spread(statistics.median(found), min(found), max(found))


def summarised(figures: Sequence[Figure]) -> Summary:
    """All repetitions of one cell."""
    return Summary(
        rate=spread(each.rate for each in figures),
        p50_ms=spread(each.p50_ms for each in figures),
        p99_ms=spread(each.p99_ms for each in figures),
        server_cpu=spread(each.server_cpu for each in figures),
        client_cpu=spread(each.client_cpu for each in figures),
        errors=sum(sum(each.errors.values()) for each in figures),
    )


def goals(digest: Digest) -> list[Goal]:
    """What is aimed at, each beside the peer that is best in that very figure."""
    grpc_1, grpc_8, grpc_32 = (Cell("mlp", "grpc", count) for count in (1, 8, 32))
    rest_8, rest_32 = (Cell("mlp", "rest", count) for count in (8, 32))
    return [
        _faster(digest, "gRPC, 32 clients: requests per second", 12, grpc_32),
        _leaner(digest, "gRPC, 32 clients: CPU per request", 12, grpc_32, lambda found: found.server_cpu.median),
        _faster(digest, "gRPC, 8 clients: requests per second", 10, grpc_8),
        _leaner(digest, "gRPC, 1 client: p50", 6, grpc_1, lambda found: found.p50_ms.median),
        _faster(digest, "REST, 32 clients: requests per second", 8, rest_32),
        _faster(digest, "REST, 8 clients: requests per second", 10, rest_8),
        _start(digest, "start to first answer", lambda found: found.seconds.median),
        _start(digest, "resident memory after it", lambda found: found.rss.median),
    ]


def _faster(digest: Digest, what: str, aim: float, cell: Cell) -> Goal:
    ours, peers = digest.get("shipway", cell), digest.peers(cell)
    if ours is None or not peers:
        return Goal(what, aim, None, "")
    best = max(peers, key=lambda name: peers[name].rate.median)
    return Goal(what, aim, ours.rate.median / peers[best].rate.median, best)


def _leaner(digest: Digest, what: str, aim: float, cell: Cell, figure: Callable[[Summary], float]) -> Goal:
    ours, peers = digest.get("shipway", cell), digest.peers(cell)
    if ours is None or not peers:
        return Goal(what, aim, None, "")
    best = min(peers, key=lambda name: figure(peers[name]))
    return Goal(what, aim, _ratio(figure(peers[best]), figure(ours)), best)


def _start(digest: Digest, what: str, figure: Callable[[ColdStart], float]) -> Goal:
    starts = {start.target: digest.start(start.target) for start in digest.results.starts}
    figures = {name: figure(found) for name, found in starts.items() if found}
    peers = {name: value for name, value in figures.items() if name not in NO_PEERS}
    if "shipway" not in figures or not peers:
        return Goal(what, 2, None, "")
    best = min(peers, key=peers.__getitem__)
    return Goal(what, 2, _ratio(peers[best], figures["shipway"]), best)


def _ratio(theirs: float, ours: float) -> float:
    return theirs / ours if ours else float("inf")
