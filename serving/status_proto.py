"""Model status and metadata as TensorFlow Serving's protos, which both transports send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.core.servable_state import ServableState
    from serving.model_spec import ModelSpec


def status_response(states: Sequence[ServableState]) -> Any:
    """A GetModelStatusResponse."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for state in states:
        status = response.model_version_status.add(version=state.id.version, state=int(state.state))
        status.status.error_code = int(state.error.code if state.error else Code.OK)
        status.status.error_message = state.error.message if state.error else ""
    return response


def signature_def_map(signature_defs: Mapping[str, Any]) -> Any:
    """A SignatureDefMap."""
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in signature_defs.items():
        found.signature_def[name].CopyFrom(definition)
    return found


def metadata_response(spec: ModelSpec, signature_defs: Mapping[str, Any]) -> Any:
    """A GetModelMetadataResponse; its model_spec has no signature name."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = spec.name
    response.model_spec.version.value = spec.version
    response.metadata["signature_def"].Pack(signature_def_map(signature_defs))
    return response
