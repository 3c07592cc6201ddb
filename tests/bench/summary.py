"""Medians, spreads and ratios of a run. Pure: records in, numbers out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.plan import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.bench.results import Figure, Results

BASELINE = "naive"
NO_PEERS = frozenset({"shipway", "shipway-batching", "echo", BASELINE})


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
    """A ratio that is aimed at, to the best `peer`, and the same to the `baseline`; None where it could not be had."""

    what: str
    aim: float
    found: float | None
    peer: str
    baseline: float | None

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

    def cell(protocol: str, connections: int, figure: Callable[[Summary], float]) -> dict[str, float]:
        place = Cell("mlp", protocol, connections)
        return {target: figure(each) for (target, c), each in digest.by_cell.items() if c == place}

    def start(figure: Callable[[ColdStart], float]) -> dict[str, float]:
        starts = {each.target: digest.start(each.target) for each in digest.results.starts}
        return {target: figure(each) for target, each in starts.items() if each}

    return [
        _more("gRPC, 32 clients: requests per second", 12, cell("grpc", 32, lambda s: s.rate.median)),
        _less("gRPC, 32 clients: CPU per request", 12, cell("grpc", 32, lambda s: s.server_cpu.median)),
        _more("gRPC, 8 clients: requests per second", 10, cell("grpc", 8, lambda s: s.rate.median)),
        _less("gRPC, 1 client: p50", 6, cell("grpc", 1, lambda s: s.p50_ms.median)),
        _more("REST, 32 clients: requests per second", 8, cell("rest", 32, lambda s: s.rate.median)),
        _more("REST, 8 clients: requests per second", 10, cell("rest", 8, lambda s: s.rate.median)),
        _less("start to first answer", 2, start(lambda s: s.seconds.median)),
        _less("resident memory after it", 2, start(lambda s: s.rss.median)),
    ]


def _more(what: str, aim: float, figures: dict[str, float]) -> Goal:
    return _goal(what, aim, figures, max, lambda ours, theirs: ours / theirs)


def _less(what: str, aim: float, figures: dict[str, float]) -> Goal:
    return _goal(what, aim, figures, min, lambda ours, theirs: theirs / ours if ours else float("inf"))


def _goal(
    what: str, aim: float, figures: dict[str, float], best: Callable[..., str], ratio: Callable[[float, float], float]
) -> Goal:
    ours = figures.get("shipway")
    peers = {target: value for target, value in figures.items() if target not in NO_PEERS}
    peer = best(peers, key=peers.__getitem__) if peers else ""
    if ours is None:
        return Goal(what, aim, None, peer, None)
    baseline = ratio(ours, figures[BASELINE]) if BASELINE in figures else None
    return Goal(what, aim, ratio(ours, peers[peer]) if peers else None, peer, baseline)


def disturbance(results: Results) -> Spread | None:
    """Cores that other work of the machine kept busy while figures were taken."""
    return spread(figure.others for figure in results.figures) if results.figures else None
