"""RequestMetrics: what upstream counts of every request, with the cells of each model looked up once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from serving.monitoring.metrics import CounterCell, HistogramCell
    from serving.monitoring.serving_metrics import ServingMetrics

# Names of models that are not there come from requests, so only so many get a label of their own.
MAX_UNKNOWN_NAMES = 1000
_MICROS = 1e6


@dataclass(frozen=True, eq=False)
class Api:
    """The labels of one API: `name` is Predict, Classify, ... by gRPC, predict, ..., or "" by REST.

    There are only those below; compared by identity, which a look-up for every request is quicker by.
    """

    name: str
    entrypoint: str


GRPC_PREDICT, GRPC_CLASSIFY, GRPC_REGRESS = (Api(name, "GRPC") for name in ("Predict", "Classify", "Regress"))
REST_PREDICT, REST_CLASSIFY, REST_REGRESS = (Api(name, "REST") for name in ("predict", "classify", "regress"))
# A status or metadata request, or one that is none of these.
REST_OTHER = Api("", "REST")
_RUNTIME_API = {"predict": "Predict", "classify": "Classify", "regress": "Regress"}


class RequestMetrics:
    """Counts requests, their latency and that of the runs.

    Source: TF Serving servables/tensorflow/util.cc (RecordRequestLatency, RecordModelRequestCount) at 2.20.0.
    """

    def __init__(self, metrics: ServingMetrics, is_known: Callable[[str], bool]) -> None:
        self._metrics = metrics
        self._is_known = is_known
        self._graph_runs = metrics.graph_runs.cell()
        self._unknown: set[str] = set()
        self._counts: dict[tuple[str, Code], CounterCell] = {}
        self._latencies: dict[tuple[str, Api], HistogramCell] = {}
        self._runs: dict[tuple[str, Api], HistogramCell] = {}

    def record(self, api: Api, model: str, code: Code, started: float) -> None:
        """One request is over; `started` by time.perf_counter()."""
        count = self._counts.get((model, code)) or self._count(model, code)
        count.increment()
        if code is Code.OK:
            latency = self._latencies.get((model, api)) or self._latency(model, api)
            latency.add((time.perf_counter() - started) * _MICROS)

    def record_run(self, api: Api, model: str, seconds: float) -> None:
        """One run of a model for a request took so long."""
        cell = self._runs.get((model, api)) or self._run(model, api)
        cell.add(seconds * _MICROS)
        self._graph_runs.increment()

    def record_together(self, api: Api, model: str, began: Sequence[tuple[Any, float, float]], ran_at: float) -> None:
        """The same for several that were run together and are answered now.

        Args:
          began: When each request began, and when it was ready to run, by time.perf_counter(), behind anything.
          ran_at: When the run was over.
        """
        if len(began) == 1:
            ((_, started, ready),) = began
            self.record_run(api, model, ran_at - ready)
            self.record(api, model, Code.OK, started)
            return
        count = self._counts.get((model, Code.OK)) or self._count(model, Code.OK)
        count.increment(len(began))
        self._graph_runs.increment(len(began))
        runs = self._runs.get((model, api)) or self._run(model, api)
        runs.add_all([(ran_at - ready) * _MICROS for _, _, ready in began])
        latency = self._latencies.get((model, api)) or self._latency(model, api)
        now = time.perf_counter()
        latency.add_all([(now - started) * _MICROS for _, started, _ in began])

    def _run(self, model: str, api: Api) -> HistogramCell:
        name = _RUNTIME_API.get(api.name, api.name)
        cell = self._runs[model, api] = self._metrics.runtime_latency.cell(model, name, "TF1")
        return cell

    def _count(self, model: str, code: Code) -> CounterCell:
        label = self._label(model)
        cell = self._metrics.request_count.cell(label, code.name)
        if label == model:
            self._counts[model, code] = cell
        return cell

    def _latency(self, model: str, api: Api) -> HistogramCell:
        cell = self._latencies[model, api] = self._metrics.request_latency.cell(model, api.name, api.entrypoint)
        return cell

    def _label(self, model: str) -> str:
        if model in self._unknown or self._is_known(model):
            return model
        if len(self._unknown) >= MAX_UNKNOWN_NAMES:
            return ""
        self._unknown.add(model)
        return model
