"""PredictionService, ModelService and Health as translations around the data plane; a method not here: UNIMPLEMENTED.

Source: TF Serving model_servers/prediction_service_impl.cc, model_service_impl.cc at 2.20.0;
https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf import wrappers_pb2
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)

from serving.errors import Code, Internal, InvalidArgument, NotFound, ServingError
from serving.grpc.predict_lanes import PredictLanes
from serving.model_spec import ModelSpec, spec_of
from serving.plane.request_metrics import GRPC_CLASSIFY, GRPC_PREDICT, GRPC_REGRESS
from serving.servables.examples import serialized_examples
from serving.status_proto import metadata_response, status_response
from serving.wire.predict_request import read_predict_request
from serving.wire.predict_response import encode_predict_response, encode_predict_responses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from serving.exchange import RpcCall, RpcHandler
    from serving.plane.data_plane import DataPlane
    from serving.plane.model_job import Answer, Done
    from serving.servables.classify import Classifications
Array = NDArray[Any]
PREDICTION = "/tensorflow.serving.PredictionService/"
MODEL = "/tensorflow.serving.ModelService/"
HEALTH = "/grpc.health.v1.Health/"
# What upstream's health service answers for: the server as a whole, and its services by their short names.
HEALTHY = {"", "ModelService", "PredictionService"}
MAX_SERVICE_NAME_BYTES = 200
# The tensors of larger requests are decoded on a thread, so that nobody else waits for it.
_MAX_INLINE_BYTES = 1 << 20
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class PredictionService:
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, plane: DataPlane, *, as_tensor_content: bool = False) -> None:
        self._plane = plane
        self._as_tensor_content = as_tensor_content
        self._lanes = PredictLanes(plane, partial(encode_predict_responses, as_tensor_content=as_tensor_content))

    def predict(self, call: RpcCall) -> None:
        """Runs a signature on the request's tensors."""
        inline = len(call.message) <= _MAX_INLINE_BYTES
        if inline and self._lanes.take(call):
            return
        view = read_predict_request(call.message)
        if view.spec is None:
            raise InvalidArgument("Missing ModelSpec")
        if inline:
            self._lanes.learn(call.message, view)
        self._plane.predict(
            view.spec,
            lambda _: (view.inputs, view.output_filter),
            self._encode_predict,
            answering(call),
            api=GRPC_PREDICT,
            inline=inline,
            **limits(call),
        )

    def classify(self, call: RpcCall) -> None:
        """Classifies the request's tf.Examples."""
        request = parsed(classification_pb2.ClassificationRequest, call)
        spec, examples = model_spec(request), serialized_examples(request.input)
        self._plane.infer(spec, examples, _classification, answering(call), api=GRPC_CLASSIFY, **limits(call))

    def regress(self, call: RpcCall) -> None:
        """A number for each of the request's tf.Examples."""
        request = parsed(regression_pb2.RegressionRequest, call)
        spec, examples = model_spec(request), serialized_examples(request.input)
        self._plane.infer(spec, examples, _regression, answering(call), api=GRPC_REGRESS, **limits(call))

    def multi_inference(self, call: RpcCall) -> None:
        """Several signatures of one model on the same tf.Examples."""
        request = parsed(inference_pb2.MultiInferenceRequest, call)
        spec = spec_of(request.tasks[0].model_spec) if request.tasks else ModelSpec("")
        examples = serialized_examples(request.input)
        encode, done = _inferences(request), answering(call)
        self._plane.multi_inference(spec, request.tasks, examples, encode, done, **limits(call))

    def get_model_metadata(self, call: RpcCall) -> None:
        """Every SignatureDef of the model."""
        request = parsed(get_model_metadata_pb2.GetModelMetadataRequest, call)
        spec = model_spec(request)
        if not request.metadata_field:
            raise InvalidArgument("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise InvalidArgument(f"Metadata field {field} is not supported")
        call.reply(metadata_response(*self._plane.metadata(spec)).SerializeToString())

    def methods(self) -> dict[str, RpcHandler]:
        """By path."""
        return {
            f"{PREDICTION}Predict": guarded(self.predict),
            f"{PREDICTION}Classify": guarded(self.classify),
            f"{PREDICTION}Regress": guarded(self.regress),
            f"{PREDICTION}MultiInference": guarded(self.multi_inference),
            f"{PREDICTION}GetModelMetadata": guarded(self.get_model_metadata),
        }

    def _encode_predict(self, spec: ModelSpec, outputs: Mapping[str, Array]) -> bytes:
        return encode_predict_response(spec, outputs, as_tensor_content=self._as_tensor_content)


class ModelService:
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def get_model_status(self, call: RpcCall) -> None:
        """The state of one version or of all; a version label is ignored, as upstream does."""
        request = parsed(get_model_status_pb2.GetModelStatusRequest, call)
        call.reply(status_response(self._plane.status(model_spec(request))).SerializeToString())

    def handle_reload_config_request(self, call: RpcCall) -> None:
        """Replaces the list of models; answers when every new one has a version that is loaded or has failed."""
        request = parsed(model_management_pb2.ReloadConfigRequest, call)
        if request.config.WhichOneof("config") != "model_config_list":
            raise InvalidArgument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )

        def done(increases: Mapping[str, int] | None, error: ServingError | None) -> None:
            if error:
                call.fail(error.code, error.message)
                return
            response = model_management_pb2.ReloadConfigResponse()
            response.status.error_code = int(Code.OK)
            for name, increase in (increases or {}).items():
                response.metric.add(name=name, int64_value_increase=increase)
            call.reply(response.SerializeToString())

        self._plane.reload(request.config, list(request.metric_names), done)

    def methods(self) -> dict[str, RpcHandler]:
        """By path."""
        return {
            f"{MODEL}GetModelStatus": guarded(self.get_model_status),
            f"{MODEL}HandleReloadConfigRequest": guarded(self.handle_reload_config_request),
        }


class Health:
    """grpc.health.v1.Health/Check. Watch is a stream, which this transport has none of: UNIMPLEMENTED."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping

    def check(self, call: RpcCall) -> None:
        """SERVING; from the moment of SIGTERM on, where upstream knows no such thing, NOT_SERVING.

        Source: gRPC src/cpp/server/health/default_health_check_service.cc.
        """
        if _service_name(call.message) not in HEALTHY:
            raise NotFound("service name unknown")
        call.reply(NOT_SERVING if self._stopping() else SERVING)

    def methods(self) -> dict[str, RpcHandler]:
        """By path."""
        return {f"{HEALTH}Check": guarded(self.check)}


def guarded(handler: RpcHandler) -> RpcHandler:
    """The handler, with what it raises as the call's status."""

    def handle(call: RpcCall) -> None:
        try:
            handler(call)
        except ServingError as error:
            call.fail(error.code, error.message)

    return handle


def answering(call: RpcCall) -> Done:
    """What replies to the call when the data plane is done."""

    def done(answer: Answer | None, error: ServingError | None) -> None:
        if answer is not None:
            call.reply(answer.body, answer.metadata)
        elif error is not None:
            call.fail(error.code, error.message)

    return done


def limits(call: RpcCall) -> Any:
    """The call's deadline, its size and who waits for it, as the data plane's keyword arguments."""
    return {"deadline": call.deadline, "size": len(call.message), "client": call}


def parsed(message_type: Any, call: RpcCall) -> Any:
    """The request message. Raises Internal without a text, as C++ servers do, for bytes that are none."""
    try:
        return message_type.FromString(call.message)
    except DecodeError:
        raise Internal("") from None


def model_spec(request: Any) -> ModelSpec:
    """Which model a request means. Raises InvalidArgument when it does not say."""
    if not request.HasField("model_spec"):
        raise InvalidArgument("Missing ModelSpec")
    return spec_of(request.model_spec)


def _classification(spec: ModelSpec, results: Classifications) -> bytes:
    response = classification_pb2.ClassificationResponse()
    _fill_spec(response.model_spec, spec)
    _fill_classes(response.result, results)
    return bytes(response.SerializeToString())


def _regression(spec: ModelSpec, values: Sequence[float]) -> bytes:
    response = regression_pb2.RegressionResponse()
    _fill_spec(response.model_spec, spec)
    _fill_values(response.result, values)
    return bytes(response.SerializeToString())


def _inferences(request: Any) -> Callable[[ModelSpec, Sequence[Any]], bytes]:
    """The results in the order of the request's tasks."""

    def encode(spec: ModelSpec, results: Sequence[Any]) -> bytes:
        response = inference_pb2.MultiInferenceResponse()
        for task, result in zip(request.tasks, results, strict=True):
            item = response.results.add()
            _fill_spec(item.model_spec, spec)
            item.model_spec.signature_name = task.model_spec.signature_name or spec.signature_name
            if task.method_name == "tensorflow/serving/classify":
                _fill_classes(item.classification_result, result)
            else:
                _fill_values(item.regression_result, result)
        return bytes(response.SerializeToString())

    return encode


def _fill_classes(proto: Any, results: Classifications) -> None:
    proto.SetInParent()
    for row in results:
        classifications = proto.classifications.add()
        for label, score in row:
            classifications.classes.add(label=label, score=score)


def _fill_values(proto: Any, values: Sequence[float]) -> None:
    proto.SetInParent()
    for value in values:
        proto.regressions.add(value=value)


def _fill_spec(proto: Any, spec: ModelSpec) -> None:
    proto.name = spec.name
    proto.version.value = spec.version
    proto.signature_name = spec.signature_name


def _service_name(message: bytes) -> str:
    """Of a HealthCheckRequest. Raises InvalidArgument for bytes that are none, and for a name that is too long."""
    try:
        # That message is in a package of its own; its one field has the number and the type of this one's.
        name = str(wrappers_pb2.StringValue.FromString(message).value)
    except DecodeError:
        raise InvalidArgument("could not parse request") from None
    if len(name.encode()) > MAX_SERVICE_NAME_BYTES:
        raise InvalidArgument("could not parse request")
    return name
