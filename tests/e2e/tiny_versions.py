"""Versions of a model in the cluster's registry, trained for a moment on this machine, for tests that only serve."""

import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tests.e2e import site as sites
from workflows.overlay import Pin
from workflows.registry import publish


def publish_versions(folder: Path, model: str, count: int) -> list[Pin]:
    """Trains once and publishes it as so many versions, named by times from now on; the oldest first."""
    step("prepare", model=model, data="builtin", dataset=folder / "dataset", report=folder / "prepare.json")
    own = {"model": model, "dataset": folder / "dataset", "trained": folder / "trained"}
    step("train", **own, epochs=1, seed=1, report=folder / "train.json")
    step("evaluate", **own, accuracy=folder / "accuracy", report=folder / "evaluation.json")
    now = datetime.now(timezone.utc)
    return [published(folder, own, f"{now + timedelta(seconds=number):%Y%m%d%H%M%S}") for number in range(count)]


def published(folder: Path, own: dict[str, object], version: str) -> Pin:
    """Exports a version and pushes its image."""
    exported = folder / version
    about = {"source-commit": "0" * 40, "workflow": "e2e", "uid": f"e2e-{version}", "version": version}
    files = {"evaluation": folder / "evaluation.json", "exported": exported, "report": folder / "export.json"}
    step("export", **own, **about, **files)
    registry = f"oci://{sites.REGISTRY}"
    return Pin(version, publish(exported, registry, str(own["model"]), version, base=serving_image()))


def serving_image() -> str:
    """The image that settings.yaml names, from the cluster's registry."""
    settings = (sites.ROOT / "kustomize/settings/settings.yaml").read_text()
    found = re.search(r"^  serving-image: [^/]+/(.+)$", settings, flags=re.MULTILINE)
    assert found, "settings.yaml names no serving-image"
    return f"{sites.REGISTRY}/{found[1]}"


def step(name: str, **flags: object) -> None:
    """One step of a run, as a process of its own."""
    words = [f"--{flag}={value}" for flag, value in flags.items()]
    done = subprocess.run(
        [sys.executable, "-m", "training", name, *words], cwd=sites.ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{name}: {done.stderr}"
