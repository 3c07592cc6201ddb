"""PredictLanes: predict bodies to the lanes of those that asked the same of a model before."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from serving.plane.request_metrics import REST_PREDICT
from serving.rest import tensor_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from serving.model_spec import ModelSpec
    from serving.plane.data_plane import DataPlane
    from serving.plane.lane import Caller, Lane
    from serving.rest.predict_body import PredictBody
    from serving.servables.signature import Signature

_MAX_KEPT = 256
# The request's target, the signature's name, and whether the answer is in row form.
_Key = tuple[bytes, str, bool]


class PredictLanes:
    """On the event loop's thread."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._lanes: dict[_Key, tuple[Mapping[str, str], Lane]] = {}

    def take(self, target: bytes, body: PredictBody, caller: Caller) -> bool:
        """Answers it soon; False: it does not, as nothing like it was seen or it is not quick."""
        known = self._lanes.get((target, body.signature_name, body.row_form))
        if known is None:
            return False
        started = perf_counter()
        dtypes, lane = known
        tensors = body.quick_inputs(dtypes)
        if tensors is None:
            return False
        (array,) = tensors.values()
        return lane.submit(array, caller, started)

    def learn(self, target: bytes, body: PredictBody, spec: ModelSpec, signature: Signature) -> None:
        """Remembers what a body was that was read for a signature."""
        key = target, body.signature_name, body.row_form
        known = self._lanes.get(key)
        if len(signature.inputs) != 1 or (known is not None and known[1].signature is signature):
            return
        ((alias, info),) = signature.inputs.items()
        write = tensor_json.predictions_together if body.row_form else tensor_json.outputs_together
        lane = self._plane.lane(spec, alias, (), _encoder(write), api=REST_PREDICT, signature=signature)
        if len(self._lanes) >= _MAX_KEPT:
            self._lanes.clear()
        self._lanes[key] = {alias: info.dtype}, lane


def _encoder(
    write: Callable[[Mapping[str, NDArray[Any]], int], list[str]],
) -> Callable[[ModelSpec, Mapping[str, NDArray[Any]], int], list[bytes]]:
    def encode(_: ModelSpec, outputs: Mapping[str, NDArray[Any]], count: int) -> list[bytes]:
        return [text.encode("utf-8", "surrogateescape") for text in write(outputs, count)]

    return encode
