"""The same model server twice: as somebody runs it who has one machine, and as an overlay of this repository does.

Both are made of the same rendered overlay, so that they differ in nothing else; what is changed in it is all here.
"""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import site as sites
from tests.e2e.faults import _is, _processes
from tests.e2e.kubectl import Object, every, kubectl, until
from workflows.kustomize import render
from workflows.overlay import Pin, set_model

MODEL = "cancer"
NAME = f"{MODEL}-server"
ENVIRONMENT = "staging"
DRAINED = "gpu-0"
OWN = "app.kubernetes.io/name=model-server"


@dataclass(frozen=True)
class Form:
    """A way to run the server, in a namespace of its own."""

    namespace: str
    title: str
    many: bool

    def apply(self, folder: Path, pin: Pin, *, cpu: str = "") -> None:
        """Makes a version run and waits until it does; `cpu` is all that each server may use, e.g. 250m."""
        objects = [self._fitted(item, cpu) for item in rendered(folder, self.namespace, pin)]
        kept = [item for item in objects if self.many or item["kind"] != "PodDisruptionBudget"]
        order = sorted(kept, key=lambda item: item["kind"] != "Namespace")
        kubectl("apply", "-f", "-", stdin="\n---\n".join(json.dumps(item) for item in order))

    def settled(self) -> None:
        """Waits until every server is there, ready and of the version."""
        kubectl("-n", self.namespace, "rollout", "status", f"deployment/{NAME}", "--timeout=180s")
        until("no pod is on its way out", lambda: len(self.pods()) == self.ready(), within=120)

    def pods(self) -> list[Object]:
        """The servers' pods, those that are ending too."""
        return every("pods", self.namespace, "-l", OWN)

    def ready(self) -> int:
        """How many servers are meant to be there, if all are ready; else 0."""
        found = every("deployments", self.namespace)[0]
        wanted = int(found["spec"]["replicas"])
        return wanted if found["status"].get("readyReplicas") == wanted else 0

    def scale(self, replicas: int) -> None:
        """What the autoscaler does on a cluster with a metrics server."""
        kubectl("-n", self.namespace, "scale", f"deployment/{NAME}", f"--replicas={replicas}")

    def remove(self) -> None:
        """Takes everything away."""
        kubectl("delete", "namespace", self.namespace, "--ignore-not-found")

    def _fitted(self, item: Object, cpu: str) -> Object:
        if item["kind"] != "Deployment":
            return item
        item = copy.deepcopy(item)
        pod = item["spec"]["template"]["spec"]
        # The second node of the test cluster takes only what tolerates a GPU.
        pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
        resources = pod["containers"][0]["resources"]
        resources["requests"]["cpu"] = cpu or "100m"  # beside the other pods of a small cluster
        if cpu:
            resources["limits"]["cpu"] = cpu
        return item if self.many else alone(item)


ONE = Form("why-one", "one server", many=False)
MANY = Form("why-cluster", "the cluster", many=True)


def alone(item: Object) -> Object:
    """One process that something starts again when it ends; for an update the old one is stopped and the new started.

    The pause before the end is for proxies that know of other servers, so it goes too. The node is the one that will
    be drained.
    """
    item["spec"] |= {"replicas": 1, "strategy": {"type": "Recreate"}}
    pod = item["spec"]["template"]["spec"]
    del pod["containers"][0]["lifecycle"]
    there = {"key": "kubernetes.io/hostname", "operator": "In", "values": [DRAINED]}
    preferred = [{"weight": 100, "preference": {"matchExpressions": [there]}}]
    pod["affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    return item


def rendered(folder: Path, namespace: str, pin: Pin) -> list[Object]:
    """What the overlay gives for a version, in another namespace and with this cluster's registry."""
    tree = folder / f"{namespace}-{pin.version}"
    shutil.copytree(sites.ROOT / "kustomize", tree, dirs_exist_ok=True)
    overlay = tree / "overlays" / ENVIRONMENT
    edit(tree / "settings/settings.yaml", r"^  registry: .*$", f"  registry: {sites.REGISTRY}")
    for name in ("kustomization.yaml", "namespace.yaml"):
        edit(overlay / name, f"serving-{ENVIRONMENT}", namespace)
    file = overlay / "kustomization.yaml"
    file.write_text(set_model(file.read_text(), MODEL, pin, str(file)))
    return [dict(item) for item in render(overlay)]


def edit(file: Path, pattern: str, replacement: str) -> None:
    """Changes a file by a regular expression that must match."""
    text, times = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
    assert times, f"{file} has nothing like {pattern}"
    file.write_text(text)


def kill(pod: Object) -> None:
    """Ends a server's process at once, by the machine that its node stands on: nothing is closed, nobody is told."""
    uid = pod["metadata"]["uid"]
    found = [pid for pid in _processes() if _is(pid, "python", "serving") and uid in cgroup(pid)]
    assert found, f"no process of pod {pod['metadata']['name']} runs on this machine"
    for pid in found:
        os.kill(pid, signal.SIGKILL)


def cgroup(pid: int) -> str:
    """What a process belongs to; empty where it has ended."""
    try:
        return (Path("/proc") / str(pid) / "cgroup").read_text()
    except OSError:
        return ""


def drain() -> "subprocess.Popen[bytes]":
    """Begins to empty a node of the model servers; nothing else on it is touched."""
    words = ["drain", DRAINED, f"--pod-selector={OWN}", "--ignore-daemonsets", "--delete-emptydir-data"]
    return subprocess.Popen(["kubectl", *words], stdout=subprocess.DEVNULL)


def uncordon() -> None:
    """Gives the node back."""
    kubectl("uncordon", DRAINED)


def nodes(form: Form) -> list[Any]:
    """The node of every pod."""
    return [pod["spec"].get("nodeName") for pod in form.pods()]
