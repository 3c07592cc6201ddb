"""MonitoringConfig: whether and where metrics are shown to Prometheus."""

from __future__ import annotations

from dataclasses import dataclass

from serving.config.private_protos import message_class
from serving.config.text_proto import read_text_proto

DEFAULT_PATH = "/monitoring/prometheus/metrics"


@dataclass(frozen=True)
class PrometheusConfig:
    """Off unless a file says otherwise."""

    enable: bool = False
    path: str = DEFAULT_PATH


def read_monitoring_config(path: str) -> PrometheusConfig:
    """What a MonitoringConfig file in text format says of Prometheus; an empty path stands for no file.

    Raises: NotFound, InvalidArgument; see read_text_proto.
    Source: TF Serving config/monitoring_config.proto, util/prometheus_exporter.cc at 2.20.0.
    """
    if not path:
        return PrometheusConfig()
    prometheus = read_text_proto(path, message_class("MonitoringConfig")()).prometheus_config
    return PrometheusConfig(prometheus.enable, prometheus.path or DEFAULT_PATH)
