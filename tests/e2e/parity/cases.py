"""The cases: one small Workflow document in each file, whose first line says what it shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FOLDER = Path(__file__).parent / "cases"
IMAGE = "python:3.11-slim-bookworm"
# A cluster whose executor must not be root, as Pod Security's `restricted` asks, needs a user for every pod.
SECURITY = {"runAsNonRoot": True, "runAsUser": 10001}


@dataclass(frozen=True)
class Case:
    """A workflow, and the order in which its nodes must end where only that shows the feature."""

    name: str
    document: dict[str, Any]
    order: tuple[str, ...]

    def for_argo(self) -> dict[str, Any]:
        """The document with what only a pod needs: an image and a user."""
        spec = self.document["spec"]
        templates = [_with_image(template) for template in spec["templates"]]
        return {**self.document, "spec": {**spec, "securityContext": SECURITY, "templates": templates}}


def _with_image(template: dict[str, Any]) -> dict[str, Any]:
    kinds = [kind for kind in ("container", "script") if kind in template]
    return {**template, **{kind: {"image": IMAGE, **template[kind]} for kind in kinds}}


def load(path: Path) -> Case:
    """Reads a case; the annotation `order` names the nodes that must end one after another."""
    document = YAML(typ="safe").load(path)
    order = document["metadata"].get("annotations", {}).get("order", "")
    return Case(path.stem, document, tuple(order.split()))


def every() -> list[Case]:
    """All cases, by name."""
    return [load(path) for path in sorted(FOLDER.glob("*.yaml"))]
