import pytest

from serving.monitoring.metrics import Registry, exponential_buckets
from serving.monitoring.prometheus_exporter import generate_page, metric_name
from serving.monitoring.serving_metrics import LATENCY_BUCKETS, BatchingMetrics, ServingMetrics


def test_counters_and_gauges_are_lines_below_their_type():
    """No HELP line; labels in the metric's order, cells in that of their labels, metrics in that of their names."""
    registry = Registry()
    counter = registry.counter("/tensorflow/serving/request_count", "model_name", "status")
    counter.cell("b", "OK").increment(2)
    counter.cell("a", "NOT_FOUND").increment()
    registry.counter("/tensorflow/core/graph_runs").cell().increment(12)
    registry.gauge("/tensorflow/serving/mlmd_map", "model_name", "version").cell("m", "1").set("uuid")

    assert generate_page(registry) == (
        b"# TYPE :tensorflow:core:graph_runs counter\n"
        b":tensorflow:core:graph_runs{} 12\n"
        b"# TYPE :tensorflow:serving:mlmd_map gauge\n"
        b':tensorflow:serving:mlmd_map{model_name="m",version="1"} 0\n'
        b"# TYPE :tensorflow:serving:request_count counter\n"
        b':tensorflow:serving:request_count{model_name="a",status="NOT_FOUND"} 1\n'
        b':tensorflow:serving:request_count{model_name="b",status="OK"} 2\n'
    )


def test_a_histogram_has_cumulative_buckets_a_sum_and_a_count():
    """As in upstream's own test of its exporter."""
    registry = Registry()
    cell = registry.histogram("/test/path/total", "the_label", limits=(1, 2, 2.5)).cell("v")
    for sample in (0.5, 1.5, 1.5, 7):
        cell.add(sample)

    assert generate_page(registry) == (
        b"# TYPE :test:path:total histogram\n"
        b':test:path:total_bucket{the_label="v",le="1"} 1\n'
        b':test:path:total_bucket{the_label="v",le="2"} 3\n'
        b':test:path:total_bucket{the_label="v",le="2.5"} 3\n'
        b':test:path:total_bucket{the_label="v",le="+Inf"} 4\n'
        b':test:path:total_sum{the_label="v"} 10.5\n'
        b':test:path:total_count{the_label="v"} 4\n'
    )


def test_a_histogram_without_labels_has_no_comma_before_le():
    """The bracket holds le only; sum and count have empty brackets."""
    registry = Registry()
    registry.histogram("/h", limits=exponential_buckets(1, 2, 1)).cell().add(3)

    assert generate_page(registry).splitlines()[1:] == [
        b':h_bucket{le="1"} 0',
        b':h_bucket{le="+Inf"} 1',
        b":h_sum{} 3",
        b":h_count{} 1",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (r"a\b", r"a\\b"),
        ('a"b', r"a\"b"),
        (r"\"", r"\\\""),
        ("ümlaut", "ümlaut"),
        ("{a,b}=c", "{a,b}=c"),
        ("a\nb", r"a\nb"),
        ("\udcff", "?"),
    ],
)
def test_label_values_escape_backslash_quote_and_line_break(value, text):
    """No name that a client sends can break the page."""
    registry = Registry()
    registry.counter("/c", "the-label", "9").cell(value, "").increment()

    assert f':c{{the_label="{text}",_9=""}} 1' == generate_page(registry).decode().splitlines()[1]


@pytest.mark.parametrize(
    ("name", "shown"), [("/a/b_c-d", ":a:b_c:d"), ("9lives", "_9lives"), ("/tensorflow/core", ":tensorflow:core")]
)
def test_names_keep_letters_digits_and_underscores(name, shown):
    """Everything else is a colon."""
    assert shown == metric_name(name)


def test_latency_limits_are_printed_with_six_digits():
    """As absl::StrCat prints doubles: the first, some in the middle and the last."""
    shown = [f"{limit:g}" for limit in LATENCY_BUCKETS]

    assert 33 == len(shown)
    assert ["10", "18", "32.4", "58.32", "104.976", "188.957"] == shown[:6]
    assert ["708235", "1.27482e+06"] == shown[19:21]
    assert "1.47476e+09" == shown[-1]


def test_every_known_metric_has_its_type_line_from_the_start():
    """A dashboard sees which metrics there are before the first request."""
    metrics = ServingMetrics()
    BatchingMetrics(metrics.registry)

    page = generate_page(metrics.registry).decode()

    types = {line.split()[2]: line.split()[3] for line in page.splitlines() if line.startswith("# TYPE")}
    assert types == {
        ":tensorflow:cc:saved_model:load_attempt_count": "counter",
        ":tensorflow:cc:saved_model:load_latency": "counter",
        ":tensorflow:core:graph_runs": "counter",
        ":tensorflow:serving:batching_session:input_batch_size": "histogram",
        ":tensorflow:serving:batching_session:padding_size": "histogram",
        ":tensorflow:serving:batching_session:processed_batch_size": "histogram",
        ":tensorflow:serving:batching_session:queuing_latency": "histogram",
        ":tensorflow:serving:batching_session:wrapped_run_count": "counter",
        ":tensorflow:serving:mlmd_map": "gauge",
        ":tensorflow:serving:model_warmup_latency": "histogram",
        ":tensorflow:serving:model_warmup_records_read": "counter",
        ":tensorflow:serving:request_count": "counter",
        ":tensorflow:serving:request_example_count_total": "counter",
        ":tensorflow:serving:request_example_counts": "histogram",
        ":tensorflow:serving:request_latency": "histogram",
        ":tensorflow:serving:request_log_count": "counter",
        ":tensorflow:serving:runtime_latency": "histogram",
    }


def test_examples_are_counted_twice():
    """As a distribution and as a total."""
    metrics = ServingMetrics()
    metrics.record_examples("m", 3)

    assert 3 == metrics.registry.value("/tensorflow/serving/request_example_count_total")
    assert 1 == metrics.request_example_counts.cell("m").distribution().counts[2]
