import asyncio
import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest

from serving.core.servable_id import ServableId
from serving.core.servable_state import ManagerState, ServableState
from serving.errors import Code, NotFound, ServingError
from serving.exchange import HttpRequest
from serving.plane.model_job import Answer
from serving.rest.http_rest_api_handler import HttpRestApiHandler
from serving.rest.http_status import HTTP_STATUS
from serving.servables.signature import Signature, TensorInfo

PREDICT = b"/v1/models/half:predict"
METADATA = ((b"shipway-model", b"half"), (b"shipway-model-version", b"123"))
CORS = {
    b"Access-Control-Allow-Origin": b"*",
    b"Access-Control-Allow-Methods": b"POST, GET",
    b"Access-Control-Allow-Headers": b"Content-Type",
}


class Plane:
    """A data plane with one model of one signature, x to x / 2 + 2, that answers at once."""

    def __init__(self):
        self.calls = []
        self.counted = []
        self.error = None

    def predict(self, spec, decode, encode, done, *, api, deadline, size, **_):
        """Runs it."""
        self.calls.append((spec, api.name, deadline, size))
        try:
            if self.error:
                raise self.error
            known = spec.signature_name in ("", "serving_default")
            signature = Signature("", {"x": TensorInfo("x:0", "float")}, {}, {}) if known else None
            inputs, _ = decode(signature)
            done(Answer(encode(spec, {"y": inputs["x"] / 2 + 2}), spec, METADATA), None)
        except ServingError as error:
            done(None, error)

    def lane(self, *_args, signature, **_):
        """One that nobody goes."""
        return SimpleNamespace(submit=lambda *_: False, signature=signature)

    def infer(self, spec, examples, encode, done, *, api, deadline, size, **_):
        """One class, or one number, for each example."""
        self.calls.append((spec, api.name, deadline, size))
        result = [("a", 0.5)] if api.name == "classify" else 0.5
        done(Answer(encode(spec, [result] * len(examples)), spec, METADATA), None)

    def status(self, spec):
        """One version."""
        if spec.name != "half":
            raise NotFound(f"Could not find any versions of model {spec.name}")
        return [ServableState(ServableId("half", 123), ManagerState.AVAILABLE)]

    def count(self, api, model, code, started):
        """Notes it."""
        assert started > 0
        self.counted.append((api.name, model, code.name))


@pytest.fixture
def plane():
    """A stand-in."""
    return Plane()


@pytest.fixture
def ask(plane):
    """Asks a handler around it."""

    def run(method, target, body=b"", headers=(), **options):
        handler = HttpRestApiHandler(plane, **options)

        async def answer():
            answered = asyncio.get_running_loop().create_future()
            handler(HttpRequest(method, target, headers, body), answered.set_result)
            return await asyncio.wait_for(answered, 10)

        return asyncio.run(answer())

    return run


def message(response):
    """The error of a response."""
    return json.loads(response.body)["error"]


def test_a_prediction(ask, plane):
    """Body, type and where the answer is from; nothing else is counted here."""
    response = ask("POST", PREDICT, b'{"instances": [1, 2]}', timeout_ms=0)

    assert (200, b'{\n    "predictions": [2.5, 3.0\n    ]\n}') == (response.status, response.body)
    assert ((b"Content-Type", b"application/json"), *METADATA) == tuple(response.headers)
    assert [("predict", None, 21)] == [call[1:] for call in plane.calls]
    assert [] == plane.counted


def test_the_verbs_on_examples(ask):
    """Both, with their own brackets."""
    body = b'{"examples": [{"x": 1.0}, {"x": 2.0}]}'

    classified, regressed = (ask("POST", b"/v1/models/half:%s" % verb, body).body for verb in (b"classify", b"regress"))
    assert b'{\n    "results": [[["a", 0.5]], [["a", 0.5]]\n    ]\n}' == classified
    assert b'{\n    "results": [0.5, 0.5]\n}' == regressed


def test_the_time_a_request_may_take(ask, plane):
    """From now on; none if it is 0 or less."""
    for timeout_ms in (1000, 0, -1):
        ask("POST", PREDICT, b'{"instances": [1, 2]}', timeout_ms=timeout_ms)

    assert [False, True, True] == [call[2] is None for call in plane.calls]


@pytest.mark.parametrize(
    ("target", "spec"),
    [
        (b"/v1/models/half:predict", ("half", None, None, "")),
        (b"/v1/models/half/versions/0123:predict", ("half", 123, None, "")),
        (b"/V1/MODELS/a%2Fb%3Ac/LABELS/l%20m:predict", ("a/b:c", None, "l m", "")),
        (b"http://host:8501/v1/models/half:predict", ("half", None, None, "")),
        (b"/v1/models/half/versions/9223372036854775807:predict", ("half", 2**63 - 1, None, "")),
    ],
)
def test_what_a_url_names(ask, plane, target, spec):
    """Name, version and label; decoded only after the match."""
    ask("POST", target, b'{"instances": [1]}')

    called = plane.calls[0][0]
    assert spec == (called.name, called.version, called.label, called.signature_name)


@pytest.mark.parametrize(
    ("method", "target", "text"),
    [
        ("POST", b"/v1/models/half:PREDICT", "Malformed request: POST /v1/models/half:PREDICT"),
        ("POST", b"/v1/models/half:predict?", "Malformed request: POST /v1/models/half:predict?"),
        ("POST", b"/v1/models/half:predict?a=b#c", "Malformed request: POST /v1/models/half:predict?a=b#c"),
        ("POST", b"/v1/models/half", "Malformed request: POST /v1/models/half"),
        ("PUT", PREDICT, "Malformed request: PUT /v1/models/half:predict"),
        ("HEAD", b"/v1/models/half", "Malformed request: HEAD /v1/models/half"),
        ("GET", b"/v1/", "Malformed request: GET /v1/"),
        ("GET", b"/v1/models", "Missing model name in request."),
        ("POST", b"/v1/models/a:classify", "JSON Parse error: The document is empty"),
        ("POST", PREDICT, "JSON Parse error: The document is empty"),
    ],
)
def test_what_never_comes_to_a_model(ask, plane, method, target, text):
    """400 in upstream's words, and counted."""
    response = ask(method, target)

    assert (400, text) == (response.status, message(response))
    assert [] == plane.calls
    assert ["INVALID_ARGUMENT"] == [code for _, _, code in plane.counted]


def test_a_version_that_is_too_large_has_no_message(ask):
    """However many digits."""
    for digits in (b"9223372036854775808", b"9" * 5000):
        response = ask("POST", b"/v1/models/half/versions/" + digits + b":predict", b"{}")
        assert (400, b"") == (response.status, response.body)


@pytest.mark.parametrize(
    ("target", "status"),
    [(b"/", 404), (b"/v1", 404), (b"/v2/models/half", 404), (b"*", 400), (b"/v1/models/a b", 400), (b"/v1/%zz", 400)],
)
def test_what_is_outside(ask, target, status):
    """A page of the HTTP layer."""
    response = ask("GET", target)

    assert (status, (b"Content-Type", b"text/html")) == (response.status, response.headers[0])


@pytest.mark.parametrize("cors", [False, True])
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("OPTIONS", [(b"origin", b"https://a.example")], 200),
        ("OPTIONS", [(b"origin", b"http://a.example")], 200),
        ("OPTIONS", [(b"origin", b"a.example")], 400),
        ("OPTIONS", [], 400),
        ("POST", [], 200),
        ("GET", [], 400),
    ],
)
def test_cors(ask, method, headers, status, *, cors):
    """Every answer of the API allows any origin, when asked to; a preflight has no body and no type."""
    response = ask(method, PREDICT, b'{"instances": [1]}', headers, cors=cors)
    found = dict(response.headers)

    assert status == response.status
    assert (CORS if cors else {}) == {name: value for name, value in found.items() if name in CORS}
    assert (method == "OPTIONS") is (not response.body) is (b"Content-Type" not in found)


BODY = b'{"instances": [1, 2]}'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (gzip.compress(BODY), None),
        (gzip.compress(BODY + b" " * 100_000_000, 1), None),
        (gzip.compress(BODY + b" " * (100 << 20), 1), "JSON Parse error: The document is empty"),
        (gzip.compress(BODY)[:-1], "JSON Parse error: The document is empty"),
        (BODY, "JSON Parse error: The document is empty"),
    ],
    ids=["small", "large", "too large", "cut off", "plain"],
)
def test_a_packed_body(ask, body, text):
    """Unpacked up to 100 MiB; what cannot be is empty."""
    response = ask("POST", PREDICT, body, [(b"content-encoding", b"gzip")])

    assert (400 if text else 200) == response.status
    assert not text or text == message(response)


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_every_code_has_its_status(ask, plane, code):
    """And its message, escaped."""
    plane.error = ServingError('a "b"\n', code)
    response = ask("POST", PREDICT, BODY)

    assert HTTP_STATUS[code] == response.status
    assert b'{\n    "error": "a \\"b\\"\\n"\n}' == response.body


def test_a_signature_that_is_not_there(ask):
    """Another code and text than by gRPC; the default has its own name."""
    response = ask("POST", PREDICT, b'{"signature_name": "no", "instances": [1]}')

    assert (400, 'Serving signature name: "no" not found in signature def') == (response.status, message(response))


def test_a_large_body_is_read_on_a_thread(ask):
    """With the same answer, good or bad."""
    rows = np.zeros((1000, 100)).tolist()
    good = ask("POST", PREDICT, json.dumps({"instances": rows}).encode())
    bad = ask("POST", PREDICT, json.dumps({"instances": rows}).encode()[:-2])

    assert 200 == good.status
    assert 400 == bad.status
    assert message(bad).startswith("JSON Parse error: Missing a comma or ']'")


def test_a_status(ask, plane):
    """Counted here."""
    response = ask("GET", b"/v1/models/half/versions/123")

    assert {"version": "123", "state": "AVAILABLE"}.items() <= json.loads(response.body)["model_version_status"][
        0
    ].items()
    assert 404 == ask("GET", b"/v1/models/no").status
    assert [("", "half", "OK"), ("", "no", "NOT_FOUND")] == plane.counted


def test_health_and_readiness(ask):
    """One reason a line."""
    not_ready = ask("GET", b"/readyz", ready=lambda: ["half has no version.", "It stops."])

    assert (200, b"ok\n") == (ask("GET", b"/healthz").status, ask("GET", b"/healthz").body)
    assert (200, b"ok\n") == (ask("GET", b"/readyz").status, ask("GET", b"/readyz").body)
    assert (503, b"half has no version.\nIt stops.\n") == (not_ready.status, not_ready.body)


def test_metrics(ask):
    """On the path that is configured, if any; a query string is refused in upstream's words."""
    path = b"/monitoring/prometheus/metrics"
    page = ask("GET", path, metrics_text=lambda: "# x\n")
    query = ask("GET", path + b"?a", metrics_text=lambda: "# x\n")

    assert (200, b"# x\n", ((b"Content-Type", b"text/plain"),)) == (page.status, page.body, page.headers)
    assert (400, b"Unexpected path: %s?a. Should be %s" % (path, path)) == (query.status, query.body)
    assert 404 == ask("GET", path).status
    assert 200 == ask("POST", b"/m", metrics_text=lambda: "", metrics_path="/m").status


def test_a_bug_is_an_answer_too(ask, plane, caplog):
    """And is logged."""
    plane.status = None
    response = ask("GET", b"/v1/models/half")

    assert 500 == response.status
    assert "a request failed" in caplog.text
