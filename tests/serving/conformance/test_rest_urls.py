"""Which URLs mean what: section 8.1 of the specification of TF Serving 2.20.0 (model_servers/http_rest_api_handler.cc)."""

# ruff: noqa: E501 -- a table is read row by row

from __future__ import annotations

import pytest

from tests.serving.conformance.wire import error_body

BODY = '{"instances": [1.0, 2.0, 5.0]}'
HALF = b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
PLUS = b'{\n    "predictions": [%s.0, %s.0, %s.0\n    ]\n}'
EXAMPLES = '{"examples": [{"x": 2.0}]}'
PLUS_1, PLUS_2, PLUS_3 = (PLUS % values for values in ((b"2", b"3", b"6"), (b"3", b"4", b"7"), (b"4", b"5", b"8")))
BIG = "9223372036854775808"

POSTS_THAT_WORK = [
    # name, path, body, expected body
    ("plain", "/v1/models/half:predict", BODY, HALF),
    ("version", "/v1/models/half/versions/123:predict", BODY, HALF),
    ("leading zeros", "/v1/models/half/versions/000123:predict", BODY, HALF),
    ("upper-case v1", "/V1/models/half:predict", BODY, HALF),
    ("upper-case models", "/v1/MODELS/half:predict", BODY, HALF),
    ("upper-case versions", "/v1/models/half/VERSIONS/123:predict", BODY, HALF),
    ("mixed case", "/V1/Models/half/Versions/123:predict", BODY, HALF),
    ("latest of many", "/v1/models/many:predict", BODY, PLUS_3),
    ("first of many", "/v1/models/many/versions/1:predict", BODY, PLUS_1),
    ("second of many", "/v1/models/many/versions/2:predict", BODY, PLUS_2),
    ("third of many", "/v1/models/many/versions/3:predict", BODY, PLUS_3),
    ("escaped slash", "/v1/models/a%2Fb:predict", BODY, PLUS_1),
    ("escaped slash, lower-case hex", "/v1/models/a%2fb:predict", BODY, PLUS_1),
    ("escaped slash and version", "/v1/models/a%2Fb/versions/123:predict", BODY, PLUS_1),
    ("escaped colon", "/v1/models/a%3Ab:predict", BODY, PLUS_2),
    ("escaped blank", "/v1/models/a%20b:predict", BODY, PLUS_3),
    ("escaped UTF-8", "/v1/models/mod%C3%A8le:predict", BODY, PLUS_1),
    ("needless escapes", "/v1/models/%68%61%6C%66:predict", BODY, HALF),
    ("escaped question mark", "/v1/models/q%3Fa=b:predict", BODY, PLUS_2),
    ("bare question mark within the name", "/v1/models/q?a=b:predict", BODY, PLUS_2),
    ("classify", "/v1/models/half:classify", '{"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}]}',
     b'{\n    "results": [[["", 3.0]]\n    ]\n}'),
    ("classify, version", "/v1/models/examples/versions/123:classify", EXAMPLES,
     b'{\n    "results": [[["a", 2.0], ["b", 4.0]]\n    ]\n}'),
    ("regress", "/v1/models/half:regress", '{"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}]}',
     b'{\n    "results": [3.0]\n}'),
]  # fmt: skip

MALFORMED = [
    # name, method, path; the answer is 400 "Malformed request: <METHOD> <path>"
    ("no verb", "POST", "/v1/models/half"),
    ("no verb, version", "POST", "/v1/models/half/versions/123"),
    ("unknown verb", "POST", "/v1/models/half:explain"),
    ("empty verb", "POST", "/v1/models/half:"),
    ("two verbs", "POST", "/v1/models/half:predict:predict"),
    ("upper-case verb", "POST", "/v1/models/half:PREDICT"),
    ("capital verb", "POST", "/v1/models/half:Predict"),
    ("upper-case classify", "POST", "/v1/models/half:CLASSIFY"),
    ("upper-case regress", "POST", "/v1/models/half:Regress"),
    ("query", "POST", "/v1/models/half:predict?a=b"),
    ("empty query", "POST", "/v1/models/half:predict?"),
    ("slash at the end", "POST", "/v1/models/half:predict/"),
    ("no name", "POST", "/v1/models/:predict"),
    ("no name and no slash", "POST", "/v1/models:predict"),
    ("slash in the name", "POST", "/v1/models/a/b:predict"),
    ("double slash", "POST", "/v1//models/half:predict"),
    ("double slash before the name", "POST", "/v1/models//half:predict"),
    ("version is no number", "POST", "/v1/models/half/versions/abc:predict"),
    ("negative version", "POST", "/v1/models/half/versions/-1:predict"),
    ("signed version", "POST", "/v1/models/half/versions/+1:predict"),
    ("decimal version", "POST", "/v1/models/half/versions/1.5:predict"),
    ("no version", "POST", "/v1/models/half/versions/:predict"),
    ("escaped version", "POST", "/v1/models/half/versions/%31%32%33:predict"),
    ("no label", "POST", "/v1/models/half/labels/:predict"),
    ("version and label", "POST", "/v1/models/half/versions/123/labels/stable:predict"),
    ("label and version", "POST", "/v1/models/half/labels/stable/versions/123:predict"),
    ("slash in the label", "POST", "/v1/models/half/labels/a/b:predict"),
    ("singular", "POST", "/v1/model/half:predict"),
    ("version in the singular", "POST", "/v1/models/half/version/123:predict"),
    ("metadata is no verb", "POST", "/v1/models/half:metadata"),
    ("metadata by POST", "POST", "/v1/models/half/metadata"),
    ("metadata and verb", "POST", "/v1/models/half/metadata:predict"),
    ("only the prefix", "POST", "/v1/"),
    ("something else", "POST", "/v1/nothing"),
    ("models by POST", "POST", "/v1/models"),
    ("escaped verb's colon", "POST", "/v1/models/half%3Apredict"),
    ("predict by GET", "GET", "/v1/models/half:predict"),
    ("classify by GET", "GET", "/v1/models/half/versions/123:classify"),
    ("slash at the end, GET", "GET", "/v1/models/half/"),
    ("metadata with slash", "GET", "/v1/models/half/metadata/"),
    ("metadata of nothing twice", "GET", "/v1/models/half/metadata/metadata"),
    ("version is no number, GET", "GET", "/v1/models/half/versions/abc"),
    ("no version, GET", "GET", "/v1/models/half/versions/"),
    ("query after a version", "GET", "/v1/models/half/versions/123?a=b"),
    ("query after metadata", "GET", "/v1/models/half/metadata?a=b"),
    ("singular, GET", "GET", "/v1/model/half"),
    ("only the prefix, GET", "GET", "/v1/"),
    ("PUT", "PUT", "/v1/models/half:predict"),
    ("DELETE", "DELETE", "/v1/models/half"),
    ("PATCH", "PATCH", "/v1/models/half:predict"),
    ("PUT on the prefix", "PUT", "/v1/"),
]

REFUSED = [
    # name, method, path, status, message
    ("no such model", "POST", "/v1/models/nope:predict", 404, "Servable not found for request: Latest(nope)"),
    ("names are case-sensitive", "POST", "/v1/models/HALF:predict", 404, "Servable not found for request: Latest(HALF)"),
    ("no such version", "POST", "/v1/models/half/versions/7:predict", 404,
     "Servable not found for request: Specific(half, 7)"),
    ("version 0", "POST", "/v1/models/half/versions/0:predict", 404,
     "Servable not found for request: Specific(half, 0)"),
    ("biggest version", "POST", "/v1/models/half/versions/9223372036854775807:predict", 404,
     "Servable not found for request: Specific(half, 9223372036854775807)"),
    ("no such model, with version", "POST", "/v1/models/nope/versions/123:predict", 404,
     "Servable not found for request: Specific(nope, 123)"),
    ("decoded in the message", "POST", "/v1/models/no%2Fpe%22:predict", 404,
     'Servable not found for request: Latest(no/pe")'),
    ("plus is no blank", "POST", "/v1/models/a+b:predict", 404, "Servable not found for request: Latest(a+b)"),
    ("query within the name", "POST", "/v1/models/half?a=b:predict", 404,
     "Servable not found for request: Latest(half?a=b)"),
    ("unknown label", "POST", "/v1/models/half/labels/stable:predict", 400,
     "Unrecognized servable version label: stable"),
    ("unknown label, escaped", "POST", "/v1/models/half/labels/a%2Fb:predict", 400,
     "Unrecognized servable version label: a/b"),
    ("upper-case labels", "POST", "/v1/models/half/LABELS/stable:predict", 400,
     "Unrecognized servable version label: stable"),
    ("no name", "GET", "/v1/models", 400, "Missing model name in request."),
    ("no name, upper case", "GET", "/V1/MODELS", 400, "Missing model name in request."),
    ("status of no model", "GET", "/v1/models/nope", 404, "Could not find any versions of model nope"),
    ("status of no version", "GET", "/v1/models/half/versions/7", 404, "Could not find version 7 of model half"),
    ("status with a query asks for another model", "GET", "/v1/models/half?a=b", 404,
     "Could not find any versions of model half?a=b"),
    ("status with an empty query", "GET", "/v1/models/half?", 404, "Could not find any versions of model half?"),
    ("metadata of no model", "GET", "/v1/models/nope/metadata", 404, "Servable not found for request: Latest(nope)"),
    ("metadata of no version", "GET", "/v1/models/half/versions/7/metadata", 404,
     "Servable not found for request: Specific(half, 7)"),
    ("metadata of an unknown label", "GET", "/v1/models/half/labels/stable/metadata", 400,
     "Unrecognized servable version label: stable"),
]  # fmt: skip

TOO_BIG = [
    ("predict", "POST", f"/v1/models/half/versions/{BIG}:predict"),
    ("classify", "POST", f"/v1/models/half/versions/{BIG}:classify"),
    ("regress", "POST", f"/v1/models/half/versions/{BIG}:regress"),
    ("status", "GET", f"/v1/models/half/versions/{BIG}"),
    ("metadata", "GET", f"/v1/models/half/versions/{BIG}/metadata"),
    ("longer still", "POST", f"/v1/models/half/versions/{'9' * 60}:predict"),
]

OUTSIDE = [
    ("root", "GET", "/"),
    ("v2", "GET", "/v2/models/half"),
    ("v1 without slash", "GET", "/v1"),
    ("other", "POST", "/predict"),
    ("favicon", "GET", "/favicon.ico"),
    ("prometheus without a config", "GET", "/monitoring/prometheus/metrics"),
]

UNKNOWN_METHODS = ["TRACE", "CONNECT", "FOO"]


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("path", "body", "expected"), rows(POSTS_THAT_WORK))
def test_a_url_reaches_its_model(main, path, body, expected):
    """The exact body of the right model and version."""
    answer = main.post(path, body)

    assert (200, expected) == (answer.status, answer.body)
    assert "application/json" == answer.headers["content-type"]


@pytest.mark.parametrize(("method", "path"), rows(MALFORMED))
def test_a_malformed_url_is_named(main, method, path):
    """400 with the method and the path as they came."""
    answer = main.rest(method, path, BODY if method != "GET" else None)

    assert (400, error_body(f"Malformed request: {method} {path}")) == (answer.status, answer.body)
    assert "application/json" == answer.headers["content-type"]


@pytest.mark.parametrize(("method", "path", "status", "message"), rows(REFUSED))
def test_a_well_formed_url_of_nothing(main, method, path, status, message):
    """Model, version or label is not there."""
    answer = main.rest(method, path, BODY if method == "POST" else None)

    assert (status, error_body(message)) == (answer.status, answer.body)
    assert "application/json" == answer.headers["content-type"]


@pytest.mark.parametrize(("method", "path"), rows(TOO_BIG))
def test_a_version_beyond_int64_gets_no_words(main, method, path):
    """400 with an empty body."""
    answer = main.rest(method, path, BODY if method == "POST" else None)

    assert (400, b"") == (answer.status, answer.body)


@pytest.mark.parametrize(("method", "path"), rows(OUTSIDE))
def test_outside_v1_is_an_html_404(main, method, path):
    """Libevent's own page."""
    answer = main.rest(method, path)

    assert 404 == answer.status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("method", UNKNOWN_METHODS)
def test_other_methods_are_not_implemented(main, method):
    """501 from the HTTP layer."""
    assert 501 == main.rest(method, "/v1/models/half").status


def test_head_has_no_body(main):
    """HEAD under /v1/ is malformed like every other method, and says so without a body."""
    answer = main.rest("HEAD", "/v1/models/half")

    assert (400, b"") == (answer.status, answer.body)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "image/png", "", "nonsense"])
def test_the_content_type_is_not_looked_at(main, kind):
    """Whatever the client calls it, the body is JSON."""
    answer = main.rest("POST", "/v1/models/half:predict", BODY, {"Content-Type": kind})

    assert (200, HALF) == (answer.status, answer.body)
