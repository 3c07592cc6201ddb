"""Batching around a real session."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tensorflow.core.example import example_pb2

from serving.batching.batching_parameters import BatchingParameters
from serving.batching.wrap_session import SessionBatcher
from serving.errors import Code, InvalidArgument, ServingError
from serving.monitoring.metrics import Registry
from serving.servables.classify import run_classify
from serving.servables.predict import run_predict
from serving.servables.saved_model import load_saved_model


@pytest.fixture(scope="module")
def batched(half_plus_two):
    """The model x / 2 + 2, batched by four rows and allowed sizes two and four."""
    batcher = SessionBatcher(
        BatchingParameters(
            max_batch_size=4, allowed_batch_sizes=(2, 4), num_batch_threads=2, max_enqueued_batches=1000
        ),
        Registry(),
    )
    bundle = load_saved_model(str(half_plus_two))
    batcher.prepare(bundle, str(half_plus_two))
    yield bundle
    bundle.close()
    batcher.close()


def test_batched_predictions_are_each_callers_own(batched):
    """Many callers at once, of one to four rows each."""

    def call(start):
        rows = np.arange(start, start + start % 4 + 1, dtype=np.float32)
        answer = run_predict(batched, "serving_default", {"x": rows})["y"]
        return (rows / 2 + 2).tolist() == answer.tolist()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(call, range(400)))


def test_batched_strings_and_classifications_are_each_callers_own(batched):
    """Strings are padded and cut off like numbers."""

    def example(value):
        proto = example_pb2.Example()
        proto.features.feature["x"].float_list.value.append(value)
        return proto.SerializeToString()

    def call(value):
        text = run_predict(batched, "text", {"image": np.array([b"%d" % value], object)})
        rows = run_classify(batched, "classify", [example(value)] * 3)
        return [[("half", value / 2 + 2)]] * 3 == rows and [b"%d" % value] == text["image_bytes"].tolist()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(call, range(100)))


@pytest.mark.parametrize(
    ("signature", "inputs", "kind", "message"),
    [
        (
            "slow",
            {"steps": np.array(1, np.int32)},
            InvalidArgument,
            "Batching Run() input tensors must have at least one dimension",
        ),
        (
            "pair",
            {"a": np.zeros((1, 2), np.float32), "b": np.zeros(2, np.int64)},
            InvalidArgument,
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
        (
            "serving_default",
            {"x": np.zeros(5, np.float32)},
            InvalidArgument,
            "Task size 5 is larger than maximum input batch size 4",
        ),
        (
            "serving_default",
            {"x": np.array([b"a"], object)},
            InvalidArgument,
            "Expects arg[0] to be float but string is provided",
        ),
    ],
)
def test_a_signature_that_cannot_be_batched_says_why(batched, signature, inputs, kind, message):
    """In upstream's words; a wrong dtype in TensorFlow's."""
    with pytest.raises(kind) as raised:
        run_predict(batched, signature, inputs)

    assert message == str(raised.value)


def test_an_example_that_cannot_be_parsed_fails_its_call(batched):
    """With what the session says; the next call is fine."""
    with pytest.raises(ServingError, match=r"^Could not parse example input, value: 'nonsense'") as raised:
        run_classify(batched, "classify", [b"nonsense"])
    assert Code.INVALID_ARGUMENT == raised.value.code

    assert [2.0] == run_predict(batched, "serving_default", {"x": np.zeros(1, np.float32)})["y"].tolist()
