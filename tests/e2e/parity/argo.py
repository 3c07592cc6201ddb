"""Runs workflows on the cluster that KUBECONFIG names, in a namespace of their own, only so many at a time."""

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

from tests.e2e.site import S3

NAMESPACE = "parity"
AT_ONCE = 16
PAUSE_S = 3
LIMIT_S = 600
ACTIVE = "workflows.argoproj.io/completed!=true"


def kubectl(*words: str, document: Any = None) -> str:
    """Runs kubectl in the namespace; raises with what it said."""
    text = None if document is None else json.dumps(document)
    command = ["kubectl", f"--namespace={NAMESPACE}", *words]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


@contextmanager
def namespace() -> Iterator[None]:
    """A namespace in which workflows can run, and nothing left of it afterwards."""
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    try:
        kubectl("create", "-f", "-", document={"apiVersion": "v1", "kind": "List", "items": _surroundings()})
        yield
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def _surroundings() -> list[dict[str, Any]]:
    store = urlsplit(S3)
    rules = [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "executor"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _thing("rbac.authorization.k8s.io/v1", "Role", "executor", rules=rules),
        _thing(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "executor",
            roleRef=role,
            subjects=[{"kind": "ServiceAccount", "name": "default"}],
        ),
        _thing("v1", "Secret", "artifacts", stringData={"access": store.username, "secret": store.password}),
        _repository(store),
    ]


def _thing(version: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **fields}


def _repository(store: SplitResult) -> dict[str, Any]:
    bucket = {
        "endpoint": store.netloc.rpartition("@")[2],
        "insecure": store.scheme == "http",
        "bucket": store.path.strip("/"),
        "keyFormat": f"{NAMESPACE}/{{{{workflow.uid}}}}/{{{{pod.name}}}}",
        "accessKeySecret": {"name": "artifacts", "key": "access"},
        "secretKeySecret": {"name": "artifacts", "key": "secret"},
    }
    result = _thing("v1", "ConfigMap", "artifact-repositories", data={"s3": json.dumps({"s3": bucket})})
    result["metadata"]["annotations"] = {"workflows.argoproj.io/default-artifact-repository": "s3"}
    return result


def run(documents: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Runs every document to its end, at most AT_ONCE at a time; gives the Workflow objects by name."""
    left, end = list(documents), time.monotonic() + LIMIT_S
    active: list[str] = []
    while (left or active) and time.monotonic() < end:
        now, left = left[: AT_ONCE - len(active)], left[AT_ONCE - len(active) :]
        if now:
            kubectl("create", "-f", "-", document={"apiVersion": "v1", "kind": "List", "items": now})
        time.sleep(PAUSE_S)
        active = kubectl("get", "workflows", "-l", ACTIVE, "-o", "name").split()
    everything = json.loads(kubectl("get", "workflows", "-o", "json"))["items"]
    return {workflow["metadata"]["name"]: workflow for workflow in everything}
