"""Lane: quick requests of one tensor that differ in its values only; what they share is found once for all of a tick.

Version, handle, plan and whether it is quick are the same for every request of a signature that comes in one tick of
the event loop, and so is most of each answer. A lane is where such requests meet; what is not quick goes the long way,
by DataPlane.predict, and is answered the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from serving.errors import ServingError
from serving.plane.model_job import failure

if TYPE_CHECKING:
    import numpy as np

    from serving.core.servable_handle import ServableHandle
    from serving.errors import Code
    from serving.model_spec import ModelSpec
    from serving.plane.merging import Request, TickMerger
    from serving.plane.predict_plan import PredictPlan
    from serving.plane.request_metrics import Api, RequestMetrics
    from serving.plane.served_model import Metadata, ServedModel
    from serving.servables.signature import Signature

Array = NDArray[Any]
log = logging.getLogger(__name__)
# The bodies of the answers of so many requests, of which each has the same share of the outputs' rows.
EncodeAll = Callable[["ModelSpec", Mapping[str, Array], int], Sequence[bytes]]


class Caller(Protocol):
    """Who waits for an answer."""

    def reply(self, body: bytes, metadata: Metadata, /) -> None:
        """With the answer, and where it comes from."""

    def fail(self, code: Code, message: str, /) -> None:
        """With an error."""


class Lane:
    """The requests of one API with the same model spec, one input and the same output filter.

    Args:
      find: A handle on the version that a spec means.
      alias: The input's.
      signature: For which callers make their arrays; a version that has another answers none of them here. None: any.
    """

    def __init__(  # noqa: PLR0917 - made once
        self,
        find: Callable[[ModelSpec], ServableHandle],
        merger: TickMerger,
        metrics: RequestMetrics,
        api: Api,
        spec: ModelSpec,
        alias: str,
        output_filter: tuple[str, ...],
        encode: EncodeAll,
        signature: Signature | None = None,
    ) -> None:
        self.metrics = metrics
        self.api = api
        self.encode = encode
        self.merger = merger
        self.turn: LaneTurn | None = None
        self._find = find
        self._spec = spec
        self._alias = alias
        self._output_filter = output_filter
        self.signature = signature

    def submit(self, array: Array, caller: Caller, started: float) -> bool:
        """Answers soon, as DataPlane.predict would; False: it does not, ask that.

        Args:
          array: The input's tensor.
          started: When the request began, by time.perf_counter().
        """
        turn = self.turn or self._begin()
        return turn is not None and turn.submit(array, caller, started)

    def _begin(self) -> LaneTurn | None:
        try:
            handle = self._find(self._spec)
        except ServingError:
            return None
        model: ServedModel = handle.servable
        exact = model.exact(self._spec)
        plan = model.plans.find(exact.signature_name, (self._alias,), self._output_filter)
        if plan is None or plan.call is None or not self._is_made_for(model, exact.signature_name):
            handle.release()
            return None
        self.turn = LaneTurn(self, handle, exact, plan)
        self.merger.join(self.turn)
        return self.turn

    def _is_made_for(self, model: ServedModel, name: str) -> bool:
        return self.signature is None or self.signature is model.bundle.signatures.get(name)


class LaneTurn:
    """A lane's requests of one tick, and the version that answers them."""

    __slots__ = ("_dtype", "_group", "_handle", "_lane", "_model", "_plan", "_shape", "_spec")

    def __init__(self, lane: Lane, handle: ServableHandle, spec: ModelSpec, plan: PredictPlan) -> None:
        self._lane = lane
        self._handle = handle
        self._model: ServedModel = handle.servable
        self._spec = spec
        self._plan = plan
        # Of the last request, where it went.
        self._shape: tuple[int, ...] | None = None
        self._dtype: np.dtype[Any] | None = None
        self._group: list[Request] = []

    def submit(self, array: Array, caller: Caller, started: float) -> bool:
        """See Lane.submit."""
        if (array.shape != self._shape or array.dtype is not self._dtype) and not self._takes(array):
            return False
        self._group.append(([array], self, (caller, started, perf_counter())))
        return True

    def _takes(self, array: Array) -> bool:
        """Whether such an array is quick to run."""
        call = self._plan.direct([array], self._model.batching)
        if call is None or not call.cost.is_quick(len(array)):
            return False
        self._shape, self._dtype, self._group = array.shape, array.dtype, self._lane.merger.group(call, [array])
        return True

    # What the merger calls.

    def begin(self) -> None:
        """What is submitted from now on may find another version."""
        self._lane.turn = None

    def end(self) -> None:
        """Lets go of the version."""
        self._handle.release()

    def ran(self, requests: Sequence[Request], outputs: list[Array]) -> None:
        """Encodes, counts and answers."""
        lane = self._lane
        ran_at = perf_counter()
        try:
            bodies = self._bodies(requests, dict(zip(self._plan.aliases, outputs, strict=True)))
        except Exception as raised:  # noqa: BLE001 - it is the answer
            error = failure(raised)
            for request in requests:
                self.failed(request, error)
            return
        lane.metrics.record_together(lane.api, self._spec.name, [request[2] for request in requests], ran_at)
        metadata = self._model.metadata
        for request, body in zip(requests, bodies, strict=True):
            try:
                request[2][0].reply(body, metadata)
            except Exception:  # noqa: PERF203 - one that cannot be answered must not keep the others from their answers
                log.exception("an answer could not be given")

    def failed(self, request: Request, error: ServingError) -> None:
        """Counts it and says so."""
        caller, started, _ = request[2]
        self._lane.metrics.record(self._lane.api, self._spec.name, error.code, started)
        caller.fail(error.code, error.message)

    def _bodies(self, requests: Sequence[Request], outputs: Mapping[str, Array]) -> Sequence[bytes]:
        encode = self._lane.encode
        if len(requests) == 1:
            return encode(self._spec, outputs, 1)
        rows = [request[0][0].shape[0] for request in requests]
        if len(set(rows)) == 1:
            return encode(self._spec, outputs, len(rows))
        bodies: list[bytes] = []
        end = 0
        for count in rows:
            start, end = end, end + count
            bodies += encode(self._spec, {alias: output[start:end] for alias, output in outputs.items()}, 1)
        return bodies
