"""The environments as they would be with a few models released to them, rendered by the real kustomize."""

import shutil
from pathlib import Path

import pytest

from workflows.kustomize import render
from workflows.overlay import Pin, load, overlay_path, read_models, remove_model, set_model

ROOT = Path(__file__).parents[2]
VERSION = "20261122143000"
DIGEST = "sha256:" + "a" * 64


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """Renders an overlay with some models in it, each combination once; one more component if asked for."""
    seen: dict[tuple, list[dict]] = {}

    def make(environment: str, models: tuple[str, ...], component: str = "") -> list[dict]:
        key = (environment, models, component)
        if key not in seen:
            tree = tmp_path_factory.mktemp("tree")
            shutil.copytree(ROOT / "kustomize", tree / "kustomize")
            path = tree / overlay_path(environment)
            text = emptied(load(path))
            for model in models:
                text = set_model(text, model, Pin(VERSION, DIGEST), str(path))
            if component:
                text = with_component(text, component)
            path.write_text(text)
            seen[key] = render(path.parent)
        return seen[key]

    return make


def with_component(text: str, name: str) -> str:
    """An overlay with one more component."""
    line = f"  - ../../components/{name}\n"
    if "components:\n" in text:
        return text.replace("components:\n", f"components:\n{line}")
    return f"{text}components:\n{line}"


def emptied(text: str) -> str:
    """An overlay without the models that were released to it in this repository."""
    for model in read_models(text, "overlay"):
        text = remove_model(text, model, "overlay")
    return text
