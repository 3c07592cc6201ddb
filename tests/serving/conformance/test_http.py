"""CORS, OPTIONS, gzip and sizes: section 8.6. Codes: section 8.2."""

# ruff: noqa: ISC004 -- a table is read row by row

from __future__ import annotations

import gzip
import socket
import zlib

import pytest

from tests.serving.conformance.wire import error_body

BODY = b'{"instances": [1.0, 2.0, 5.0]}'
HALF = b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
PREDICT = "/v1/models/half:predict"
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, GET",
    "access-control-allow-headers": "Content-Type",
}
EMPTY = error_body("JSON Parse error: The document is empty")

OPTIONS = [
    # name, path, Origin, status
    ("http", PREDICT, "http://example.com", 200),
    ("https", PREDICT, "https://example.com", 200),
    ("with a port", PREDICT, "http://localhost:8080", 200),
    ("anything under v1", "/v1/nothing", "http://example.com", 200),
    ("upper-case v1", "/V1/models/half", "http://example.com", 200),
    ("no origin", PREDICT, None, 400),
    ("null origin", PREDICT, "null", 400),
    ("host only", PREDICT, "example.com", 400),
    ("other scheme", PREDICT, "file://x", 400),
]

WITH_CORS = [
    # name, method, path, body, status
    ("predict", "POST", PREDICT, BODY, 200),
    ("bad body", "POST", PREDICT, b"{", 400),
    ("no model", "POST", "/v1/models/nope:predict", BODY, 404),
    ("status", "GET", "/v1/models/half", None, 200),
    ("metadata", "GET", "/v1/models/half/metadata", None, 200),
    ("malformed", "GET", "/v1/nothing", None, 400),
]

GZIPPED = [
    # name, Content-Encoding, body, status, answer
    ("gzip", "gzip", gzip.compress(BODY), 200, HALF),
    ("one of several", "gzip, identity", gzip.compress(BODY), 200, HALF),
    ("x-gzip contains gzip", "x-gzip", gzip.compress(BODY), 200, HALF),
    ("fastest", "gzip", gzip.compress(BODY, 1), 200, HALF),
    ("plain body", "gzip", BODY, 400, EMPTY),
    ("cut short", "gzip", gzip.compress(BODY)[:-12], 400, EMPTY),
    ("broken", "gzip", b"\x1f\x8b\x08\x00" + b"\xff" * 40, 400, EMPTY),
    ("wrong checksum", "gzip", gzip.compress(BODY)[:-8] + b"\x00" * 8, 400, EMPTY),
    ("zlib", "gzip", zlib.compress(BODY), 400, EMPTY),
    ("empty body", "gzip", b"", 400, EMPTY),
    ("nothing in it", "gzip", gzip.compress(b""), 400, EMPTY),
    ("identity", "identity", BODY, 200, HALF),
    ("deflate is not undone", "deflate", BODY, 200, HALF),
    ("more than 100 MiB", "gzip", gzip.compress(BODY + b" " * (100 * 2**20), 1), 400, EMPTY),
    ("just below 100 MiB", "gzip", gzip.compress(BODY + b" " * (100 * 2**20 - 100), 1), 200, HALF),
]

CODES = [
    # name, model, body, status: what each code becomes
    ("INVALID_ARGUMENT", "half", '{"instances": ["x"]}', 400),
    ("FAILED_PRECONDITION of a run is a 400", "half", '{"signature_name": "s", "instances": [1]}', 400),
    ("NOT_FOUND", "nope", '{"instances": [1]}', 404),
    ("UNIMPLEMENTED", "echo", '{"signature_name": "complex64", "inputs": 1}', 501),
]


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("path", "origin", "status"), rows(OPTIONS))
def test_options_without_cors(main, path, origin, status):
    """By the origin alone, without body and without headers."""
    answer = main.rest("OPTIONS", path, None, {"Origin": origin} if origin else {})

    assert (status, b"") == (answer.status, answer.body)
    assert not set(CORS) & set(answer.headers)


@pytest.mark.parametrize(("path", "origin", "status"), rows(OPTIONS))
def test_options_with_cors(options, path, origin, status):
    """The same, with headers where it is allowed."""
    answer = options.rest("OPTIONS", path, None, {"Origin": origin} if origin else {})

    assert (status, b"") == (answer.status, answer.body)
    if status == 200:
        assert CORS.items() <= answer.headers.items()


@pytest.mark.parametrize(("method", "path", "body", "status"), rows(WITH_CORS))
def test_every_answer_carries_the_cors_headers(options, method, path, body, status):
    """Good or bad, with or without an Origin."""
    answer = options.rest(method, path, body)

    assert status == answer.status
    assert CORS.items() <= answer.headers.items()


@pytest.mark.parametrize(("method", "path", "body", "status"), rows(WITH_CORS))
def test_no_answer_carries_them_by_default(main, method, path, body, status):
    """Not even for an Origin."""
    answer = main.rest(method, path, body, {"Origin": "http://example.com"})

    assert status == answer.status
    assert not set(CORS) & set(answer.headers)


@pytest.mark.parametrize(("encoding", "body", "status", "expected"), rows(GZIPPED))
def test_a_gzipped_body(main, encoding, body, status, expected):
    """Undone up to 100 MiB; what cannot be undone is an empty body."""
    answer = main.rest("POST", PREDICT, body, {"Content-Encoding": encoding})

    assert (status, expected) == (answer.status, answer.body)


def test_answers_are_never_compressed(main):
    """Whatever the client would take."""
    answer = main.rest("POST", PREDICT, BODY, {"Accept-Encoding": "gzip"})

    assert (200, HALF) == (answer.status, answer.body)
    assert "content-encoding" not in answer.headers


def test_plain_bodies_have_no_limit(main):
    """More than gzip may become."""
    answer = main.post(PREDICT, BODY + b" " * (101 * 2**20))

    assert (200, HALF) == (answer.status, answer.body)


RAW = [
    # name, bytes sent, bodies answered
    ("chunked",
     b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
     b'a\r\n{"instance\r\n14\r\ns": [1.0, 2.0, 5.0]}\r\n0\r\n\r\n', [HALF]),
    ("two on one connection",
     b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n" + BODY +
     b"POST /v1/models/half:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 30\r\n\r\n" + BODY,
     [HALF, HALF]),
    ("HTTP/1.0", b"POST /v1/models/half:predict HTTP/1.0\r\nContent-Length: 30\r\n\r\n" + BODY, [HALF]),
    ("header names of any case",
     b"POST /v1/models/half:predict HTTP/1.1\r\nhOST: x\r\ncONNECTION: Close\r\ncONTENT-lENGTH: 30\r\n\r\n" + BODY,
     [HALF]),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "bodies"), rows(RAW))
def test_a_body_may_come_in_many_ways(main, sent, bodies):
    """Each is answered, in order."""
    with socket.create_connection(("127.0.0.1", main.rest_port), 30) as connection:
        connection.sendall(sent)
        received = b"".join(iter(lambda: connection.recv(65536), b""))

    assert len(bodies) == received.count(b" 200 OK\r\n")
    assert bodies == [part[: len(HALF)] for part in received.split(b"\r\n\r\n")[1:]]


@pytest.mark.parametrize(("model", "body", "status"), rows(CODES))
def test_a_code_becomes_a_status(main, model, body, status):
    """Section 8.2."""
    assert status == main.post(f"/v1/models/{model}:predict", body).status


def test_a_deadline_is_a_504(options):
    """rest_api_timeout_in_ms is spent."""
    answer = options.post("/v1/models/slow:predict", '{"inputs": 2000000000}')

    assert 504 == answer.status
    assert answer.body.startswith(b'{\n    "error": "')
