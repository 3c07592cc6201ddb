"""Checkpoints of a training, one per epoch, each there whole or not at all. Not here: when to save one."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Checkpoint:
    """A Keras file, the epochs done when it was written, and the history up to then."""

    path: Path
    epoch: int
    history: dict[str, list[float]]


def save(directory: Path, network: Any, epoch: int, history: dict[str, list[float]]) -> None:
    """Writes both files under another name first; the history comes last and makes the checkpoint count."""
    folder = directory / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "partial.keras"
    network.save(partial)
    partial.replace(folder / f"epoch-{epoch:04d}.keras")
    record = folder / "partial.json"
    record.write_text(json.dumps(history))
    record.replace(folder / f"epoch-{epoch:04d}.json")


def last(directory: Path) -> Checkpoint | None:
    """The newest whole checkpoint."""
    records = sorted((directory / "checkpoints").glob("epoch-*.json"))
    if not records:
        return None
    record = records[-1]
    epoch = int(record.stem.removeprefix("epoch-"))
    return Checkpoint(record.with_suffix(".keras"), epoch, json.loads(record.read_text()))


def keep_only(directory: Path, plan: dict[str, Any]) -> None:
    """Empties the directory unless its checkpoints are of this very plan: a retry goes on, another run begins anew."""
    record = directory / "plan.json"
    if record.is_file() and record.read_text() == json.dumps(plan):
        return
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    record.write_text(json.dumps(plan))
