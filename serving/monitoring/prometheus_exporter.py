"""The page of all metrics in Prometheus' text format as upstream writes it: no HELP, `:` for `/`, doubles as %g.

Source: TF Serving util/prometheus_exporter.cc at 2.20.0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from serving.monitoring.metrics import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.monitoring.metrics import AnyMetric, Distribution, Registry


def generate_page(registry: Registry) -> bytes:
    """The whole page, as of now. A metric without cells shows its TYPE line only.

    Label values come from requests: a line break is escaped, as the format wants it, and what is no UTF-8 becomes `?`;
    upstream writes both as they are, so that one request can make the page unreadable.
    """
    lines = [line for metric in registry.metrics() for line in _lines(metric)]
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def metric_name(name: str) -> str:
    """The page's name of a metric: /tensorflow/serving/request_count is :tensorflow:serving:request_count."""
    return _not_first_a_digit(re.sub("[^a-zA-Z0-9_]", ":", name))


def _lines(metric: AnyMetric) -> Iterator[str]:
    name = metric_name(metric.name)
    yield f"# TYPE {name} {metric.kind}"
    if isinstance(metric, Histogram):
        for values, histogram_cell in metric.cells():
            yield from _histogram(name, _label_text(metric.labels, values), histogram_cell.distribution())
    else:
        for values, cell in metric.cells():
            yield f"{name}{{{_label_text(metric.labels, values)}}} {cell.value()}"


def _histogram(name: str, labels: str, distribution: Distribution) -> Iterator[str]:
    prefix = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
    limits = [_number(limit) for limit in distribution.limits] + ["+Inf"]
    total = 0
    for limit, count in zip(limits, distribution.counts, strict=True):
        total += count
        yield f'{prefix}le="{limit}"}} {total}'
    yield f"{name}_sum{{{labels}}} {_number(distribution.sum)}"
    yield f"{name}_count{{{labels}}} {total}"


def _label_text(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ",".join(f'{_label_name(name)}="{_escape(value)}"' for name, value in zip(names, values, strict=True))


def _label_name(name: str) -> str:
    return _not_first_a_digit(re.sub("[^a-zA-Z0-9]", "_", name))


def _not_first_a_digit(name: str) -> str:
    return f"_{name}" if re.match("[0-9]", name) else name


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    """absl::StrCat of a double: six significant digits, as %g."""
    return f"{value:g}"
