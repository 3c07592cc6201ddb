"""RunCost: how long a callable takes for so many rows, and whether that is short enough for the event loop's thread."""

from __future__ import annotations

# The loop answers for every model, so a run on it delays all others by as much as it takes. To hand a run to a thread
# and back costs about 0.1 ms of processor time; above 1 ms that is under a tenth of the run itself.
QUICK_S = 1e-3
# Down at once by half of the difference, up by a tenth: what is measured is wall time, which other threads only ever
# make longer. A run of a second in between still keeps its model off the loop for some runs.
_DOWN, _UP = 0.5, 0.1
# The first run builds what TensorFlow builds lazily.
_MIN_RUNS = 3


class RunCost:
    """What was measured of one callable, by rows in steps of two; record() may be called from any thread.

    It is for callables that compute and nothing else (row-wise ones): the past of one that waits says little.
    """

    def __init__(self, quick_s: float = QUICK_S) -> None:
        self._quick_s = quick_s
        self._seconds: dict[int, float] = {}
        self._runs = 0

    def record(self, rows: int, seconds: float) -> None:
        """Takes note of one run, failed ones left out."""
        step = rows.bit_length()
        known = self._seconds.get(step)
        if known is not None:
            seconds = known + (seconds - known) * (_DOWN if seconds < known else _UP)
        self._seconds[step] = seconds
        self._runs += 1

    def expected_s(self, rows: int) -> float | None:
        """Seconds that a run of so many rows will take; None: too little is known.

        Never less in proportion than the next smaller number of rows that was measured.
        """
        seconds, step = self._seconds, rows.bit_length()
        if self._runs < _MIN_RUNS:
            return None
        if step in seconds:
            return seconds[step]
        # Another thread may add a step meanwhile.
        steps = list(seconds)
        below = max((known for known in steps if known < step), default=None)
        if below is None:
            return seconds[min(steps)]
        return seconds[below] * 2.0 ** (step - below)

    def is_quick(self, rows: int) -> bool:
        """Whether a run of so many rows belongs on the event loop's thread; not before it was measured elsewhere."""
        expected = self.expected_s(rows)
        return expected is not None and expected <= self._quick_s

    def quick_rows(self, at_most: int) -> int:
        """The most rows, up to a power of two less one, of which a run is quick; at least 1."""
        rows = 1
        while rows * 2 < at_most and self.is_quick(rows * 2 + 1):
            rows = rows * 2 + 1
        return min(rows, at_most)
