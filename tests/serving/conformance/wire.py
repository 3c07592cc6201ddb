"""What the conformance tests say to a server and hear from it: raw HTTP, gRPC messages from literals, processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import ml_dtypes
import numpy as np
from google.protobuf import text_format
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

ROOT = Path(__file__).parents[3]
REQUESTS = {
    "Predict": predict_pb2.PredictRequest,
    "Classify": classification_pb2.ClassificationRequest,
    "Regress": regression_pb2.RegressionRequest,
    "MultiInference": inference_pb2.MultiInferenceRequest,
    "GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest,
    "GetModelStatus": get_model_status_pb2.GetModelStatusRequest,
    "HandleReloadConfigRequest": model_management_pb2.ReloadConfigRequest,
}
FIELDS = {
    "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"),
    "int8": ("DT_INT8", "int_val"),
    "int16": ("DT_INT16", "int_val"),
    "int32": ("DT_INT32", "int_val"),
    "int64": ("DT_INT64", "int64_val"),
    "uint8": ("DT_UINT8", "int_val"),
    "uint16": ("DT_UINT16", "int_val"),
    "uint32": ("DT_UINT32", "uint32_val"),
    "uint64": ("DT_UINT64", "uint64_val"),
    "bool": ("DT_BOOL", "bool_val"),
    "string": ("DT_STRING", "string_val"),
    "float16": ("DT_HALF", "half_val"),
    "bfloat16": ("DT_BFLOAT16", "half_val"),
    "complex64": ("DT_COMPLEX64", "scomplex_val"),
}


def tensor(dtype: str, values: Any) -> tensor_pb2.TensorProto:
    """A TensorProto in the typed fields, from nested lists; strings are bytes."""
    name, field = FIELDS[dtype]
    array = np.array(values, object if dtype == "string" else getattr(ml_dtypes, dtype, dtype))
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DataType.Value(name))
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    flat = array.reshape(-1)
    if field == "half_val":
        flat = flat.view(np.uint16)
    if field == "scomplex_val":
        flat = flat.view(np.float32)
    getattr(proto, field).extend(flat.tolist())
    return proto


def shown(proto: tensor_pb2.TensorProto) -> tuple[str, list[int], list[Any]]:
    """A TensorProto as (dtype, shape, typed values); what sits in `tensor_content` is not seen."""
    dtype = next(key for key, (name, _) in FIELDS.items() if types_pb2.DataType.Value(name) == proto.dtype)
    values = list(getattr(proto, FIELDS[dtype][1]))
    return dtype, [dim.size for dim in proto.tensor_shape.dim], values


class Answer(NamedTuple):
    """Status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """gRPC's code name, message, the response (None with an error) and the trailing metadata."""

    code: str
    message: str
    response: Any
    trailing: dict[str, str]


def error_body(message: str) -> bytes:
    """The REST body of an error, for messages that need no escapes but these."""
    escaped = message.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'{{\n    "error": "{escaped}"\n}}'.encode()


class Server:
    """`python -m serving` in a process of its own, with both clients."""

    def __init__(self, log: Path, *flags: str, ports: bool = True, **environment: str) -> None:
        self.grpc_port, self.rest_port = free_ports(2)
        own = (f"--port={self.grpc_port}", f"--rest_api_port={self.rest_port}") if ports else ()
        self.out, self.err = log.with_suffix(".out"), log.with_suffix(".err")
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving", *own, *flags],
                cwd=ROOT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", **environment},
                stdout=out,
                stderr=err,
            )
        self.target = f"127.0.0.1:{self.grpc_port}"
        self._channel: grpc.Channel | None = None

    def output(self) -> str:
        """What it printed on stdout."""
        return self.out.read_text()

    def log(self) -> str:
        """What it printed on stderr."""
        return self.err.read_text()

    def listens(self, port: int) -> bool:
        """Whether somebody accepts connections on the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def ready(self, timeout_s: float = 90) -> Server:
        """Waits until both ports answer."""

        def up() -> bool:
            assert self.process.poll() is None, f"it ended: {self.output()}\n{self.log()[-2000:]}"
            return self.listens(self.grpc_port) and self.listens(self.rest_port)

        wait(up, timeout_s)
        return self

    def exit_code(self, timeout_s: float = 30) -> int:
        """How it ended by itself."""
        return self.process.wait(timeout_s)

    def stop(self) -> None:
        """Ends it and the channel to it."""
        if self._channel:
            self._channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def channel(self) -> grpc.Channel:
        """The channel to its port."""
        if self._channel is None:
            options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
            self._channel = grpc.insecure_channel(self.target, options)
        return self._channel

    def rest(
        self, method: str, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One HTTP request, path as given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.rest_port, timeout=60)
        try:
            connection.request(method, path, body.encode() if isinstance(body, str) else body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        """GET."""
        return self.rest("GET", path)

    def post(self, path: str, body: bytes | str) -> Answer:
        """POST."""
        return self.rest("POST", path, body)

    def call(self, method: str, request: Any, timeout_s: float = 60) -> Reply:
        """One RPC; `request` is a message or protobuf text."""
        if isinstance(request, str):
            request = text_format.Parse(request, REQUESTS[method]())
        stub = (
            model_service_pb2_grpc.ModelServiceStub(self.channel)
            if method in ("GetModelStatus", "HandleReloadConfigRequest")
            else prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        )
        try:
            response, call = getattr(stub, method).with_call(request, timeout=timeout_s, wait_for_ready=True)
        except grpc.RpcError as error:
            return Reply(error.code().name, error.details(), None, _metadata(error.trailing_metadata()))
        return Reply("OK", "", response, _metadata(call.trailing_metadata()))

    def predict(self, name: str, inputs: dict[str, tensor_pb2.TensorProto], **spec: Any) -> Reply:
        """Predict."""
        return self.call("Predict", predict_request(name, inputs, **spec))

    def states(self, name: str) -> dict[int, str]:
        """The model's versions and their states, by gRPC; empty if it is not known."""
        reply = self.call("GetModelStatus", f'model_spec {{ name: "{name}" }}')
        if reply.code != "OK":
            return {}
        names = get_model_status_pb2.ModelVersionStatus.State.Name
        return {status.version: names(status.state) for status in reply.response.model_version_status}


def predict_request(name: str, inputs: dict[str, tensor_pb2.TensorProto], **spec: Any) -> predict_pb2.PredictRequest:
    """A PredictRequest; `version`, `version_label`, `signature_name`, `output_filter` as keywords."""
    request = predict_pb2.PredictRequest(output_filter=spec.get("output_filter", ()))
    request.model_spec.name = name
    request.model_spec.signature_name = spec.get("signature_name", "")
    if "version" in spec:
        request.model_spec.version.value = spec["version"]
    if "version_label" in spec:
        request.model_spec.version_label = spec["version_label"]
    for alias, proto in inputs.items():
        request.inputs[alias].CopyFrom(proto)
    return request


def _metadata(pairs: Any) -> dict[str, str]:
    return dict(pairs or ())


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait(condition: Any, timeout_s: float = 30) -> Any:
    """Asks again until a condition of another process holds."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.01)
    return result


def models_config(models: dict[str, Path], extra: dict[str, str] | None = None) -> str:
    """models.config in protobuf's text format: name -> base path; `extra`: more fields of a model."""
    lines = []
    for name, base in models.items():
        more = (extra or {}).get(name, "")
        lines.append(
            f"config {{ name: {json.dumps(name)} base_path: {json.dumps(str(base))} "
            f'model_platform: "tensorflow" {more} }}'
        )
    return "model_config_list {\n" + "\n".join(lines) + "\n}\n"
