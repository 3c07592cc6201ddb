"""An answer's bytes are those that protobuf writes."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorflow_serving.apis import predict_pb2

from serving.model_spec import ModelSpec
from serving.servables.tensor_proto import from_array
from serving.wire.predict_response import encode_predict_response, encode_predict_responses
from serving.wire.tensor_fields import BY_DTYPE, Form

SPEC = ModelSpec("mlp", 3, None, "serving_default")
DTYPES = ("f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "?", "f2", "c8", "c16")


def fill(tensor, array: np.ndarray) -> None:
    """The typed field, an entry for each element."""
    field = BY_DTYPE[array.dtype]
    tensor.dtype = field.number
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add().size = size
    flat = array.ravel()
    if field.form is Form.BITS:
        flat = flat.view(np.uint16)
    elif array.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    getattr(tensor, field.name).extend(flat.tolist())


def by_protobuf(spec: ModelSpec, outputs) -> bytes:
    """The same answer built the ordinary way."""
    response = predict_pb2.PredictResponse()
    response.model_spec.name = spec.name
    response.model_spec.version.value = spec.version
    response.model_spec.signature_name = spec.signature_name
    for alias, array in outputs.items():
        fill(response.outputs[alias], array)
    return bytes(response.SerializeToString(deterministic=True))


arrays = npst.arrays(st.sampled_from(DTYPES), npst.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4))


@given(
    st.dictionaries(st.text("abyz", min_size=2, max_size=2), arrays, max_size=3),
    st.builds(ModelSpec, st.text(max_size=9), st.integers(0, 2**63 - 1), st.none(), st.text(max_size=9)),
)
@settings(max_examples=300, deadline=None)
def test_any_answer_is_written_as_protobuf_writes_it(outputs, spec):
    """Every dtype and shape, several outputs, any name and version."""
    assert by_protobuf(spec, outputs) == encode_predict_response(spec, outputs)


@given(
    st.integers(1, 4),
    st.integers(0, 3),
    st.dictionaries(st.text("abyz", min_size=1, max_size=2), st.sampled_from([*DTYPES, "O"]), min_size=1, max_size=3),
    st.booleans(),
    st.data(),
)
@settings(deadline=None)
def test_shares_are_written_as_each_alone(count, rows, dtypes, as_content, data):
    """Every dtype and number of rows, several outputs."""
    outputs = {}
    for alias, dtype in dtypes.items():
        shape = (rows * count, *data.draw(npst.array_shapes(min_dims=0, min_side=0, max_dims=2, max_side=3)))
        values = npst.arrays("u1" if dtype == "O" else dtype, shape)
        outputs[alias] = data.draw(values)
        if dtype == "O":
            outputs[alias] = np.vectorize(lambda value: b"%d" % value, otypes=[object])(outputs[alias])
    shares = encode_predict_responses(SPEC, outputs, count, as_tensor_content=as_content)

    alone = [
        encode_predict_response(
            SPEC,
            {alias: array[rows * at : rows * (at + 1)] for alias, array in outputs.items()},
            as_tensor_content=as_content,
        )
        for at in range(count)
    ]
    assert alone == shares


@pytest.mark.parametrize("size", [0, 1, 300, 2000])
@pytest.mark.parametrize("dtype", [*DTYPES, ml_dtypes.bfloat16])
def test_big_and_negative_values_are_written_as_protobuf_writes_them(dtype, size):
    """Varints of all widths, few and many."""
    kind = np.dtype(dtype)
    limits = np.iinfo(kind) if kind.kind in "iu" else None
    values = [limits.min, limits.max, 0, 127, limits.max // 3] if limits else [0, 1, 3e4, 7, 0.5]
    outputs = {"y": np.array((values * size)[:size], object).astype(kind)}

    assert by_protobuf(SPEC, outputs) == encode_predict_response(SPEC, outputs)


def test_outputs_are_written_in_order_of_their_aliases():
    """By bytes, as C++ compares strings: the empty one first, a prefix before what it begins."""
    outputs = dict.fromkeys(["b", "ab", "", "a"], np.zeros(1, np.float32))

    body = encode_predict_response(SPEC, outputs)

    assert sorted(map(body.index, [b"\n\0\x12", b"\n\1a\x12", b"\n\2ab", b"\n\1b"])) == [
        body.index(key) for key in (b"\n\0\x12", b"\n\1a\x12", b"\n\2ab", b"\n\1b")
    ]
    assert set(outputs) == set(predict_pb2.PredictResponse.FromString(body).outputs)


def test_strings_are_written_one_field_each():
    """Empty and long ones, and a scalar."""
    outputs = {"s": np.array([[b"", b"a\0"], [b"x" * 300, b"\xff"]], object), "one": np.array(b"b", object)}

    assert by_protobuf(SPEC, outputs) == encode_predict_response(SPEC, outputs)


def test_rows_that_are_not_contiguous_are_written_in_order():
    """A slice of a transposed array."""
    outputs = {"y": np.arange(12, dtype=np.float32).reshape(3, 4).T[1:3]}

    assert by_protobuf(SPEC, outputs) == encode_predict_response(SPEC, outputs)


@pytest.mark.parametrize("dtype", [*DTYPES, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
def test_tensor_content_holds_the_arrays_memory(dtype, shape):
    """With --enable_serialization_as_tensor_content no typed field is written."""
    array = np.ones(shape, dtype)

    body = encode_predict_response(SPEC, {"y": array}, as_tensor_content=True)

    tensor = predict_pb2.PredictResponse.FromString(body).outputs["y"]
    assert BY_DTYPE[array.dtype].number == tensor.dtype
    assert list(shape) == [dim.size for dim in tensor.tensor_shape.dim]
    assert array.tobytes() == tensor.tensor_content
    assert {"dtype", "tensor_shape", "tensor_content"} >= {field.name for field, _ in tensor.ListFields()}


@pytest.mark.parametrize("array", [np.array([b"ab", b"c"]), np.ones(2, ">f4"), np.ones(2, ml_dtypes.float8_e5m2)])
@pytest.mark.parametrize("as_tensor_content", [False, True])
def test_what_the_wire_codec_does_not_know_is_written_by_protobuf(array, as_tensor_content):
    """Arrays of fixed-width bytes, foreign byte orders, float8."""
    body = encode_predict_response(SPEC, {"y": array}, as_tensor_content=as_tensor_content)

    expected = from_array(array, as_tensor_content=as_tensor_content)
    assert expected == predict_pb2.PredictResponse.FromString(body).outputs["y"]


def test_tensor_content_of_strings_is_lengths_then_values():
    """As TensorFlow's own DecodeStringList reads them."""
    body = encode_predict_response(SPEC, {"y": np.array([b"ab", b"", b"c"], object)}, as_tensor_content=True)

    assert b"\x02\x00\x01abc" == predict_pb2.PredictResponse.FromString(body).outputs["y"].tensor_content
