"""Writes the Argo YAML of the workflow, and of what starts it, to `workflows/rendered/`.

It is committed: the golden test, what the local engine runs, and what Argo CD syncs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hera._yaml import dump

from training.model import known
from workflows.retrain import crons
from workflows.train import train
from workflows.triggers import triggers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel

RENDERED = Path(__file__).parent / "rendered"
HEADER = "# Rendered by `make render` from workflows/{name}.py; edit that file, not this one.\n"


def documents() -> dict[str, str]:
    """File name to YAML text; each file is of the module of its name."""
    models = known()
    texts = {"train": train().to_yaml(), "triggers": _yaml(triggers(models)), "retrain": _yaml(crons(models))}
    return {f"{name}.yaml": HEADER.format(name=name) + text for name, text in texts.items()}


def render(directory: Path = RENDERED) -> list[Path]:
    """Writes every file and removes those that nothing writes any more; returns the files."""
    texts = documents()
    directory.mkdir(parents=True, exist_ok=True)
    for stale in set(directory.glob("*.yaml")) - {directory / name for name in texts}:
        stale.unlink()
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    return sorted(directory / name for name in texts)


def _yaml(objects: Sequence[BaseModel]) -> str:
    return "---\n".join(
        dump(item.model_dump(mode="json", by_alias=True, exclude_none=True), width=float("inf")) for item in objects
    )
