import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorflow.core.framework import tensor_pb2

from serving.errors import ServingError
from serving.servables.dtypes import DTYPES as DTYPE_TABLE
from serving.servables.tensor_proto import MAX_EXPANDED_BYTES, from_array, to_array

DTYPES = [
    np.float32,
    np.float64,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.bool_,
]


@settings(deadline=None)
@given(npst.arrays(st.sampled_from(DTYPES), npst.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back(array):
    """By typed fields, by content, and as TensorFlow reads it."""
    proto = from_array(array)

    assert b"" == proto.tensor_content
    for back in (to_array(proto), tf.make_ndarray(proto), to_array(tf.make_tensor_proto(array))):
        assert array.dtype == back.dtype
        np.testing.assert_array_equal(array, back)


RARER = [
    np.array([b"a\0", b"", b"x" * 300], object),
    np.array(b"x", object),
    np.empty((0, 2), object),
    np.array([1.5, np.nan], np.float16),
    np.array([1 + 2j], np.complex64),
    np.array([[1 + 2j], [3j]], np.complex128),
    np.array([1.5, -2], ml_dtypes.bfloat16),
    np.array([1.5, -2], ml_dtypes.float8_e5m2),
    np.array(0.5, ml_dtypes.float8_e4m3fn),
    np.array([-8, 7], ml_dtypes.int4),
    np.array([0, 15], ml_dtypes.uint4),
    np.array([-128, 5], np.int8).view(tf.qint8.as_numpy_dtype),
    np.array(255, np.uint8).view(tf.quint8.as_numpy_dtype),
    np.array([[-(2**15)], [7]], np.int16).view(tf.qint16.as_numpy_dtype),
    np.array([2**16 - 1, 0], np.uint16).view(tf.quint16.as_numpy_dtype),
    np.array([[2**31 - 1, -(2**31)]], np.int32).view(tf.qint32.as_numpy_dtype),
    np.empty((0, 2), tf.qint8.as_numpy_dtype),
    np.array([[1, 2], [3, 4]], np.int32).T,
    np.array([1, 2], ">f4"),
]


@pytest.mark.parametrize("as_tensor_content", [False, True])
@pytest.mark.parametrize("array", RARER)
def test_strings_and_rarer_types_come_back(array, as_tensor_content):
    """By typed fields and by content, and TensorFlow's own parser reads the same."""
    proto = from_array(array, as_tensor_content=as_tensor_content)

    assert (bool(array.size) and as_tensor_content) == bool(proto.tensor_content)
    np.testing.assert_array_equal(array, to_array(proto))
    np.testing.assert_array_equal(array, by_tensorflow(proto))


def by_tensorflow(proto):
    """What Tensor::FromProto makes of it; None: nothing."""
    try:
        value = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(proto.dtype)).numpy()
    except (tf.errors.InvalidArgumentError, TypeError):
        return None
    value = np.array(value, object) if isinstance(value, bytes) else np.asarray(value)
    # TensorFlow gives the plain numbers of a quantized tensor.
    return value.view(tf.as_dtype(proto.dtype).as_numpy_dtype) if tf.as_dtype(proto.dtype).is_quantized else value


SMALL = st.integers(0, 3)
NUMBERS = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5)
FLOATS = st.lists(st.floats(width=32), max_size=5)
FIELDS = {
    "float_val": FLOATS,
    "double_val": FLOATS,
    "int_val": NUMBERS,
    "int64_val": NUMBERS,
    "uint32_val": st.lists(st.integers(0, 2**32 - 1), max_size=5),
    "uint64_val": st.lists(st.integers(0, 2**64 - 1), max_size=5),
    "bool_val": st.lists(st.booleans(), max_size=5),
    "string_val": st.lists(st.binary(max_size=3), max_size=5),
    "half_val": st.lists(st.integers(0, 2**17), max_size=5),
    "scomplex_val": FLOATS,
    "dcomplex_val": FLOATS,
}


@st.composite
def protos(draw):
    """Any dtype and shape, with content, with fields that may not be the dtype's, with too many values or too few."""
    proto = tensor_pb2.TensorProto(dtype=draw(st.sampled_from([d.number for d in DTYPE_TABLE if "8_" not in d.name])))
    for size in draw(st.lists(SMALL, max_size=3)):
        proto.tensor_shape.dim.add().size = size
    own = next(d.field for d in DTYPE_TABLE if d.number == proto.dtype)
    field = draw(st.sampled_from([own, own, own, *FIELDS]))
    getattr(proto, field).extend(draw(FIELDS[field]))
    if draw(st.booleans()):
        proto.tensor_content = draw(st.binary(max_size=16))
    return proto


@settings(max_examples=300, deadline=None)
@given(protos())
def test_any_proto_is_read_as_tensorflow_reads_it(proto):
    """Or refused, as it is there."""
    expected = by_tensorflow(proto)
    try:
        value = to_array(proto)
    except ValueError:
        value = None
    if expected is None or value is None:
        assert expected is value
    else:
        assert expected.dtype == value.dtype
        np.testing.assert_array_equal(expected, value)


def test_a_large_shape_of_few_values_costs_no_memory():
    """Beyond MAX_EXPANDED_BYTES it is no tensor; below it is filled."""
    proto = tensor_pb2.TensorProto(dtype=1, float_val=[1])
    dim = proto.tensor_shape.dim.add()
    for size in (2**62, MAX_EXPANDED_BYTES // 4 + 1):
        dim.size = size
        with pytest.raises(ValueError, match="more than"):
            to_array(proto)
    dim.size = 1000

    assert 1000 == to_array(proto).sum()


@pytest.mark.parametrize(
    "array", [np.array(["2020-01-01"], "M8[D]"), np.array([(1,)], "i4,"), np.array([1], "longdouble")]
)
def test_an_array_of_no_element_type_is_refused(array):
    """As the model's or the server's bug that it is."""
    with pytest.raises(ServingError, match="Cannot write a tensor of"):
        from_array(array)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: 2", [2, 2, 2]),
        ("dtype: DT_FLOAT tensor_shape { dim { size: 3 } } float_val: 1 float_val: 2", [1, 2, 2]),
        ("dtype: DT_INT64 tensor_shape { dim { size: 2 } }", [0, 0]),
        ("dtype: DT_STRING tensor_shape { dim { size: 1 } }", [b""]),
    ],
)
def test_fewer_values_than_elements(text, expected):
    """The last is repeated, as Tensor::FromProto does."""
    from google.protobuf import text_format

    assert expected == to_array(text_format.Parse(text, tensor_pb2.TensorProto())).tolist()


@pytest.mark.parametrize("rank", [0, 64, 65, 254, 255])
def test_more_dimensions_than_numpy_has(rank):
    """A true sentence for what TensorFlow itself would take; what it would not take either is no tensor."""
    proto = tensor_pb2.TensorProto(dtype=1, float_val=[7])
    for _ in range(rank):
        proto.tensor_shape.dim.add().size = 1

    if rank <= 64:
        assert [7] == to_array(proto).ravel()
        return
    refused = pytest.raises(ServingError, match=r"more than 64 dimensions are not supported.*Received: rank")
    with refused if rank <= 254 else pytest.raises(ValueError, match=r".+"):
        to_array(proto)


@pytest.mark.parametrize(
    "text",
    [
        'dtype: DT_FLOAT tensor_shape { dim { size: 2 } } tensor_content: "abc"',
        "dtype: DT_FLOAT tensor_shape { dim { size: -1 } }",
        "dtype: DT_INVALID",
        "dtype: DT_RESOURCE",
    ],
)
def test_what_is_no_tensor(text):
    """A ValueError, for the transport to word."""
    from google.protobuf import text_format

    with pytest.raises(ValueError, match=r".+"):
        to_array(text_format.Parse(text, tensor_pb2.TensorProto()))
