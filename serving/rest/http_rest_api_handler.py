"""HttpRestApiHandler: one HTTP request to a call on the data plane, and its answer to JSON.

Source: TF Serving model_servers/http_rest_api_handler.cc, http_server.cc at 2.20.0.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from serving.errors import Code, InvalidArgument, ServingError
from serving.exchange import HttpResponse
from serving.model_spec import ModelSpec
from serving.plane.model_job import failure
from serving.plane.request_metrics import REST_CLASSIFY, REST_OTHER, REST_PREDICT, REST_REGRESS, Api
from serving.rest import tensor_json
from serving.rest.exact_body import exact_body
from serving.rest.http_response import page
from serving.rest.http_status import HTTP_STATUS
from serving.rest.json_text import quoted
from serving.rest.predict_body import PredictBody
from serving.rest.predict_lanes import PredictLanes
from serving.rest.request_body import gunzip, is_packed
from serving.rest.routes import METADATA, STATUS, EmptyBody, Route, route, split_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from serving.exchange import Headers, HttpRequest
    from serving.plane.data_plane import DataPlane
    from serving.plane.model_job import Answer
    from serving.plane.served_model import Metadata
    from serving.servables.classify import Classifications
    from serving.servables.signature import Signature

_JSON = (b"Content-Type", b"application/json")
_TEXT = (b"Content-Type", b"text/plain")
_CORS = (
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Access-Control-Allow-Methods", b"POST, GET"),
    (b"Access-Control-Allow-Headers", b"Content-Type"),
)
METRICS_PATH = "/monitoring/prometheus/metrics"
# Larger bodies, and packed ones, are read on a thread, so that nobody else waits for them.
_MAX_INLINE_BYTES = 64 << 10


class HttpRestApiHandler:
    """The HttpHandler of a server; lives on the event loop's thread.

    Args:
      timeout_ms: For what is asked of the model, and as much again for reading a large body; 0 or less: no limit.
      cors: Whether every answer allows any origin.
      metrics_text: The metrics page; None: there is none.
      ready: Why the server is not ready, one sentence each; empty: it is.
    """

    def __init__(
        self,
        plane: DataPlane,
        *,
        timeout_ms: int = 30000,
        cors: bool = False,
        metrics_text: Callable[[], str] | None = None,
        metrics_path: str = METRICS_PATH,
        ready: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.plane = plane
        self.headers: Headers = (_JSON, *(_CORS if cors else ()))
        self._cors: Headers = _CORS if cors else ()
        self.timeout_s = timeout_ms / 1000 if timeout_ms > 0 else None
        self._metrics_text = metrics_text
        self._metrics_path = metrics_path.encode()
        self._ready = ready
        self.lanes = PredictLanes(plane)

    def __call__(self, request: HttpRequest, answer: Callable[[HttpResponse], None]) -> None:
        """Answers one request, at once or later."""
        parts = split_target(request.target)
        if parts is None:
            answer(page(400))
        elif parts[0][:4].lower() != b"/v1/":
            answer(self._outside(*parts))
        elif request.method == "OPTIONS":
            answer(self._preflight(request))
        else:
            _Call(self, request, parts[0] + parts[1], answer).start()

    def deadline(self) -> float | None:
        """Of what begins now. The body was read before: as upstream, the limit is for what is asked of the model."""
        return None if self.timeout_s is None else time.monotonic() + self.timeout_s

    def _outside(self, path: bytes, rest: bytes) -> HttpResponse:
        """What is not the API: health, metrics, and libevent's 404. Any method will do, as upstream has it."""
        if path == b"/healthz":
            return _plain(200, "ok\n")
        if path == b"/readyz":
            reasons = self._ready()
            return _plain(503 if reasons else 200, "".join(f"{reason}\n" for reason in reasons) or "ok\n")
        if path != self._metrics_path or self._metrics_text is None:
            return page(404)
        if rest:
            text = f"Unexpected path: {_text(path + rest)}. Should be {_text(self._metrics_path)}"
            return _plain(400, text)
        return _plain(200, self._metrics_text())

    def _preflight(self, request: HttpRequest) -> HttpResponse:
        origin = next((value for name, value in request.headers if name == b"origin"), b"")
        good = b"http://" in origin or b"https://" in origin
        return HttpResponse(200 if good else 400, self._cors, b"")


class _Call:
    """One request under /v1/ on its way through the data plane."""

    __slots__ = (
        "_answer",
        "_api",
        "_body",
        "_client",
        "_document",
        "_handler",
        "_method",
        "_model",
        "_packed",
        "_started",
        "_target",
    )

    def __init__(
        self,
        handler: HttpRestApiHandler,
        request: HttpRequest,
        target: bytes,
        answer: Callable[[HttpResponse], None],
    ) -> None:
        self._handler = handler
        self._method, self._target = request.method, target
        self._packed = is_packed(request.headers)
        self._answer = answer
        self._body = request.body
        self._client = request.client
        self._document: PredictBody | None = None
        self._model = ""
        self._api: Api = REST_OTHER
        self._started = time.perf_counter()

    def start(self) -> None:
        """Goes on on a thread if the body takes long to read."""
        if self._packed or len(self._body) > _MAX_INLINE_BYTES:
            reading = asyncio.get_running_loop().run_in_executor(None, self._read)
            reading.add_done_callback(lambda done: self._go_on(done.result()))
        else:
            self._go_on(self._read())

    def _read(self) -> Callable[[], None] | ServingError:
        """Unpacks and parses, on any thread; then what is to be done on the loop's."""
        try:
            if self._packed:
                self._body = gunzip(self._body)
            asked = route(self._method, self._target)
            self._model = asked.model
            if asked.verb == "predict":
                return self._predict(asked)
            if asked.verb in (STATUS, METADATA):
                return lambda: self._look(asked)
            return self._infer(asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this request's answer
            return failure(error)

    def _go_on(self, step: Callable[[], None] | ServingError) -> None:
        try:
            if isinstance(step, ServingError):
                raise step  # noqa: TRY301 - one place words errors
            step()
        except Exception as raised:  # noqa: BLE001
            error = failure(raised)
            self._count(error.code)
            if isinstance(error, EmptyBody):
                self._answer(HttpResponse(HTTP_STATUS[error.code], self._handler.headers, b""))
            else:
                self.fail(error.code, error.message)

    # -- the calls

    def _predict(self, asked: Route) -> Callable[[], None]:
        self._api = REST_PREDICT
        document = self._document = PredictBody(self._body, self._handler.timeout_s)
        spec = ModelSpec(asked.model, asked.version, asked.label, document.signature_name)
        inline = len(self._body) <= _MAX_INLINE_BYTES

        def begin() -> None:
            if inline and self._handler.lanes.take(self._target, document, self):
                return
            self._handler.plane.predict(
                spec,
                partial(self._decode, spec, inline),
                self._encode,
                self._done,
                api=self._api,
                deadline=self._handler.deadline(),
                size=document.size,
                client=self._client,
                inline=inline,
            )

        return begin

    def _infer(self, asked: Route) -> Callable[[], None]:
        """Classify or regress."""
        classify = asked.verb == "classify"
        self._api, encode = (REST_CLASSIFY, _classifications) if classify else (REST_REGRESS, _regressions)
        document = exact_body(self._body, self._handler.timeout_s)
        spec = ModelSpec(asked.model, asked.version, asked.label, document.signature_name)
        examples = document.examples()
        plane, api, size = self._handler.plane, self._api, len(self._body)

        def begin() -> None:
            limits: Any = {"deadline": self._handler.deadline(), "size": size, "client": self._client}
            plane.infer(spec, examples, encode, self._done, api=api, **limits)

        return begin

    def _look(self, asked: Route) -> None:
        from serving.rest import model_json

        spec = ModelSpec(asked.model, asked.version, asked.label)
        plane = self._handler.plane
        if asked.verb == STATUS:
            text = model_json.status(plane.status(spec))
        else:
            text = model_json.metadata(*plane.metadata(spec))
        self._count(Code.OK)
        self._answer(HttpResponse(200, self._handler.headers, text))

    # -- what the data plane calls

    def _decode(
        self,
        spec: ModelSpec,
        inline: bool,  # noqa: FBT001
        signature: Signature | None,
    ) -> tuple[Mapping[str, NDArray[Any]], Sequence[str]]:
        assert self._document is not None
        if signature is None:
            raise InvalidArgument(
                f'Serving signature name: "{self._signature_name()}" not found in signature def',
            )
        tensors = self._document.inputs({alias: info.dtype for alias, info in signature.inputs.items()})
        if inline:
            self._handler.lanes.learn(self._target, self._document, spec, signature)
        return tensors, ()

    def _encode(self, _: ModelSpec, outputs: Mapping[str, NDArray[Any]]) -> bytes:
        assert self._document is not None
        write = tensor_json.predictions if self._document.row_form else tensor_json.outputs
        return _encoded(write(outputs))

    def _done(self, answer: Answer | None, error: ServingError | None) -> None:
        if answer is not None:
            self.reply(answer.body, answer.metadata)
        elif error is not None:
            self.fail(error.code, error.message)

    def reply(self, body: bytes, metadata: Metadata) -> None:
        """With the model's answer."""
        self._answer(HttpResponse(200, (*self._handler.headers, *metadata), body))

    def fail(self, code: Code, message: str) -> None:
        """With an error that is counted already."""
        body = _encoded(f'{{\n    "error": {quoted(message)}\n}}')
        self._answer(HttpResponse(HTTP_STATUS[code], self._handler.headers, body))

    # -- the rest

    def _signature_name(self) -> str:
        from serving.servables.signature import DEFAULT_SIGNATURE

        return (self._document.signature_name if self._document else "") or DEFAULT_SIGNATURE

    def _count(self, code: Code) -> None:
        self._handler.plane.count(self._api, self._model, code, self._started)


def _classifications(_: ModelSpec, results: Classifications) -> bytes:
    return _encoded(tensor_json.classification_results(results))


def _regressions(_: ModelSpec, results: Sequence[float]) -> bytes:
    return _encoded(tensor_json.regression_results(results))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _plain(status: int, text: str) -> HttpResponse:
    return HttpResponse(status, (_TEXT,), _encoded(text))
