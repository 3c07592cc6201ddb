"""What clients saw of an event: how many requests failed, for how long, and how slow the others were."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Line = dict[str, Any]


@dataclass(frozen=True)
class Outage:
    """What clients saw from `event` on, in seconds since 1970; `before` has those answered just before it."""

    event: float
    before: list[Line]
    during: list[Line]

    @property
    def requests(self) -> int:
        """How many were open at the event or asked after it."""
        return len(self.during)

    @property
    def failed(self) -> list[Line]:
        """Those of them that failed."""
        return [line for line in self.during if line["error"]]

    @property
    def recovery_s(self) -> float:
        """From the first request that failed to the first that did not after the last that failed; 0 if none failed."""
        if not self.failed:
            return 0.0
        times = [line["at"] for line in self.failed]
        good = [line["at"] for line in self.during if not line["error"] and line["at"] > max(times)]
        return float(min(good, default=float("inf")) - min(times))

    @property
    def p99_before_ms(self) -> float:
        """Of the answers before the event."""
        return p99(self.before)

    @property
    def p99_during_ms(self) -> float:
        """Of the answers from the event on; requests that failed have no answer."""
        return p99(self.during)

    def kinds(self) -> dict[str, int]:
        """What went wrong, each kind with its number."""
        errors = [f"{line['api']}: {line['error']}" for line in self.failed]
        return {error: errors.count(error) for error in dict.fromkeys(errors)}


def seen(lines: list[Line], event: float, before_s: float) -> Outage:
    """Parts what clients saw at an event; of the time before it only so much counts."""
    before = [line for line in lines if event - before_s <= line["at"] and answered(line) < event]
    return Outage(event, before, [line for line in lines if answered(line) >= event])


def answered(line: Line) -> float:
    """When a request was answered or given up, in seconds since 1970."""
    return float(line["at"] + line["ms"] / 1e3)


def p99(lines: list[Line]) -> float:
    """Of those that were answered, in ms; infinite where none was."""
    times = [line["ms"] for line in lines if not line["error"]]
    return float(np.percentile(times, 99)) if times else float("inf")
