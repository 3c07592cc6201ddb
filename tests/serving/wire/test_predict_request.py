"""Whatever protobuf can write is read alike by the quick path and by protobuf; so is whatever it cannot."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

from serving.errors import Internal, InvalidArgument, ServingError
from serving.model_spec import ModelSpec
from serving.wire import predict_request
from serving.wire.predict_request import read_predict_request
from serving.wire.varint import pack_varints, unpack_varints

FORMS = {
    "float": ("float_val", np.float32),
    "double": ("double_val", np.float64),
    "int32": ("int_val", np.int32),
    "uint8": ("int_val", np.uint8),
    "int16": ("int_val", np.int16),
    "int8": ("int_val", np.int8),
    "uint16": ("int_val", np.uint16),
    "int64": ("int64_val", np.int64),
    "uint32": ("uint32_val", np.uint32),
    "uint64": ("uint64_val", np.uint64),
    "bool": ("bool_val", np.bool_),
    "half": ("half_val", np.float16),
    "bfloat16": ("half_val", ml_dtypes.bfloat16),
    "complex64": ("scomplex_val", np.complex64),
    "complex128": ("dcomplex_val", np.complex128),
}


def outcome(read, message: bytes):
    """All that a reading says, as plain values that can be compared; or its error."""
    try:
        view = read(message)
    except ServingError as error:
        return error.status()
    return view.spec, {alias: value_of(view.inputs, alias) for alias in view.inputs}, list(view.output_filter)


def value_of(inputs, alias: str):
    """One input as plain values, or its error."""
    try:
        array = inputs[alias]
    except ServingError as error:
        return error.status()
    return array.dtype, array.shape, array.tolist() if array.dtype == object else array.tobytes()


def agree(message: bytes) -> None:
    """Asserts that the quick path, where it answers, answers as protobuf does."""
    assert outcome(predict_request._read_by_protobuf, message) == outcome(read_predict_request, message)


def is_quick(message: bytes) -> bool:
    """Whether protobuf is not needed."""
    try:
        predict_request._read(message)
    except (ValueError, IndexError, KeyError):
        return False
    return True


def request_of(array: np.ndarray, name: str, *, content: bool = False) -> bytes:
    """One input named x."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    tensor = request.inputs["x"]
    tensor.dtype = types_pb2.DataType.Value(f"DT_{name.upper()}")
    tensor.tensor_shape.SetInParent()
    for size in array.shape:
        tensor.tensor_shape.dim.add().size = size
    if content:
        tensor.tensor_content = array.tobytes()
    elif name in ("half", "bfloat16"):
        tensor.half_val.extend(array.view(np.uint16).ravel().tolist())
    elif name.startswith("complex"):
        getattr(tensor, FORMS[name][0]).extend(array.ravel().view(array.real.dtype).tolist())
    else:
        getattr(tensor, FORMS[name][0]).extend(array.ravel().tolist())
    return request.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (2, 1, 3), (600,)])
@pytest.mark.parametrize("content", [False, True])
def test_every_dtype_is_read_in_both_forms(name, shape, content):
    """Small values in the typed field and in tensor_content need no protobuf and come out as they went in."""
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(bool if name == "bool" else np.int8)
    array = array.astype(FORMS[name][1])
    message = request_of(array, name, content=content)

    read = read_predict_request(message).inputs["x"]

    assert (array.dtype, array.shape, array.tobytes()) == (read.dtype, read.shape, read.tobytes())


@pytest.mark.parametrize("name", ["int64", "int32", "uint64", "uint32", "int16", "half"])
@pytest.mark.parametrize("size", [1, 5, 3000])
def test_varints_of_every_width_are_read(name, size):
    """The ends of the range, negative ones included, few and many."""
    if name == "half":
        array = np.array([-1.5, 65504, np.inf, 0] * size, np.float16)
    else:
        limits = np.iinfo(FORMS[name][1])
        array = np.array([limits.min, limits.max, 0, 127, 128, limits.max // 3] * size, FORMS[name][1])

    read = read_predict_request(request_of(array, name)).inputs["x"]

    assert array.tobytes() == read.tobytes()
    assert array.dtype == read.dtype


def test_floats_are_read_in_place():
    """No copy is made of a tensor's memory."""
    message = request_of(np.ones((32, 784), np.float32), "float")

    array = read_predict_request(message).inputs["x"]

    assert is_quick(message)
    assert not array.flags.owndata
    assert not array.flags.writeable


def test_strings_keep_every_byte():
    """Embedded and trailing NULs, empty ones and long ones."""
    request = predict_pb2.PredictRequest()
    tensor = request.inputs["text"]
    tensor.dtype = types_pb2.DT_STRING
    tensor.tensor_shape.dim.add().size = 4
    values = [b"a\0", b"", b"\xff" * 300, b"b"]
    tensor.string_val.extend(values)
    message = request.SerializeToString()

    assert is_quick(message)
    assert values == read_predict_request(message).inputs["text"].tolist()


def test_a_spec_is_read_with_version_or_label():
    """An absent model_spec is not an empty one; version 0 is a version."""
    request = predict_pb2.PredictRequest()
    assert read_predict_request(request.SerializeToString()).spec is None
    request.model_spec.SetInParent()
    assert ModelSpec("") == read_predict_request(request.SerializeToString()).spec
    request.model_spec.name, request.model_spec.signature_name = "m", "s"
    request.model_spec.version.value = 0
    assert ModelSpec("m", 0, None, "s") == read_predict_request(request.SerializeToString()).spec
    request.model_spec.version.value = -1
    assert ModelSpec("m", -1, None, "s") == read_predict_request(request.SerializeToString()).spec
    request.model_spec.version_label = ""
    assert ModelSpec("m", None, "", "s") == read_predict_request(request.SerializeToString()).spec


def test_a_tensor_without_sense_is_named_when_it_is_asked_for():
    """Names can be checked before any value is decoded."""
    request = predict_pb2.PredictRequest()
    request.inputs["x"].dtype = types_pb2.DT_FLOAT
    request.inputs["x"].tensor_content = b"abc"
    inputs = read_predict_request(request.SerializeToString()).inputs

    assert ["x"] == list(inputs)
    assert "x" in inputs
    with pytest.raises(InvalidArgument, match=r"^tensor parsing error: x$"):
        inputs["x"]
    with pytest.raises(KeyError):
        inputs["y"]


def test_bytes_that_are_no_message_are_an_internal_error():
    """As gRPC's C++ servers answer before any handler is called."""
    with pytest.raises(Internal, match=r"^$"):
        read_predict_request(b"\x0a\x05ab")


def field(number: int, payload: bytes, *, size: bytes | None = None) -> bytes:
    """A length-delimited field."""
    return bytes([number << 3 | 2]) + (size or bytes([len(payload)])) + payload


SPEC = field(1, field(1, b"m"))
SHAPE_2 = field(2, field(2, b"\x08\x02"))
ONE, TWO = np.float32(1).tobytes(), np.float32(2).tobytes()
X = field(1, b"x")
UNUSUAL = {
    "alias after value": field(2, field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE + TWO)) + X),
    "no alias": field(2, field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE + TWO))),
    "no value": field(2, X),
    "duplicate alias, last wins": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE + ONE)))
    + field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, TWO + TWO))),
    "value twice in an entry is merged": field(2, X + field(2, b"\x08\x01" + SHAPE_2) + field(2, field(5, ONE + TWO))),
    "shape after values": field(2, X + field(2, b"\x08\x01" + field(5, ONE + TWO) + SHAPE_2)),
    "split packed run": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE) + field(5, TWO))),
    "unpacked": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + b"\x2d" + ONE + b"\x2d" + TWO)),
    "packed and unpacked": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE) + b"\x2d" + TWO)),
    "dtype twice": field(2, X + field(2, b"\x08\x02\x08\x01" + SHAPE_2 + field(5, ONE + TWO))),
    "shape merged of two": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + SHAPE_2 + field(5, ONE * 4))),
    "dim size twice": field(2, X + field(2, b"\x08\x01" + field(2, field(2, b"\x08\x07\x08\x01")) + field(5, ONE))),
    "named dim": field(2, X + field(2, b"\x08\x01" + field(2, field(2, b"\x08\x01" + field(2, b"n"))) + field(5, ONE))),
    "unknown rank": field(2, X + field(2, b"\x08\x01" + field(2, b"\x18\x01") + field(5, ONE))),
    "negative dim": field(2, X + field(2, b"\x08\x01" + field(2, field(2, b"\x08" + b"\xff" * 9 + b"\x01")))),
    "long length": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE + TWO, size=b"\x88\x80\x00"))),
    "long key": b"\x92\x00" + field(2, X)[1:],
    "unknown field": b"\x9a\x06\x01z" + SPEC,
    "unknown varint": b"\x98\x06\x01" + SPEC,
    "group": b"\x9b\x06\x08\x01\x9c\x06" + SPEC,
    "group without end": SPEC + b"\x9b\x06\x08\x01",
    "field number 0": SPEC + b"\x02\x00",
    "client_id": SPEC + field(6, b"c"),
    "spec twice is merged": SPEC + field(1, field(3, b"s")),
    "version and label": field(1, field(2, b"\x08\x01") + field(4, b"stable")),
    "label and version": field(1, field(4, b"stable") + field(2, b"\x08\x01")),
    "version merged of two": field(1, field(2, b"\x08\x05") + field(2, b"")),
    "name twice": field(1, field(1, b"a") + field(1, b"b")),
    "long version": field(1, field(2, b"\x08\x81\x80\x00")),
    "name that is not UTF-8": field(1, field(1, b"\xff")),
    "surrogate": field(1, field(1, b"\xed\xa0\x80")),
    "alias that is not UTF-8": field(2, field(1, b"\xff")),
    "filter that is not UTF-8": field(3, b"\xff"),
    "filter": SPEC + field(3, b"y") + field(3, b"y"),
    "wrong wire type": b"\x08\x01",
    "wrong wire type of the dtype": field(2, X + field(2, field(1, b"a") + SHAPE_2 + field(5, ONE + TWO))),
    "content of another size": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(4, ONE))),
    "content and values": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(4, ONE + TWO) + field(5, ONE))),
    "floats for an int": field(2, X + field(2, b"\x08\x03" + SHAPE_2 + field(5, ONE + TWO))),
    "one value for two": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE))),
    "three values for two": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE * 3))),
    "no values": field(2, X + field(2, b"\x08\x01" + SHAPE_2)),
    "no rows": field(2, X + field(2, b"\x08\x01" + field(2, field(2, b"")))),
    "no rows, empty values": field(2, X + field(2, b"\x08\x01" + field(2, field(2, b"")) + field(5, b""))),
    "half a float": field(2, X + field(2, b"\x08\x01" + SHAPE_2 + field(5, ONE + b"\0"))),
    "incomplete varint": field(2, X + field(2, b"\x08\x09" + SHAPE_2 + field(10, b"\x01\x80"))),
    "eleven-byte varint": field(2, X + field(2, b"\x08\x09" + SHAPE_2 + field(10, b"\x01" + b"\x80" * 10 + b"\x01"))),
    "varint over 64 bits": field(2, X + field(2, b"\x08\x09" + SHAPE_2 + field(10, b"\x01" + b"\xff" * 9 + b"\x7f"))),
    "bool content that is neither 0 nor 1": field(2, X + field(2, b"\x08\x0a" + SHAPE_2 + field(4, b"\1\2"))),
    "bool content": field(2, X + field(2, b"\x08\x0a" + SHAPE_2 + field(4, b"\1\0"))),
    "big bool": field(2, X + field(2, b"\x08\x0a" + SHAPE_2 + field(11, b"\x05\x80\x02"))),
    "dtype that does not exist": field(2, X + field(2, b"\x08\x63" + SHAPE_2 + field(5, ONE + TWO))),
    "dtype of two bytes": field(2, X + field(2, b"\x08\x81\x00" + SHAPE_2 + field(5, ONE + TWO))),
    "entry longer than the message": b"\x12\x7f" + X,
    "huge length": b"\x12\xff\xff\xff\xff\x7f",
    "alias longer than its entry": field(2, b"\x0a\x7fx") + b"y" * 200,
    "string longer than its tensor": field(2, X + field(2, b"\x08\x07" + SHAPE_2 + b"\x42\x01a\x42\x05b")) + b"y" * 9,
    "truncated": b"\x0a",
    "empty": b"",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_encodings_mean_what_protobuf_says(name):
    """Merged, repeated, reordered, unknown and broken fields."""
    agree(UNUSUAL[name])


def tensors() -> st.SearchStrategy[tensor_pb2.TensorProto]:
    """Any TensorProto, with or without sense."""

    def build(dtype, shape, values, content, fields):
        proto = tensor_pb2.TensorProto(dtype=dtype)
        for size in shape:
            proto.tensor_shape.dim.add().size = size
        for name in fields:
            kind = proto.DESCRIPTOR.fields_by_name[name].cpp_type
            getattr(proto, name).extend(
                [str(v).encode() for v in values]
                if name == "string_val"
                else [bool(v) if kind == 7 else v for v in values]
            )
        if content is not None:
            proto.tensor_content = content
        return proto

    fields = ["float_val", "double_val", "int_val", "int64_val", "uint32_val", "uint64_val", "bool_val", "string_val"]
    known = [1, 2, 3, 4, 5, 6, 7, 9, 10, 14, 17, 19, 22, 23]
    return st.builds(
        build,
        st.sampled_from(known) | st.integers(0, 30),
        st.lists(st.integers(0, 3), max_size=3),
        st.lists(st.integers(0, 300), max_size=9),
        st.none() | st.binary(max_size=16),
        st.lists(st.sampled_from([*fields, "half_val", "scomplex_val", "dcomplex_val"]), max_size=2, unique=True),
    )


@st.composite
def requests(draw) -> bytes:
    """Any PredictRequest."""
    request = predict_pb2.PredictRequest()
    if draw(st.booleans()):
        request.model_spec.name = draw(st.text(max_size=5))
        request.model_spec.signature_name = draw(st.text(max_size=5))
        if draw(st.booleans()):
            request.model_spec.version.value = draw(st.integers(-(2**63), 2**63 - 1))
        elif draw(st.booleans()):
            request.model_spec.version_label = draw(st.text(max_size=5))
    for alias, tensor in draw(st.dictionaries(st.text(max_size=3), tensors(), max_size=3)).items():
        request.inputs[alias].CopyFrom(tensor)
    request.output_filter.extend(draw(st.lists(st.text(max_size=3), max_size=2)))
    return bytes(request.SerializeToString())


@given(requests())
@settings(max_examples=300, deadline=None)
def test_any_request_is_read_as_protobuf_reads_it(message):
    """Every dtype, shape and mixture of fields."""
    agree(message)


@given(requests(), st.data())
@settings(max_examples=500, deadline=None)
def test_damaged_requests_are_refused_or_read_alike(message, data):
    """A byte changed, cut out or put in never makes a difference between the two, and never breaks either."""
    raw = bytearray(message)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(at, min(at + 2, len(raw))))
        raw[at:end] = data.draw(st.binary(max_size=2))
    agree(bytes(raw))


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 200), min_size=1))
@example([0])
def test_varints_unpack_to_what_was_packed(values):
    """All 64-bit integers."""
    assert values == unpack_varints(pack_varints(np.array(values, np.int64))).view(np.int64).tolist()


@given(st.binary(max_size=40))
def test_runs_of_varints_are_unpacked_as_protobuf_does(packed):
    """Or refused."""
    try:
        values = unpack_varints(packed).view(np.int64).tolist()
    except ValueError:
        return
    assert values == list(tensor_pb2.TensorProto.FromString(field(10, packed)).int64_val)
