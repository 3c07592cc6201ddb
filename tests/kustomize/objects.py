"""Rendered objects: found by kind, looked into, and held against the schemas of Kubernetes."""

import kubernetes_validate

SCHEMAS = ["1.34", kubernetes_validate.latest_version()]
# Kinds that Kubernetes itself does not know; tests/monitoring holds them against Prometheus.
CUSTOM = {("monitoring.coreos.com/v1", "PrometheusRule"), ("monitoring.coreos.com/v1", "ServiceMonitor")}


def validate(item: dict, version: str = SCHEMAS[-1]) -> None:
    """Raises ValidationError for an object that does not fit the schema, unknown fields included."""
    if (item["apiVersion"], item["kind"]) not in CUSTOM:
        kubernetes_validate.validate(item, version, strict=True)


def of(objects: list[dict], kind: str) -> dict[str, dict]:
    """The objects of a kind, by name."""
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def pod(deployment: dict) -> dict:
    """The pod's spec."""
    return deployment["spec"]["template"]["spec"]


def server(deployment: dict) -> dict:
    """The only container."""
    (container,) = pod(deployment)["containers"]
    return container


def selects(selector: dict, deployment: dict) -> bool:
    """Whether a selector's labels are all on the pods."""
    return bool(selector) and selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
