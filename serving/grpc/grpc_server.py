"""gRPC: TensorFlow Serving's PredictionService and ModelService as translations around the data plane.

A method that is not listed here answers UNIMPLEMENTED by itself.
Source: TF Serving model_servers/prediction_service_impl.cc, model_service_impl.cc at 2.20.0.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import grpc
from numpy.typing import NDArray
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

from serving.errors import Code, InvalidArgument, ServingError
from serving.model_spec import ModelSpec
from serving.servables.examples import serialized_examples
from serving.servables.tensor_proto import from_array, to_array
from serving.status_proto import metadata_response, status_response
from serving.workers import failure

if TYPE_CHECKING:
    from serving.data_plane import DataPlane
    from serving.workers import Workers

Array = NDArray[Any]
log = logging.getLogger(__name__)

GRPC_STATUS = {code: grpc.StatusCode[code.name] for code in Code}
MAX_MESSAGE_BYTES = 2**31 - 1
_MAX_ERROR_BYTES = 1024
OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Without this two servers could share a port and each answer some of the requests.
    ("grpc.so_reuseport", 0),
)


class PredictionService:
    """Predict, Classify and GetModelMetadata."""

    name = "tensorflow.serving.PredictionService"

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def predict(self, request: Any) -> Any:
        """Runs a signature on the request's tensors."""
        with self._plane.open(_spec(request)) as call:
            outputs = call.predict(_Tensors(request.inputs), request.output_filter)
            response = predict_pb2.PredictResponse()
            _fill_spec(response.model_spec, call.spec)
        for alias, array in outputs.items():
            response.outputs[alias].CopyFrom(from_array(array))
        return response

    def classify(self, request: Any) -> Any:
        """Classifies the request's tf.Examples."""
        with self._plane.open(_spec(request)) as call:
            results = call.classify(serialized_examples(request.input))
            response = classification_pb2.ClassificationResponse()
            _fill_spec(response.model_spec, call.spec)
        for row in results:
            classifications = response.result.classifications.add()
            for label, score in row:
                classifications.classes.add(label=label, score=score)
        return response

    def get_model_metadata(self, request: Any) -> Any:
        """Every SignatureDef of the model."""
        if not request.HasField("model_spec"):
            raise InvalidArgument("Missing ModelSpec")
        if not request.metadata_field:
            raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise InvalidArgument(f"Metadata field {field} is not supported")
        with self._plane.open(_spec(request)) as call:
            return metadata_response(call.spec, call.signature_defs())

    def methods(self) -> dict[str, tuple[Callable[[Any], Any], Any]]:
        """By RPC name: what answers it, and the type of its request."""
        return {
            "Predict": (self.predict, predict_pb2.PredictRequest),
            "Classify": (self.classify, classification_pb2.ClassificationRequest),
            "GetModelMetadata": (self.get_model_metadata, get_model_metadata_pb2.GetModelMetadataRequest),
        }


class ModelService:
    """GetModelStatus."""

    name = "tensorflow.serving.ModelService"

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def get_model_status(self, request: Any) -> Any:
        """The state of one version or of all; a version label is ignored, as upstream does."""
        return status_response(self._plane.status(_spec(request)))

    def methods(self) -> dict[str, tuple[Callable[[Any], Any], Any]]:
        """By RPC name: what answers it, and the type of its request."""
        return {"GetModelStatus": (self.get_model_status, get_model_status_pb2.GetModelStatusRequest)}


class GrpcServer:
    """Both services on a port; made on the event loop that runs it."""

    def __init__(self, plane: DataPlane, workers: Workers) -> None:
        self._server = grpc.aio.server(options=OPTIONS)
        services: tuple[PredictionService | ModelService, ...] = (PredictionService(plane), ModelService(plane))
        for service in services:
            handlers = {rpc: _handler(call, request, workers) for rpc, (call, request) in service.methods().items()}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.name, handlers),))

    async def start(self, host: str | None, port: int) -> None:
        """Opens the port. Raises InvalidArgument, as upstream, when it is taken."""
        address = f"{host or '0.0.0.0'}:{port}"  # noqa: S104 - upstream's address
        try:
            self._server.add_insecure_port(address)
        except RuntimeError:
            raise InvalidArgument("Failed to BuildAndStart gRPC server") from None
        await self._server.start()
        log.info("Running gRPC ModelServer at %s ...", address)

    async def stop(self, grace_s: float) -> None:
        """Refuses new calls; waits at most `grace_s` seconds for those in flight."""
        await self._server.stop(grace_s)


def _handler(call: Callable[[Any], Any], request_type: Any, workers: Workers) -> Any:
    async def answer(request: Any, context: Any) -> Any:
        try:
            return await workers.run(lambda: call(request).SerializeToString())
        except Exception as error:  # noqa: BLE001 - whatever a model raises is this request's status
            refused = failure(error)
        return await _abort(context, refused)

    behaviour: Callable[[Any, Any], Awaitable[Any]] = answer
    return grpc.unary_unary_rpc_method_handler(behaviour, request_deserializer=request_type.FromString)


async def _abort(context: Any, error: ServingError) -> Any:
    """Source: TF Serving model_servers/grpc_status_util.cc at 2.20.0 (long messages are cut)."""
    raw = error.message.encode("utf-8", "replace")
    text = error.message
    if len(raw) > _MAX_ERROR_BYTES:
        text = raw[:_MAX_ERROR_BYTES].decode("utf-8", "replace") + "...TRUNCATED"
    await context.abort(GRPC_STATUS[error.code], text)


class _Tensors(Mapping[str, Array]):
    """A request's inputs, decoded one by one when they are asked for: names are checked before values."""

    def __init__(self, protos: Mapping[str, Any]) -> None:
        self._protos = protos

    def __getitem__(self, alias: str) -> Array:
        if alias not in self._protos:  # a protobuf map would make one
            raise KeyError(alias)
        try:
            return to_array(self._protos[alias])
        except ValueError:
            raise InvalidArgument(f"tensor parsing error: {alias}") from None

    def __contains__(self, alias: object) -> bool:
        return alias in self._protos

    def __iter__(self) -> Iterator[str]:
        return iter(self._protos)

    def __len__(self) -> int:
        return len(self._protos)


def _spec(request: Any) -> ModelSpec:
    if not request.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")
    spec = request.model_spec
    kind = spec.WhichOneof("version_choice")
    version = spec.version.value if kind == "version" else None
    return ModelSpec(spec.name, version, spec.version_label if kind == "version_label" else None, spec.signature_name)


def _fill_spec(proto: Any, spec: ModelSpec) -> None:
    proto.name = spec.name
    proto.version.value = spec.version
    proto.signature_name = spec.signature_name
