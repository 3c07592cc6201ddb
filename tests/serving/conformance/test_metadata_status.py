"""Metadata and status by both transports: sections 7.5, 7.6 and 8.5."""

# ruff: noqa: PLR0917 -- a table is read row by row

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2


def tensor(name, dtype, *dims):
    """A TensorInfo as JSON; no dims: unknown rank."""
    sizes = [{"size": str(size), "name": ""} for size in dims]
    return {"dtype": dtype, "tensor_shape": {"dim": sizes, "unknown_rank": not dims}, "name": name}


def signature(inputs, outputs, method):
    """A SignatureDef as JSON."""
    return {"inputs": inputs, "outputs": outputs, "method_name": f"tensorflow/serving/{method}", "defaults": {}}


EXAMPLES = tensor("tf_example:0", "DT_STRING", -1)
COLUMN = ("DT_FLOAT", -1, 1)

HALF = {
    "serving_default": signature({"x": tensor("x:0", *COLUMN)}, {"y": tensor("y:0", *COLUMN)}, "predict"),
    "classify_x_to_y": signature({"inputs": EXAMPLES}, {"scores": tensor("y:0", *COLUMN)}, "classify"),
    "regress_x_to_y": signature({"inputs": EXAMPLES}, {"outputs": tensor("y:0", *COLUMN)}, "regress"),
    "regress_x_to_y2": signature({"inputs": EXAMPLES}, {"outputs": tensor("y2:0", *COLUMN)}, "regress"),
    "regress_x2_to_y3": signature({"inputs": tensor("x2:0", *COLUMN)}, {"outputs": tensor("y3:0", *COLUMN)}, "regress"),
}
MATRIX = {
    "serving_default": signature(
        {"x": tensor("x:0", "DT_FLOAT", -1, 2)}, {"y": tensor("y:0", "DT_FLOAT", -1, 1)}, "predict"
    )
}
PLUS = {"serving_default": signature({"x": tensor("x:0", "DT_FLOAT")}, {"y": tensor("y:0", "DT_FLOAT")}, "predict")}

METADATA = [
    # name, REST path below /v1/models/, gRPC model_spec, name and version answered, signatures
    ("half", "half", 'name: "half"', "half", 123, HALF),
    ("version", "half/versions/123", 'name: "half" version { value: 123 }', "half", 123, HALF),
    ("latest of many", "many", 'name: "many"', "many", 3, PLUS),
    ("an older one", "many/versions/1", 'name: "many" version { value: 1 }', "many", 1, PLUS),
    ("known shape", "matrix", 'name: "matrix"', "matrix", 123, MATRIX),
    ("escaped name", "a%2Fb", 'name: "a/b"', "a/b", 123, PLUS),
]

METADATA_REFUSED = [
    # name, request, code, message
    ("no field", 'model_spec { name: "half" }', "INVALID_ARGUMENT",
     "GetModelMetadataRequest must specify at least one metadata_field"),
    ("no field, no model", "", "INVALID_ARGUMENT", "Missing ModelSpec"),
    ("other field", 'model_spec { name: "half" } metadata_field: "foo"', "INVALID_ARGUMENT",
     "Metadata field foo is not supported"),
    ("one good field, one bad", 'model_spec { name: "half" } metadata_field: "signature_def" metadata_field: "foo"',
     "INVALID_ARGUMENT", "Metadata field foo is not supported"),
    ("no such model", 'model_spec { name: "nope" } metadata_field: "signature_def"', "NOT_FOUND",
     "Servable not found for request: Latest(nope)"),
    ("no such version", 'model_spec { name: "half" version { value: 7 } } metadata_field: "signature_def"', "NOT_FOUND",
     "Servable not found for request: Specific(half, 7)"),
    ("no such label", 'model_spec { name: "half" version_label: "l" } metadata_field: "signature_def"',
     "INVALID_ARGUMENT", "Unrecognized servable version label: l"),
]  # fmt: skip

AVAILABLE = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
MANY = [{"version": "3", **AVAILABLE}, {"version": "2", **AVAILABLE}, {"version": "1", **AVAILABLE}]

STATUS = [
    # name, REST path below /v1/models/, gRPC model_spec, versions
    ("one", "half", 'name: "half"', [{"version": "123", **AVAILABLE}]),
    ("that one", "half/versions/123", 'name: "half" version { value: 123 }', [{"version": "123", **AVAILABLE}]),
    ("all, descending", "many", 'name: "many"', MANY),
    ("one of many", "many/versions/2", 'name: "many" version { value: 2 }', [{"version": "2", **AVAILABLE}]),
    ("a label is ignored", "many/labels/nope", 'name: "many" version_label: "nope"', MANY),
    ("escaped name", "a%3Ab", 'name: "a:b"', [{"version": "123", **AVAILABLE}]),
]

STATUS_REFUSED = [
    # name, request, code, message
    ("no such model", 'model_spec { name: "nope" }', "NOT_FOUND", "Could not find any versions of model nope"),
    ("no such version", 'model_spec { name: "half" version { value: 7 } }', "NOT_FOUND",
     "Could not find version 7 of model half"),
    ("no such version of no model", 'model_spec { name: "nope" version { value: 7 } }', "NOT_FOUND",
     "Could not find version 7 of model nope"),
]  # fmt: skip

STATUS_BODY = b"""{
 "model_version_status": [
  {
   "version": "123",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}"""


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("path", "spec", "name", "version", "signatures"), rows(METADATA))
def test_metadata_by_rest(main, path, spec, name, version, signatures):
    """The SignatureDefMap under a doubled key, and the model_spec with an empty signature_name."""
    answer = main.get(f"/v1/models/{path}/metadata")

    expected = {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }
    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    assert expected == json.loads(answer.body)


@pytest.mark.parametrize(("path", "spec", "name", "version", "signatures"), rows(METADATA))
def test_metadata_by_grpc(main, path, spec, name, version, signatures):
    """The same map in an Any."""
    reply = main.call("GetModelMetadata", f'model_spec {{ {spec} }} metadata_field: "signature_def"')

    assert "OK" == reply.code, reply.message
    got = get_model_metadata_pb2.SignatureDefMap()
    assert ["signature_def"] == list(reply.response.metadata)
    assert reply.response.metadata["signature_def"].Unpack(got)
    assert json_format.ParseDict({"signature_def": signatures}, get_model_metadata_pb2.SignatureDefMap()) == got
    answered = reply.response.model_spec
    assert (name, version, "") == (answered.name, answered.version.value, answered.signature_name)


@pytest.mark.parametrize(("request_text", "code", "message"), rows(METADATA_REFUSED))
def test_metadata_is_refused_in_words(main, request_text, code, message):
    """Code and message."""
    reply = main.call("GetModelMetadata", request_text)

    assert (code, message) == (reply.code, reply.message)


def test_metadata_keeps_the_initialisation_op(main):
    """Every SignatureDef of the meta graph, the hidden one too."""
    by_rest = json.loads(main.get("/v1/models/object_based/metadata").body)["metadata"]["signature_def"]
    reply = main.call("GetModelMetadata", 'model_spec { name: "object_based" } metadata_field: "signature_def"')
    by_grpc = get_model_metadata_pb2.SignatureDefMap()
    reply.response.metadata["signature_def"].Unpack(by_grpc)

    names = {"__saved_model_init_op", "serving_default", "classify"}
    assert (names, names) == (set(by_rest["signature_def"]), set(by_grpc.signature_def))
    init = by_rest["signature_def"]["__saved_model_init_op"]
    assert {"__saved_model_init_op": tensor("NoOp", "DT_INVALID")} == init["outputs"]


def test_metadata_keeps_defaults(main):
    """SignatureDef.defaults as the model has them."""
    reply = main.call("GetModelMetadata", 'model_spec { name: "defaults" } metadata_field: "signature_def"')
    got = get_model_metadata_pb2.SignatureDefMap()
    reply.response.metadata["signature_def"].Unpack(got)

    assert [10.0] == list(got.signature_def["serving_default"].defaults["y"].float_val)


@pytest.mark.parametrize(("path", "spec", "versions"), rows(STATUS))
def test_status_by_rest(main, path, spec, versions):
    """int64 as strings, states as names, in order."""
    answer = main.get(f"/v1/models/{path}")

    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    assert {"model_version_status": versions} == json.loads(answer.body)


@pytest.mark.parametrize(("path", "spec", "versions"), rows(STATUS))
def test_status_by_grpc(main, path, spec, versions):
    """The same as a message."""
    reply = main.call("GetModelStatus", f"model_spec {{ {spec} }}")

    assert "OK" == reply.code, reply.message
    expected = json_format.ParseDict({"model_version_status": versions}, get_model_status_pb2.GetModelStatusResponse())
    assert [(one.version, one.state, one.status.error_code) for one in expected.model_version_status] == [
        (one.version, one.state, one.status.error_code) for one in reply.response.model_version_status
    ]
    assert {""} == {one.status.error_message for one in reply.response.model_version_status}


@pytest.mark.parametrize(("request_text", "code", "message"), rows(STATUS_REFUSED))
def test_status_is_refused_in_words(main, request_text, code, message):
    """Code and message."""
    reply = main.call("GetModelStatus", request_text)

    assert (code, message) == (reply.code, reply.message)


def test_status_is_printed_with_one_blank(main):
    """As protobuf's C++ printer does; a newline at the end may be there."""
    answer = main.get("/v1/models/half")

    assert STATUS_BODY == answer.body.rstrip(b"\n")
