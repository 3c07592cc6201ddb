import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorflow.core.framework import tensor_pb2

from serving.servables.tensor_proto import from_array, to_array

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


@given(npst.arrays(st.sampled_from(DTYPES), npst.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back(array):
    """By typed fields, by content, and as TensorFlow reads it."""
    proto = from_array(array)

    assert b"" == proto.tensor_content
    for back in (to_array(proto), tf.make_ndarray(proto), to_array(tf.make_tensor_proto(array))):
        assert array.dtype == back.dtype
        np.testing.assert_array_equal(array, back)


@pytest.mark.parametrize(
    "array", [np.array([b"a\0", b""], object), np.array(b"x", object), np.array([1.5], np.float16), np.array([1 + 2j])]
)
def test_strings_and_rarer_types_come_back(array):
    """The rarer ones by TensorFlow's own code."""
    np.testing.assert_array_equal(array, to_array(from_array(array)))


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
