"""Waiting for a server that a step needs: nobody watches a step, and a restart must not cost the whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE_S = 90.0  # a server that is restarted is back by then


def patiently(call: Callable[[], T], away: type[Exception], seconds: float = PATIENCE_S) -> T:
    """What the call gives; while it raises `away` it is made again, for so many seconds.

    Raises: what the call raises; `away` when it was the answer to the end.
    """
    for attempt in Retrying(
        retry=retry_if_exception_type(away),
        stop=stop_after_delay(seconds),
        wait=wait_exponential(max=10),
        reraise=True,
    ):
        with attempt:
            return call()
    raise AssertionError("tenacity either returns or raises")
