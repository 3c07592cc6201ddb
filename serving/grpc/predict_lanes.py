"""PredictLanes: requests that were seen before, but for their values, to the lanes where they are answered quickly."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from serving.plane.request_metrics import GRPC_PREDICT
from serving.wire.request_pattern import RequestPattern, pattern_of

if TYPE_CHECKING:
    from serving.exchange import RpcCall
    from serving.model_spec import ModelSpec
    from serving.plane.data_plane import DataPlane
    from serving.plane.lane import EncodeAll, Lane
    from serving.wire.predict_request import PredictRequestView

# Lengths of messages and lanes that are kept, for names come from requests; patterns of one length.
_MAX_KEPT, _MAX_ALIKE = 1024, 8

# The model spec, the input's alias, and the output filter: requests of any number of rows share a lane.
_Key = tuple["ModelSpec", str, tuple[str, ...]]


class PredictLanes:
    """On the event loop's thread."""

    def __init__(self, plane: DataPlane, encode: EncodeAll) -> None:
        self._plane = plane
        self._encode = encode
        self._by_length: dict[int, list[tuple[RequestPattern, Lane]]] = {}
        self._lanes: dict[_Key, Lane] = {}

    def take(self, call: RpcCall) -> bool:
        """Answers it soon; False: it does not, as nothing like it was seen or it is not quick."""
        message = call.message
        known = self._by_length.get(len(message))
        if known is not None:
            for pattern, lane in known:
                array = pattern.array(message)
                if array is not None:
                    return lane.submit(array, call, perf_counter())
        return False

    def learn(self, message: bytes, view: PredictRequestView) -> None:
        """Remembers what a request was that was read."""
        if view.spec is None or self._knows(message):
            return
        pattern = pattern_of(message, view)
        if pattern is None:
            return
        if max(len(self._by_length), len(self._lanes)) >= _MAX_KEPT:
            self._by_length.clear()
            self._lanes.clear()
        alike = self._by_length.setdefault(len(message), [])
        del alike[_MAX_ALIKE - 1 :]
        alike.insert(0, (pattern, self._lane((view.spec, next(iter(view.inputs)), tuple(view.output_filter)))))

    def _lane(self, key: _Key) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = self._plane.lane(*key, self._encode, api=GRPC_PREDICT)
        return lane

    def _knows(self, message: bytes) -> bool:
        alike = self._by_length.get(len(message), ())
        return any(pattern.array(message) is not None for pattern, _ in alike)
