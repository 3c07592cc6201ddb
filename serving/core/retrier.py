"""retry: runs a function until it succeeds, is out of tries, or is told to stop."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from serving.errors import ServingError, Unknown, from_exception

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")
log = logging.getLogger(__name__)


def retry(
    description: str, run: Callable[[], T], max_num_retries: int, interval_s: float, cancelled: threading.Event
) -> T:
    """Runs once, then at most `max_num_retries` times more, `interval_s` seconds apart (negative: at once).

    Raises: the last ServingError, also when `cancelled` was set between two tries.
    Source: TF Serving util/retrier.cc at 2.20.0.
    """
    tries = 0
    while True:
        try:
            return run()
        except Exception as error:  # noqa: BLE001 - a loader may raise anything; a version's failure is its status
            failure = from_exception(error)
        except BaseException as error:  # noqa: BLE001 - nor may a model's `sys.exit` end the manager's thread
            failure = Unknown(f"{type(error).__name__}: {error}")
        if tries >= max_num_retries or cancelled.is_set():
            raise failure
        tries += 1
        _report(description, failure, tries, max_num_retries)
        cancelled.wait(max(interval_s, 0))
        if cancelled.is_set():
            raise failure


def _report(description: str, failure: ServingError, tries: int, max_num_retries: int) -> None:
    log.warning("%s failed, retry %d of %d follows: %s", description, tries, max_num_retries, failure.status())
