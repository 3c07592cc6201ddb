"""The bodies of the status and metadata answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorflow_serving.apis import model_pb2

from serving.rest.proto_json import message_json
from serving.status_proto import signature_def_map, status_response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.core.servable_state import ServableState
    from serving.model_spec import ModelSpec


def status(states: Sequence[ServableState]) -> bytes:
    """A GetModelStatusResponse."""
    return f"{message_json(status_response(states))}\n".encode("utf-8", "surrogateescape")


def metadata(spec: ModelSpec, signature_defs: Mapping[str, Any]) -> bytes:
    """A GetModelMetadataResponse, as upstream puts it together by hand."""
    model_spec = model_pb2.ModelSpec(name=spec.name)
    if spec.version is not None:
        model_spec.version.value = spec.version
    definitions = message_json(signature_def_map(signature_defs))
    text = f'{{\n"model_spec":{message_json(model_spec)}\n,\n"metadata": {{"signature_def": {definitions}\n}}\n}}\n'
    return text.encode("utf-8", "surrogateescape")
