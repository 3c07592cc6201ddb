"""ModelSpec: what a request says about the model it wants."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSpec:
    """`version` and `label` None: the latest. An empty `signature_name` stands for `serving_default`."""

    name: str
    version: int | None = None
    label: str | None = None
    signature_name: str = ""
