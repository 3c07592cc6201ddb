"""ServingMetrics: the metrics of TensorFlow Serving, by upstream's names and labels.

Source: TF Serving servables/tensorflow/util.cc, saved_model_warmup_util.cc, machine_learning_metadata.cc,
core/request_logger.cc, batching/batching_session.cc, batching_util.h and tensorflow/cc/saved_model/loader.cc at 2.20.0.
"""

from __future__ import annotations

from serving.monitoring.metrics import Counter, Gauge, Histogram, Registry, exponential_buckets

# In microseconds, up to about 20 minutes.
LATENCY_BUCKETS = exponential_buckets(10, 1.8, 33)
EXAMPLE_BUCKETS = exponential_buckets(1, 2, 15)
# In microseconds, up to about one second.
QUEUING_BUCKETS = exponential_buckets(100, 1.2, 52)
BATCH_SIZE_BUCKETS = exponential_buckets(1, 2, 14)
_SERVING = "/tensorflow/serving/"


class ServingMetrics:
    """Every metric of one server; latencies are in microseconds.

    Attributes:
      request_count: {model_name, status}; status is a code's name, e.g. OK.
      request_latency: {model_name, API, entrypoint}; OK requests only. API is Predict, Classify or Regress for GRPC,
        predict, classify, regress or "" for REST.
      runtime_latency: {model_name, API, runtime}; runtime is TF1.
      request_example_counts, request_example_count_total: {model}; MultiInference only.
      model_warmup_latency, model_warmup_records_read: {model_path, status}.
      request_log_count: {model_name, status_code}.
      mlmd_map: {model_name, version}; the ML Metadata UUID as text, which the page shows as 0.
      load_attempt_count: {model_path, status}; status is success or fail.
      load_latency: {model_path}; a counter, as upstream has it.
      graph_runs: calls of the session.
    """

    def __init__(self, registry: Registry | None = None) -> None:
        self.registry = Registry() if registry is None else registry
        self._request_metrics()
        self._model_metrics()

    def _request_metrics(self) -> None:
        counter, histogram = self.registry.counter, self.registry.histogram
        latency = LATENCY_BUCKETS
        self.request_count: Counter = counter(_SERVING + "request_count", "model_name", "status")
        self.request_latency: Histogram = histogram(
            _SERVING + "request_latency", "model_name", "API", "entrypoint", limits=latency
        )
        self.runtime_latency: Histogram = histogram(
            _SERVING + "runtime_latency", "model_name", "API", "runtime", limits=latency
        )
        self.request_example_counts = histogram(_SERVING + "request_example_counts", "model", limits=EXAMPLE_BUCKETS)
        self.request_example_count_total = counter(_SERVING + "request_example_count_total", "model")
        self.request_log_count: Counter = counter(_SERVING + "request_log_count", "model_name", "status_code")

    def _model_metrics(self) -> None:
        counter, histogram = self.registry.counter, self.registry.histogram
        warmup = ("model_path", "status")
        self.model_warmup_latency = histogram(_SERVING + "model_warmup_latency", *warmup, limits=LATENCY_BUCKETS)
        self.model_warmup_records_read = counter(_SERVING + "model_warmup_records_read", *warmup)
        self.mlmd_map: Gauge = self.registry.gauge(_SERVING + "mlmd_map", "model_name", "version")
        self.load_attempt_count = counter("/tensorflow/cc/saved_model/load_attempt_count", "model_path", "status")
        self.load_latency = counter("/tensorflow/cc/saved_model/load_latency", "model_path")
        self.graph_runs = counter("/tensorflow/core/graph_runs")

    def record_examples(self, model: str, count: int) -> None:
        """Counts the examples of one MultiInference request."""
        self.request_example_counts.cell(model).add(count)
        self.request_example_count_total.cell(model).increment(count)


class BatchingMetrics:
    """What batching counts; the same registry gives the same metrics to every session.

    Attributes:
      queuing_latency: {thread_pool_name}, microseconds from a task's arrival to its batch's start.
      wrapped_run_count: batches run.
      padding_size: {execution_batch_size}, rows added to reach an allowed batch size.
      input_batch_size: rows of each input of each task.
      processed_batch_size: rows of each batch, padding included.
    """

    def __init__(self, registry: Registry) -> None:
        name = _SERVING + "batching_session/"
        sizes = BATCH_SIZE_BUCKETS
        self.queuing_latency = registry.histogram(name + "queuing_latency", "thread_pool_name", limits=QUEUING_BUCKETS)
        self.wrapped_run_count = registry.counter(name + "wrapped_run_count").cell()
        self.padding_size = registry.histogram(name + "padding_size", "execution_batch_size", limits=sizes)
        self.input_batch_size = registry.histogram(name + "input_batch_size", limits=sizes).cell()
        self.processed_batch_size = registry.histogram(name + "processed_batch_size", limits=sizes).cell()
