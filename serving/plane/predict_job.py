"""PredictJob: one Predict request, and where it runs: in this tick of the event loop, in a batch, or on a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.errors import Code, DeadlineExceeded
from serving.plane.model_job import Answer, Done, ModelJob, failure
from serving.plane.predict_plan import run_measured

if TYPE_CHECKING:
    from serving.core.servable_handle import ServableHandle
    from serving.errors import ServingError
    from serving.exchange import Client
    from serving.model_spec import ModelSpec
    from serving.plane.loop_inbox import LoopInbox
    from serving.plane.merging import TickMerger
    from serving.plane.predict_plan import PredictPlan
    from serving.plane.request_metrics import Api, RequestMetrics
    from serving.plane.served_model import ServedModel
    from serving.servables.signature import Signature

Array = NDArray[Any]
# Aliases to tensors, and the output filter; None for a signature that is not there: raise what the transport says then,
# or return anything, and the job says it.
Decode = Callable[["Signature | None"], tuple[Mapping[str, Array], Sequence[str]]]
Encode = Callable[["ModelSpec", Mapping[str, Array]], bytes]


class Runs:
    """What the jobs of one API share."""

    __slots__ = ("api", "inbox", "merger", "metrics")

    def __init__(self, inbox: LoopInbox, merger: TickMerger, metrics: RequestMetrics, api: Api) -> None:
        self.inbox = inbox
        self.merger = merger
        self.metrics = metrics
        self.api = api


class PredictJob:
    """Begins on the event loop's thread; answers there by `done`, once it was counted.

    It holds its version until nothing runs for it any more, which may be after it was answered that its time is up.
    """

    __slots__ = (
        "_decode",
        "_decoded",
        "_done",
        "_encode",
        "_handle",
        "_model",
        "_plan",
        "_ran_from",
        "_runs",
        "_spec",
        "_started",
        "_timer",
    )

    def __init__(self, handle: ServableHandle, spec: ModelSpec, decode: Decode, encode: Encode, runs: Runs) -> None:
        self._started = perf_counter()
        self._handle = handle
        self._model: ServedModel = handle.servable
        self._spec = self._model.exact(spec)
        self._decode = decode
        self._encode = encode
        self._done: Done = _nobody
        self._runs = runs
        self._plan: PredictPlan | None = None
        self._decoded: tuple[Mapping[str, Array], Sequence[str]] | None = None
        self._ran_from = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(
        self, done: Done, deadline: float | None, size: int, client: Client | None = None, *, inline: bool = True
    ) -> None:
        """Runs it here if that is quick, else elsewhere; not here if not `inline`."""
        self._done = done
        try:
            if inline and self._start_inline(deadline, client):
                return
        except Exception as error:  # noqa: BLE001 - it is this request's answer
            self._handle.release()
            self._answer(None, failure(error))
            return
        self._start_job(deadline, size, client)

    def _start_job(self, deadline: float | None, size: int, client: Client | None) -> None:
        """The job lets go of the handle when its thread has run, which may be after it has answered."""
        try:
            job = ModelJob(self._handle, self._spec, self._on_thread, self._runs.inbox)
            job.start(self._answer, deadline, size, client)
        except Exception as error:  # noqa: BLE001 - it is this request's answer
            self._answer(None, failure(error))

    def _start_inline(self, deadline: float | None, client: Client | None) -> bool:
        """False: it needs a thread. Raises ServingError."""
        model, name = self._model, self._spec.signature_name
        decoded = self._decoded = self._decode(model.bundle.signatures.get(name))
        plan = self._plan = model.plans.find(name, *decoded)
        if plan is None:
            return False
        inputs = decoded[0]
        arrays = [inputs[alias] for alias in plan.inputs]
        self._ran_from = perf_counter()
        call = plan.direct(arrays, model.batching)
        if call is None and model.batching is not None:
            if deadline is not None:
                # A batch that hangs must not keep its callers.
                left_s = max(0.0, deadline - time.monotonic())
                self._timer = asyncio.get_running_loop().call_later(left_s, self._expire)
            feeds = dict(zip(plan.feeds, arrays, strict=True))
            model.batching.submit(feeds, plan.fetches, self._batched, deadline, client)
            return True
        if call is None or not call.cost.is_quick(len(arrays[0])):
            return False
        self._runs.merger.submit(call, arrays, self._ran)
        return True

    def _batched(self, outputs: dict[str, Array] | None, error: ServingError | None) -> None:
        """On a batch thread."""
        assert self._plan is not None
        values = None if outputs is None else [outputs[tensor] for tensor in self._plan.fetches]
        self._runs.inbox.put(lambda: self._ran(values, error))

    def _ran(self, outputs: list[Array] | None, error: ServingError | None) -> None:
        """The last to use the version."""
        answer: Answer | None = None
        if outputs is not None and self._plan is not None:
            self._runs.metrics.record_run(self._runs.api, self._spec.name, perf_counter() - self._ran_from)
            try:
                body = self._encode(self._spec, dict(zip(self._plan.aliases, outputs)))  # noqa: B905 - of one plan
                answer = Answer(body, self._spec, self._model.metadata)
            except Exception as raised:  # noqa: BLE001 - it is this request's answer
                error = failure(raised)
        self._handle.release()
        self._answer(answer, error)

    def _expire(self) -> None:
        self._answer(None, DeadlineExceeded("Timed out waiting for notification"))

    def _answer(self, answer: Answer | None, error: ServingError | None) -> None:
        done, self._done = self._done, _nobody
        if done is _nobody:  # its time was up
            return
        if self._timer is not None:
            self._timer.cancel()
        self._runs.metrics.record(self._runs.api, self._spec.name, error.code if error else Code.OK, self._started)
        done(answer, error)

    def _on_thread(self, model: ServedModel, spec: ModelSpec, left_s: float | None) -> bytes:
        inputs, output_filter = self._decoded or self._decode(model.bundle.signatures.get(spec.signature_name))
        plan, arrays = model.plans.prepare(spec.signature_name, inputs, output_filter)
        started = perf_counter()
        call = plan.direct(arrays, model.batching)
        outputs = run_measured(call, arrays) if call else plan.run(model.bundle, arrays, left_s)
        self._runs.metrics.record_run(self._runs.api, spec.name, perf_counter() - started)
        return self._encode(spec, dict(zip(plan.aliases, outputs, strict=True)))


def _nobody(_answer: Answer | None, _error: ServingError | None) -> None:
    pass
