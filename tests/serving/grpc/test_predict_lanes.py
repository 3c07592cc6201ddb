"""Requests that were seen before find their lane."""

import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2

from serving.grpc.predict_lanes import PredictLanes
from serving.servables.tensor_proto import from_array
from serving.wire.predict_request import read_predict_request


class Lane:
    """Takes what is quick, and keeps its values."""

    def __init__(self, spec, is_quick):
        self.spec = spec
        self.taken = []
        self._is_quick = is_quick

    def submit(self, array, _caller, _started):
        """As Lane."""
        self.taken.append(array.tolist())
        return self._is_quick


class Service:
    """What asks the lanes first, and reads what they do not take."""

    def __init__(self, *, is_quick=True):
        self.lanes = weakref.WeakSet()
        self.read = 0
        self._is_quick = is_quick
        self._known = PredictLanes(self, None)

    def lane(self, spec, _alias, _output_filter, _encode, *, api):
        """As DataPlane."""
        assert "Predict" == api.name
        lane = Lane(spec, self._is_quick)
        self.lanes.add(lane)
        return lane

    def ask(self, array, name="m"):
        """One request."""
        request = predict_pb2.PredictRequest()
        request.model_spec.name = name
        request.inputs["x"].CopyFrom(from_array(array))
        message = request.SerializeToString()
        if not self._known.take(SimpleNamespace(message=message)):
            self.read += 1
            self._known.learn(message, read_predict_request(message))


def test_only_the_first_is_read():
    """Of each number of rows, which share a lane."""
    service = Service()
    for rows in (1, 2, 1, 2, 1):
        service.ask(np.full(rows, rows, np.float32))

    assert 2 == service.read
    (lane,) = service.lanes
    assert [[1.0], [2.0, 2.0], [1.0]] == lane.taken


def test_models_with_names_of_one_length_are_told_apart():
    """Their requests are as long."""
    service = Service()
    for name in ("a", "b", "a", "b"):
        service.ask(np.full(1, ord(name), np.float32), name)

    assert {"a": [[97.0]], "b": [[98.0]]} == {lane.spec.name: lane.taken for lane in service.lanes}


def test_what_is_not_quick_is_read_and_learned_once():
    """Its lane stays the one that it has."""
    service = Service(is_quick=False)
    for _ in range(5):
        service.ask(np.ones(1, np.float32))

    assert 5 == service.read
    assert 1 == len(service.lanes)


@pytest.mark.parametrize("kind", ["names", "lengths"])
def test_what_is_kept_is_bounded(kind):
    """However many names or lengths clients make up."""
    service = Service()
    for number in range(5000):
        service.ask(np.ones(1 if kind == "names" else number + 1, np.float32), f"{number:04}")

    assert len(service.lanes) < 1500
