"""What one run measures, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.targets import BATCHING, ECHO, PEERS_BY_NAME, SHIPWAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.targets import Target

CONNECTIONS = (1, 8, 32)


@dataclass(frozen=True)
class Cell:
    """One figure's place: a model, asked by a protocol ("grpc" or "rest") over so many connections."""

    model: str
    protocol: str
    connections: int


@dataclass(frozen=True)
class Phase:
    """What is measured of one start of a server; `cold`: the start itself too."""

    models: tuple[str, ...]
    cells: tuple[Cell, ...]
    cold: bool


@dataclass(frozen=True)
class Plan:
    """`seconds` of measuring a cell, in each of `repetitions`."""

    repetitions: int
    seconds: float


FULL, QUICK = Plan(3, 1.5), Plan(1, 0.7)
PROTOCOLS = ("grpc", "rest")
SMALL = Phase(("mlp",), tuple(Cell("mlp", p, c) for p in PROTOCOLS for c in CONNECTIONS), cold=True)
OTHERS = Phase(
    ("cnn", "image"),
    tuple(Cell(model, p, c) for model, c in (("cnn", 8), ("image", 1)) for p in PROTOCOLS),
    cold=False,
)


def order(peers: Sequence[str], repetition: int) -> list[tuple[Target, Phase]]:
    """All starts of a repetition; each repetition begins with another server."""
    own = [(ECHO, SMALL), (SHIPWAY, SMALL), (BATCHING, SMALL), (SHIPWAY, OTHERS), (ECHO, OTHERS)]
    others = [(PEERS_BY_NAME[name], phase) for name in peers for phase in (SMALL, OTHERS)]
    everything = own + others
    first = repetition * 5 % len(everything)
    return everything[first:] + everything[:first]


def cells(target: Target, phase: Phase) -> list[Cell]:
    """The cells of a phase that the server can be asked at all."""
    return [cell for cell in phase.cells if cell.protocol in target.forms]
