"""Pods that ask a model server, and what they saw. What runs in them is caller.py."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.e2e.kubectl import get, kubectl, until
from tests.e2e.site import image

SCRIPT = (Path(__file__).parent / "caller.py").read_text()


@dataclass
class Seen:
    """The answers that a caller got, oldest first."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def failed(self) -> list[str]:
        """What went wrong, each kind once with its number."""
        errors = [f"{line['api']}: {line['error']}" for line in self.lines if line["error"]]
        return [f"{errors.count(error)} x {error}" for error in dict.fromkeys(errors)]

    def first(self, version: str) -> float:
        """When a version first answered, in seconds since 1970."""
        return float(next(line["at"] + line["ms"] / 1e3 for line in self.lines if line["version"] == version))

    def versions(self) -> list[str]:
        """Those that answered, in the order of their first answers."""
        return list(dict.fromkeys(line["version"] for line in self.lines if line["version"]))

    def p99(self) -> float:
        """Of the answers' latencies, in ms."""
        return float(np.percentile([line["ms"] for line in self.lines if not line["error"]], 99))


def pod(name: str, namespace: str, *words: str, script: str = SCRIPT) -> None:
    """Starts a caller in a pod."""
    security = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "caller",
        "image": image(),
        "command": ["python", "-c", script, *words],
        "env": [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "3"}],
        "securityContext": security,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - in the pod
    }
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "nodeSelector": {"pool": "cpu"},
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    kubectl("-n", namespace, "delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
    kubectl("create", "-f", "-", stdin=document)


def log(name: str, namespace: str) -> Seen:
    """What a caller has seen so far."""
    text = kubectl("-n", namespace, "logs", name, check=False)
    return Seen([json.loads(line) for line in text.splitlines() if line.startswith("{")])


def once(model: str, namespace: str) -> Seen:
    """The answers to the fixed sample, by each API."""
    name = f"once-{model}"
    pod(name, namespace, model, f"{model}-server", "0", "0")
    until("the caller has asked", lambda: get("pod", name, namespace).get("status", {}).get("phase") == "Succeeded")
    seen = log(name, namespace)
    kubectl("-n", namespace, "delete", "pod", name, "--grace-period=0", "--force")
    return seen


@contextmanager
def load(model: str, namespace: str, *, rate: float = 20, seconds: float = 3600) -> Iterator[Seen]:
    """Requests at a steady rate within the block; what was seen is there after it."""
    name, seen = f"load-{model}", Seen()
    pod(name, namespace, model, f"{model}-server", str(seconds), str(rate))
    try:
        until("the load has begun", lambda: log(name, namespace).versions())
        yield seen
        seen.lines.extend(log(name, namespace).lines)
    finally:
        kubectl("-n", namespace, "delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force")
