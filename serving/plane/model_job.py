"""ModelJob: one request on a thread of its model; answers once: its result, its error, or that its time is up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from serving.errors import Code, DeadlineExceeded, ServingError, from_exception

if TYPE_CHECKING:
    from serving.core.servable_handle import ServableHandle
    from serving.exchange import Client
    from serving.model_spec import ModelSpec
    from serving.plane.loop_inbox import LoopInbox
    from serving.plane.served_model import Metadata, ServedModel

log = logging.getLogger(__name__)
# Exactly one of the two is not None.
Done = Callable[["Answer | None", "ServingError | None"], None]
# From the model, the exact spec and the seconds left, or None for no limit, to the encoded answer.
Work = Callable[["ServedModel", "ModelSpec", "float | None"], bytes]
_LEAST_S = 0.001


class Answer(NamedTuple):
    """A request's encoded answer, and which model it is of."""

    body: bytes
    spec: ModelSpec
    metadata: Metadata


class ModelJob:
    """Holds its version from before it waits for a thread until it has run."""

    def __init__(self, handle: ServableHandle, spec: ModelSpec, work: Work, inbox: LoopInbox) -> None:
        self._handle = handle
        self._model: ServedModel = handle.servable
        self._spec = spec
        self._work = work
        self._inbox = inbox
        self._done: Done | None = None
        self._client: Client | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self, done: Done, deadline: float | None, size: int, client: Client | None = None) -> None:
        """Queues it; `size`: bytes that it holds while it waits. It does not run if its client has gone by then."""
        self._done = done
        self._client = client
        self._deadline = deadline
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0, deadline - time.monotonic()), self._expire)
        try:
            self._model.threads.submit(self._run, size)
        except ServingError as error:
            self._handle.release()
            self._finish(None, error)

    def _run(self) -> None:
        answer: Answer | None = None
        error: ServingError | None = None
        try:
            if self._client is not None and self._client.cancelled:
                error = ServingError("The client has gone", Code.CANCELLED)
            elif self._done is not None:  # else its time is up
                body = self._work(self._model, self._spec, self._left_s())
                answer = Answer(body, self._spec, self._model.metadata)
        except Exception as raised:  # noqa: BLE001 - whatever a model raises is this request's answer
            error = failure(raised)
        finally:
            self._handle.release()
        self._inbox.put(lambda: self._finish(answer, error))

    def _left_s(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - time.monotonic(), _LEAST_S)

    def _expire(self) -> None:
        self._finish(None, DeadlineExceeded("Timed out waiting for notification"))

    def _finish(self, answer: Answer | None, error: ServingError | None) -> None:
        done, self._done = self._done, None
        if self._timer:
            self._timer.cancel()
        if done is not None and (answer or error):
            done(answer, error)


def failure(error: Exception) -> ServingError:
    """What a transport answers for it; what is no ServingError is a bug of ours or of the model, and is logged."""
    if not isinstance(error, ServingError):
        log.error("a request failed", exc_info=error)
    return from_exception(error)
