"""Workers: the threads on which requests run, so that the event loop never waits for a model."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from serving.errors import DeadlineExceeded, ServingError, from_exception

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
log = logging.getLogger(__name__)


def failure(error: Exception) -> ServingError:
    """What a transport answers for it; what is no ServingError is a bug of ours or of the model, and is logged."""
    if not isinstance(error, ServingError):
        log.error("a request failed", exc_info=error)
    return from_exception(error)


class Workers:
    """A bounded pool; TensorFlow lets go of the interpreter lock while a graph runs."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def run(self, call: Callable[[], T], timeout_s: float | None = None) -> T:
        """The call's result.

        Raises: DeadlineExceeded after `timeout_s` seconds, queueing included; the call itself cannot be broken off and
          keeps its thread until it ends. Otherwise what the call raises.
        """
        future = asyncio.get_running_loop().run_in_executor(self._pool, call)
        if timeout_s is None:
            return await future
        done, _ = await asyncio.wait([future], timeout=timeout_s)
        if not done:
            future.cancel()
            raise DeadlineExceeded("Timed out waiting for notification")
        return future.result()

    def stop(self) -> None:
        """Takes nothing more; does not wait for what hangs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
