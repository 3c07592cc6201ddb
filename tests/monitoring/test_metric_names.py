"""Every metric that a rule, a panel or the autoscaler reads is one that somebody exports, with those labels."""

import pytest
from ruamel.yaml import YAML

from serving.monitoring.metrics import Histogram, Registry
from serving.monitoring.prometheus_exporter import metric_name
from serving.monitoring.serving_metrics import BatchingMetrics, ServingMetrics
from tests.monitoring.conftest import ROOT
from tests.monitoring.promql import labels_in, metrics_in

# What the ServiceMonitor and the operator put on every series of a server.
TARGET = {"namespace", "pod", "model", "model_version"}
# Metrics of others, and of their labels those that are read here.
OTHERS = {
    "up": TARGET,  # Prometheus
    "kube_deployment_annotations": {"namespace", "deployment", "annotation_shipway_dev_image"},  # kube-state-metrics
    "kube_deployment_spec_replicas": {"namespace", "deployment"},
    "kube_deployment_status_replicas_available": {"namespace", "deployment"},
    "container_cpu_usage_seconds_total": {"namespace", "pod", "container"},  # kubelet
    "container_memory_working_set_bytes": {"namespace", "pod", "container"},
    "argocd_app_info": {"project", "name", "sync_status"},  # Argo CD's application controller
    "argo_workflows_total_count": {"phase"},  # Argo Workflows' controller
    "argo_workflows_shipway_drift_distance": {"model"},  # the same, of workflows/train.py; seen on Argo Workflows 4.0.2
}


def exported() -> dict[str, set[str]]:
    """The names on our server's page, which are upstream's, with their labels."""
    registry = Registry()
    ServingMetrics(registry)
    BatchingMetrics(registry)
    found = {}
    for metric in registry.metrics():
        name, labels = metric_name(metric.name), {*metric.labels, *TARGET}
        parts = {"_bucket": {"le"}, "_sum": set(), "_count": set()} if isinstance(metric, Histogram) else {"": set()}
        found |= {name + suffix: labels | more for suffix, more in parts.items()}
    return found


@pytest.fixture(scope="module")
def known(groups):
    """Every name that may be read: the server's, the recorded ones and those of others."""
    recorded = {rule["record"]: TARGET - {"pod"} for group in groups for rule in group["rules"] if "record" in rule}
    return {**exported(), **OTHERS, **recorded}


def check(expression, known):
    """Fails for a name that nobody exports, and for a label that it does not have."""
    read = metrics_in(expression)
    assert read, expression
    for name, labels in read.items():
        assert name in known, f"{name} in {expression}"
        assert labels <= known[name], f"{name} in {expression}"
    assert labels_in(expression) <= set().union(*(known[name] for name in read)), expression


def test_rules_read_what_is_exported(groups, known):
    """Recording rules and alerts."""
    for group in groups:
        for rule in group["rules"]:
            check(rule["expr"], known)


def test_panels_read_what_is_exported(dashboard, known):
    """And so do variables and annotations."""
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [item["expr"] for item in dashboard["annotations"]["list"]]
    queries = [item["query"]["query"] for item in dashboard["templating"]["list"] if item["type"] == "query"]
    for expression in asked:
        check(expression, known)
    for query in queries:
        inner, _, label = query.removeprefix("label_values(").removesuffix(")").rpartition(", ")
        check(inner, known)
        assert label in TARGET


def test_the_autoscaler_reads_what_the_adapter_makes_of_the_servers_metric(known):
    """The rule in the README names the metric that components/requests-autoscaling asks for."""
    readme = (ROOT / "kustomize/README.md").read_text()
    adapter = YAML(typ="safe", pure=True).load(readme.partition("```yaml\n")[2].partition("```")[0])["rules"]
    (rule,) = adapter["custom"]
    patch = YAML(typ="safe", pure=True).load(ROOT / "kustomize/components/requests-autoscaling/requests.yaml")

    assert patch[0]["value"]["pods"]["metric"]["name"] == rule["name"]["as"]
    check(rule["seriesQuery"], known)
    assert {"namespace", "pod"} == set(rule["resources"]["overrides"])


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        ('sum by (a, b) (rate(:x:y_count{c!="", d=~"e|f"}[5m])) > 0', {":x:y_count": {"c", "d"}}),
        ("a:b:c * 0 or d / 1e6 unless on (x) e offset 1m", {"a:b:c": set(), "d": set(), "e": set()}),
        ('label_replace(up{g="h"}, "i", "$1", "j", "(.+)")', {"up": {"g"}}),
    ],
)
def test_the_names_in_an_expression_are_found(expression, read):
    """Neither functions nor labels nor words of the language are metrics."""
    assert read == metrics_in(expression)
