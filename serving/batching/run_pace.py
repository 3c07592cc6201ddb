"""RunPace: whether a limit of time is worth its price for the next run of a model.

A run under a limit goes through the session's own threads and takes 0.2 ms longer, as much as two small batches do.
"""

from __future__ import annotations

ENOUGH_RUNS = 20
# How many times longer than the slowest of the recent runs a caller has to have time.
MARGIN = 100
_FADING = 0.99


class RunPace:
    """What a model's runs took of late. Safe from many threads: a lost update changes nothing that matters."""

    def __init__(self) -> None:
        self._runs = 0
        self._slowest_s = 0.0

    def ran(self, seconds: float) -> None:
        """A run took so long, or was broken off after so long."""
        self._runs += 1
        self._slowest_s = max(seconds, self._slowest_s * _FADING)

    def limit(self, left_s: float | None) -> float | None:
        """The limit for a run whose callers have so much time; None: none, or one that it will hardly ever reach."""
        known_to_be_quick = self._runs >= ENOUGH_RUNS
        if left_s is None or (known_to_be_quick and left_s > MARGIN * self._slowest_s):
            return None
        return left_s
