"""The Prometheus page: section 9.1 (util/prometheus_exporter.cc, servables/tensorflow/util.cc of TF Serving 2.20.0)."""

# ruff: noqa: E501 -- a table is read row by row

from __future__ import annotations

import re

import pytest

PAGE = "/monitoring/prometheus/metrics"
BODY = '{"instances": [1.0]}'
X = 'inputs { key: "x" value { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 1 } }'
EXAMPLES = (
    'input { example_list { examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } } } }'
)
CLASSIFY = f'model_spec {{ name: "half" signature_name: "classify_x_to_y" }} {EXAMPLES}'
REGRESS = f'model_spec {{ name: "half" signature_name: "regress_x_to_y" }} {EXAMPLES}'
MULTI = (
    'tasks { model_spec { name: "half" signature_name: "regress_x_to_y" } method_name: "tensorflow/serving/regress" }'
)
COUNT = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency_count"
RUNTIME = ":tensorflow:serving:runtime_latency_count"

COUNTED = [
    # name, ("GET"|"POST", path, body) or (gRPC method, request), the series that grows by one
    ("REST predict", ("POST", "/v1/models/half:predict", BODY), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("REST predict, bad", ("POST", "/v1/models/half:predict", "{"), f'{COUNT}{{model_name="half",status="INVALID_ARGUMENT"}}'),
    ("REST predict, no model", ("POST", "/v1/models/nope:predict", BODY), f'{COUNT}{{model_name="nope",status="NOT_FOUND"}}'),
    ("REST status", ("GET", "/v1/models/half", None), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("REST metadata", ("GET", "/v1/models/half/metadata", None), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("REST status, no model", ("GET", "/v1/models/nope", None), f'{COUNT}{{model_name="nope",status="NOT_FOUND"}}'),
    ("REST malformed", ("GET", "/v1/nothing", None), f'{COUNT}{{model_name="",status="INVALID_ARGUMENT"}}'),
    ("gRPC Predict", ("Predict", f'model_spec {{ name: "half" }} {X}'), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("gRPC Predict, bad", ("Predict", 'model_spec { name: "half" }'), f'{COUNT}{{model_name="half",status="INVALID_ARGUMENT"}}'),
    ("gRPC Predict, no model", ("Predict", 'model_spec { name: "nope" }'), f'{COUNT}{{model_name="nope",status="NOT_FOUND"}}'),
    ("gRPC Classify", ("Classify", CLASSIFY), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("gRPC Regress", ("Regress", REGRESS), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("REST predict latency", ("POST", "/v1/models/half:predict", BODY),
     f'{LATENCY}{{model_name="half",API="predict",entrypoint="REST"}}'),
    ("REST classify latency", ("POST", "/v1/models/half:classify", '{"signature_name": "classify_x_to_y", "examples": [{"x": 1.0}]}'),
     f'{LATENCY}{{model_name="half",API="classify",entrypoint="REST"}}'),
    ("REST regress latency", ("POST", "/v1/models/half:regress", '{"signature_name": "regress_x_to_y", "examples": [{"x": 1.0}]}'),
     f'{LATENCY}{{model_name="half",API="regress",entrypoint="REST"}}'),
    ("REST GET latency", ("GET", "/v1/models/half", None), f'{LATENCY}{{model_name="half",API="",entrypoint="REST"}}'),
    ("gRPC Predict latency", ("Predict", f'model_spec {{ name: "half" }} {X}'),
     f'{LATENCY}{{model_name="half",API="Predict",entrypoint="GRPC"}}'),
    ("gRPC Classify latency", ("Classify", CLASSIFY), f'{LATENCY}{{model_name="half",API="Classify",entrypoint="GRPC"}}'),
    ("gRPC Regress latency", ("Regress", REGRESS), f'{LATENCY}{{model_name="half",API="Regress",entrypoint="GRPC"}}'),
    ("runtime of Predict", ("Predict", f'model_spec {{ name: "half" }} {X}'), f'{RUNTIME}{{model_name="half",API="Predict",runtime="TF1"}}'),
    ("runtime of Classify", ("Classify", CLASSIFY), f'{RUNTIME}{{model_name="half",API="Classify",runtime="TF1"}}'),
    ("runtime of Regress", ("Regress", REGRESS), f'{RUNTIME}{{model_name="half",API="Regress",runtime="TF1"}}'),
    ("examples of MultiInference", ("MultiInference", f"{MULTI} {EXAMPLES}"), ':tensorflow:serving:request_example_counts_count{model="half"}'),
    ("total examples of MultiInference", ("MultiInference", f"{MULTI} {EXAMPLES}"), ':tensorflow:serving:request_example_count_total{model="half"}'),
]  # fmt: skip

UNCOUNTED = [
    # name, request, the series that stays
    ("gRPC MultiInference", ("MultiInference", f"{MULTI} {EXAMPLES}"), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("gRPC GetModelStatus", ("GetModelStatus", 'model_spec { name: "half" }'), f'{COUNT}{{model_name="half",status="OK"}}'),
    ("gRPC GetModelMetadata", ("GetModelMetadata", 'model_spec { name: "half" } metadata_field: "signature_def"'),
     f'{COUNT}{{model_name="half",status="OK"}}'),
    ("outside v1", ("GET", "/nothing", None), f'{COUNT}{{model_name="",status="INVALID_ARGUMENT"}}'),
    ("the latency of a bad request", ("POST", "/v1/models/half:predict", "{"),
     f'{LATENCY}{{model_name="half",API="predict",entrypoint="REST"}}'),
    ("the examples of Classify", ("Classify", CLASSIFY), ':tensorflow:serving:request_example_count_total{model="half"}'),
]  # fmt: skip

TYPES = [
    (":tensorflow:serving:request_count", "counter"),
    (":tensorflow:serving:request_latency", "histogram"),
    (":tensorflow:serving:runtime_latency", "histogram"),
    (":tensorflow:serving:request_example_counts", "histogram"),
    (":tensorflow:serving:request_example_count_total", "counter"),
]

LINE = re.compile(r"# TYPE [a-zA-Z_:][\w:]* (counter|gauge|histogram|untyped)|[a-zA-Z_:][\w:]*\{[^{}]*\} -?[\w.+-]+")


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def ask(server, request):
    """Either transport."""
    return server.call(*request) if len(request) == 2 else server.rest(*request)


def series(server, name):
    """The value of one line of the page, 0 if it is not there."""
    page = server.get(PAGE).body.decode()
    return next((float(line.rpartition(" ")[2]) for line in page.splitlines() if line.rpartition(" ")[0] == name), 0.0)


@pytest.mark.parametrize(("request_", "name"), rows(COUNTED))
def test_a_request_is_counted(options, request_, name):
    """By exactly one."""
    before = series(options, name)
    ask(options, request_)

    assert 1.0 == series(options, name) - before


@pytest.mark.parametrize(("request_", "name"), rows(UNCOUNTED))
def test_a_request_is_not_counted(options, request_, name):
    """Upstream does not either."""
    before = series(options, name)
    ask(options, request_)

    assert before == series(options, name)


@pytest.mark.parametrize(("name", "kind"), TYPES)
def test_a_metric_has_its_type(options, name, kind):
    """One TYPE line each."""
    ask(options, ("POST", "/v1/models/half:predict", BODY))
    ask(options, ("MultiInference", f"{MULTI} {EXAMPLES}"))
    lines = options.get(PAGE).body.decode().splitlines()

    assert 1 == lines.count(f"# TYPE {name} {kind}")


def test_the_page_is_plain_text_of_the_exporters_form(options):
    """No HELP, no blank lines, a newline at the end."""
    answer = options.get(PAGE)
    page = answer.body.decode()

    assert (200, True) == (answer.status, answer.headers["content-type"].startswith("text/plain"))
    assert page.endswith("\n")
    assert [] == [line for line in page.splitlines() if not LINE.fullmatch(line)]
    assert "# HELP" not in page


def test_the_buckets_of_a_latency(options):
    """10 * 1.8^i microseconds, 33 of them, and +Inf, cumulative."""
    ask(options, ("POST", "/v1/models/half:predict", BODY))
    start = ':tensorflow:serving:request_latency_bucket{model_name="half",API="predict",entrypoint="REST",le="'
    lines = [line for line in options.get(PAGE).body.decode().splitlines() if line.startswith(start)]
    bounds = [line[len(start) :].partition('"')[0] for line in lines]
    counts = [float(line.rpartition(" ")[2]) for line in lines]

    assert (34, "10", "18", "32.4", "+Inf") == (len(bounds), *bounds[:3], bounds[-1])
    assert [pytest.approx(10 * 1.8**i, rel=1e-4) for i in range(33)] == [float(bound) for bound in bounds[:-1]]
    assert sorted(counts) == counts


def test_a_query_is_refused(options):
    """The path must match exactly."""
    answer = options.get(PAGE + "?a=b")

    assert 400 == answer.status
    assert f"Unexpected path: {PAGE}?a=b. Should be {PAGE}".encode() == answer.body


def test_label_values_are_escaped(options):
    """Backslash and quote."""
    name = f'{COUNT}{{model_name="q\\"\\\\",status="NOT_FOUND"}}'
    before = series(options, name)
    options.post("/v1/models/q%22%5C:predict", BODY)

    assert 1.0 == series(options, name) - before
