"""ModelSpec: what a request says about the model it wants."""

from __future__ import annotations

from typing import Any, NamedTuple


class ModelSpec(NamedTuple):
    """`version` and `label` None: the latest. An empty `signature_name` stands for `serving_default`."""

    name: str
    version: int | None = None
    label: str | None = None
    signature_name: str = ""


def spec_of(spec: Any) -> ModelSpec:
    """The plain form of a ModelSpec proto."""
    kind = spec.WhichOneof("version_choice")
    version = spec.version.value if kind == "version" else None
    return ModelSpec(spec.name, version, spec.version_label if kind == "version_label" else None, spec.signature_name)
