"""What a run found, as plain records, to a file and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measuring of one cell: CPU in seconds per 1,000 answers; `others`: cores busy with other work meanwhile."""

    target: str
    model: str
    protocol: str
    connections: int
    rate: float
    p50_ms: float
    p99_ms: float
    server_cpu: float
    client_cpu: float
    others: float
    answered: int
    errors: dict[str, int]


@dataclass(frozen=True)
class Start:
    """One start: seconds to the first right answer by REST, bytes resident after it."""

    target: str
    seconds: float
    rss: int
    pss: int
    processes: int


@dataclass(frozen=True)
class Call:
    """The model called bare, in a loop: rows per second, CPU seconds per 1,000 rows."""

    model: str
    batch: int
    rate: float
    cpu: float


@dataclass
class Results:
    """All of one run. `failures` by server and what was tried; `about` is what the page says of the machine."""

    figures: list[Figure] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def read(path: Path) -> Results:
    """What `write` wrote."""
    data = json.loads(path.read_text())
    return Results(
        [Figure(**each) for each in data["figures"]],
        [Start(**each) for each in data["starts"]],
        [Call(**each) for each in data["calls"]],
        data["failures"],
        data["about"],
    )
