"""RunCost: how long a callable takes for so many rows, and whether that is short enough for the event loop's thread."""

from __future__ import annotations

# The loop answers for every model, so a run on it delays all others by as much as it takes. To hand a run to a thread
# and back costs about 0.1 ms of processor time; above 1 ms that is under a tenth of the run itself.
QUICK_S = 1e-3
# Down by half of the difference, up by no more than a quarter: one run may meet anything. What has become slow is
# found out in some 15 measurements.
_DOWN, _UP = 0.5, 1.25
# The first run builds what TensorFlow builds lazily.
_MIN_RUNS = 3
_STEPS = 32
# Reading a thread's own clock is a system call, up to 5 us; so only every so many runs on the loop are measured.
_EVERY = 16


class RunCost:
    """What was measured of one callable, by rows in steps of two; record() may be called from any thread.

    It is for callables that compute and nothing else (row-wise ones): the past of one that waits says little.
    """

    def __init__(self, quick_s: float = QUICK_S) -> None:
        self._quick_s = quick_s
        self._seconds = [float("inf")] * _STEPS
        self._runs = 0
        self._unmeasured = 0
        self._quick = [False] * _STEPS

    def is_due(self) -> bool:
        """Whether the next run on the event loop should be measured; only that thread asks."""
        self._unmeasured = (self._unmeasured + 1) % _EVERY
        return not self._unmeasured

    def record(self, rows: int, seconds: float) -> None:
        """Takes note of one run that succeeded.

        Args:
          seconds: By time.thread_time(): wall time is mostly that of waiting, for the interpreter and for a processor.
        """
        step = min(rows.bit_length(), _STEPS - 1)
        known = self._seconds[step]
        if seconds < known < float("inf"):
            seconds = known + (seconds - known) * _DOWN
        self._seconds[step] = min(seconds, known * _UP)
        self._runs += 1
        # Asked for every request, while this changes now and then.
        self._quick = [self._is_quick(step) for step in range(_STEPS)]

    def expected_s(self, rows: int) -> float | None:
        """Seconds that a run of so many rows will take; None: too little is known.

        At most in proportion to fewer rows, so that one bad measurement of a big run does not forbid big runs for ever.
        """
        return self._expected_s(min(rows.bit_length(), _STEPS - 1))

    def is_quick(self, rows: int) -> bool:
        """Whether a run of so many rows belongs on the event loop's thread; not before it was measured elsewhere."""
        return self._quick[min(rows.bit_length(), _STEPS - 1)]

    def may_be_quick(self, rows: int) -> bool:
        """Whether it is, or has to be measured first."""
        return self._runs < _MIN_RUNS or self.is_quick(rows)

    def _expected_s(self, step: int) -> float | None:
        if self._runs < _MIN_RUNS:
            return None
        expected = float("inf")
        for seconds in self._seconds[: step + 1]:
            expected = min(expected * 2, seconds)
        # Nothing as small was measured: it takes no longer than what is bigger.
        return expected if expected < float("inf") else min(self._seconds)

    def _is_quick(self, step: int) -> bool:
        expected = self._expected_s(step)
        return expected is not None and expected <= self._quick_s

    def quick_rows(self) -> int:
        """The most rows, a power of two less one, of which a run is quick; at least 1."""
        most, expected = 1, float("inf")
        for step, seconds in enumerate(self._seconds):
            expected = min(expected * 2, seconds)
            if expected <= self._quick_s:
                most = (1 << step) - 1
        return max(most, 1)
