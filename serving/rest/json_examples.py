"""The `examples` of a classify body as serialized tf.Examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.core.servable_id import MAX_VERSION as MAX_INT64
from serving.errors import InvalidArgument
from serving.rest.json_tensor import decode_b64, is_b64, json_type
from serving.rest.json_text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping


def examples_from_json(document: Mapping[str, Any]) -> list[bytes]:
    """One serialized tf.Example for each object; `context` is merged into each. Errors say classify for regress too.

    Raises: InvalidArgument in upstream's words.
    Source: TF Serving util/json_tensor.cc at 2.20.0.
    """
    context = _example(document["context"]) if "context" in document else b""
    examples = document.get("examples")
    if "examples" not in document:
        raise InvalidArgument(
            f"JSON Value: {shown(document)} When method is classify, key 'examples' is expected and was not found"
        )
    if not isinstance(examples, list):
        raise InvalidArgument(f"JSON Value: {shown(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise InvalidArgument(f"JSON Value: {shown(document)} 'examples' value is an empty array")
    return [context + _example(example) for example in examples]


def _example(value: Any) -> bytes:
    from tensorflow.core.example import example_pb2

    if not isinstance(value, dict):
        raise InvalidArgument(f"Example must be JSON object but got JSON {json_type(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        _add_feature(example.features.feature[name], name, content if isinstance(content, list) else [content])
    return bytes(example.SerializeToString())


def _add_feature(feature: Any, name: str, values: list[Any]) -> None:
    kinds = [_kind(name, value) for value in values]
    for kind in kinds:
        if kind != kinds[0]:
            raise InvalidArgument(f"Unexpected element type in feature: {name} expecting type: {kinds[0]}")
    if not kinds:
        return
    if kinds[0] == "bytes":
        feature.bytes_list.value.extend(
            decode_b64(v) if is_b64(v) else v.encode("utf-8", "surrogateescape") for v in values
        )
    else:
        getattr(feature, f"{kinds[0]}_list").value.extend(values)


def _kind(name: str, value: Any) -> str:
    if isinstance(value, str) or is_b64(value):
        return "bytes"
    if isinstance(value, int):
        if value > MAX_INT64:
            raise InvalidArgument(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
        return "int64"
    if isinstance(value, float):
        return "float"
    raise InvalidArgument(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")
