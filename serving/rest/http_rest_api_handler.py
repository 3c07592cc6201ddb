"""REST: URL and JSON body to a call on the data plane, and its answer to JSON. A raw ASGI application.

Source: TF Serving model_servers/http_rest_api_handler.cc, http_rest_api_util.cc at 2.20.0.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from serving.core.servable_id import MAX_VERSION
from serving.errors import Code, InvalidArgument, ServingError, Unimplemented
from serving.model_spec import ModelSpec
from serving.rest import json_tensor, tensor_json
from serving.rest.json_document import parse_object, signature_name
from serving.rest.json_examples import examples_from_json
from serving.rest.json_text import quoted
from serving.rest.proto_json import message_json
from serving.status_proto import signature_def_map, status_response
from serving.workers import failure

if TYPE_CHECKING:
    from serving.data_plane import DataPlane
    from serving.workers import Workers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HTTP_STATUS = {
    Code.OK: 200,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INTERNAL: 500,
    Code.DATA_LOSS: 500,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
METHODS = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"}
_VERSION = rb"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_INFER = re.compile(rb"/v1/models/(?P<name>[^/:]+)" + _VERSION + rb":(?P<verb>classify|regress|predict)", re.IGNORECASE)
_LOOK = re.compile(rb"/v1/models(?:/(?P<name>[^/:]+))?" + _VERSION + rb"(?P<metadata>/metadata)?", re.IGNORECASE)
_JSON = b"application/json"
MAX_UNPACKED_BYTES = 100 << 20


@dataclass(frozen=True)
class Answer:
    """Status, body and its type."""

    status: int
    body: bytes
    content_type: bytes | None = _JSON


class RestApi:
    """The ASGI application; a request runs whole, decoding included, on a worker."""

    def __init__(self, plane: DataPlane, workers: Workers, timeout_s: float | None) -> None:
        self._plane = plane
        self._workers = workers
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one HTTP request."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        if body is None:
            return
        if any(name == b"content-encoding" and b"gzip" in value for name, value in scope["headers"]):
            body = gunzip(body)
        answer = await self._answer(scope, body)
        headers = [(b"content-length", str(len(answer.body)).encode())]
        if answer.content_type:
            headers.append((b"content-type", answer.content_type))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def _answer(self, scope: Scope, body: bytes) -> Answer:
        path = bytes(scope["raw_path"])
        if scope["query_string"]:
            path += b"?" + scope["query_string"]
        if scope["method"] not in METHODS:
            return _page(501, "Not Implemented")
        if not path.startswith(b"/v1/"):
            return _page(404, "Not Found")
        if scope["method"] == "OPTIONS":
            return _preflight(scope)
        try:
            text = await self._workers.run(lambda: self._handle(scope["method"], path, body), self._timeout_s)
            return Answer(200, text.encode("utf-8", "surrogateescape"))
        except Exception as error:  # noqa: BLE001 - whatever a model raises is this request's answer
            return _failure(failure(error))

    def _handle(self, method: str, path: bytes, body: bytes) -> str:
        """The text of a good answer. Raises ServingError."""
        if method == "POST" and (match := _INFER.fullmatch(path)):
            return self._infer(_spec(match), match["verb"].decode(), body, f"{method} {_text(path)}")
        if method == "GET" and (match := _LOOK.fullmatch(path)):
            if match["name"] is None:
                raise InvalidArgument("Missing model name in request.")
            return self._metadata(_spec(match)) if match["metadata"] else self._status(_spec(match))
        raise InvalidArgument(f"Malformed request: {method} {_text(path)}")

    def _infer(self, spec: ModelSpec, verb: str, body: bytes, request: str) -> str:
        if verb == "predict":
            return self._predict(spec, body)
        if verb == "classify":
            return self._classify(spec, body)
        if verb == "regress":
            raise Unimplemented("Regress is not supported yet; use :predict")
        raise InvalidArgument(f"Malformed request: {request}")

    def _predict(self, spec: ModelSpec, body: bytes) -> str:
        document = parse_object(body)
        with self._plane.open(replace(spec, signature_name=signature_name(document))) as call:
            if call.signature is None:
                raise InvalidArgument(
                    f'Serving signature name: "{call.spec.signature_name}" not found in signature def'
                )
            dtypes = {alias: info.dtype for alias, info in call.signature.inputs.items()}
            row_form, inputs = json_tensor.inputs_from_json(document, dtypes)
            values = call.predict(inputs)
        return tensor_json.predictions(values) if row_form else tensor_json.outputs(values)

    def _classify(self, spec: ModelSpec, body: bytes) -> str:
        document = parse_object(body)
        name = signature_name(document)
        examples = examples_from_json(document, "classify")
        with self._plane.open(replace(spec, signature_name=name)) as call:
            return tensor_json.classification_results(call.classify(examples))

    def _status(self, spec: ModelSpec) -> str:
        return f"{message_json(status_response(self._plane.status(spec)))}\n"

    def _metadata(self, spec: ModelSpec) -> str:
        from tensorflow_serving.apis import model_pb2

        with self._plane.open(spec) as call:
            model_spec = model_pb2.ModelSpec(name=call.spec.name)
            model_spec.version.value = call.spec.version
            definitions = message_json(signature_def_map(call.signature_defs()))
        return f'{{\n"model_spec":{message_json(model_spec)}\n,\n"metadata": {{"signature_def": {definitions}\n}}\n}}\n'


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the client went away."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def gunzip(body: bytes) -> bytes:
    """The body unpacked; nothing if it cannot be, or is larger than upstream takes."""
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, MAX_UNPACKED_BYTES + 1)
    except zlib.error:
        return b""
    return unpacked if unpacker.eof and len(unpacked) <= MAX_UNPACKED_BYTES else b""


def _spec(match: re.Match[bytes]) -> ModelSpec:
    """Name and label are percent-decoded only now, so that they may hold `/` and `:`."""
    version = int(match["version"]) if match["version"] else None
    if version is not None and version > MAX_VERSION:
        # Upstream loses the message of this one.
        raise _EmptyBody(f"Failed to convert version: {version}")
    label = _text(unquote_to_bytes(match["label"])) if match["label"] else None
    return ModelSpec(_text(unquote_to_bytes(match["name"])), version, label)


class _EmptyBody(InvalidArgument):
    """Refused without a body."""


def _failure(error: ServingError) -> Answer:
    if isinstance(error, _EmptyBody):
        return Answer(HTTP_STATUS[error.code], b"")
    body = f'{{\n    "error": {quoted(error.message)}\n}}'
    return Answer(HTTP_STATUS[error.code], body.encode("utf-8", "surrogateescape"))


def _preflight(scope: Scope) -> Answer:
    origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
    good = b"http://" in origin or b"https://" in origin
    return Answer(200 if good else 400, b"", None)


def _page(status: int, reason: str) -> Answer:
    """The page of libevent 2.1.12, upstream's HTTP layer."""
    html = f"<HTML><HEAD>\n<TITLE>{status} {reason}</TITLE>\n</HEAD><BODY>\n<H1>{reason}</H1>\n</BODY></HTML>\n"
    return Answer(status, html.encode(), b"text/html")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
