"""Checkpoints of a training, one file per epoch, each there whole or not at all. Not here: when to save one.

Not Keras's own files: those leave out the state of dropout's generators, without which a resumed training ends in
other bits, and take 0.2 s for a network of 30 inputs.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

HISTORY = "history "  # a prefix: the variables' keys are arr_0, arr_1, ...
History = dict[str, list[float]]


def save(directory: Path, network: Any, epoch: int, history: History) -> None:
    """Writes all variables and the history, under another name first."""
    folder = directory / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "partial.npz"
    records = {HISTORY + name: np.array(values) for name, values in history.items()}
    np.savez(partial, *[variable.numpy() for variable in _state(network)], **records)  # type: ignore[arg-type]
    partial.replace(folder / f"epoch-{epoch:04d}.npz")


def restore(directory: Path, network: Any) -> tuple[int, History]:
    """Sets a compiled network to its newest checkpoint.

    Returns: The epochs done and the history up to then; 0 and nothing if there is no checkpoint.
    """
    found = sorted((directory / "checkpoints").glob("epoch-*.npz"))
    if not found:
        return 0, {}
    network.optimizer.build(network.trainable_variables)
    with np.load(found[-1], allow_pickle=False) as arrays:
        for place, variable in enumerate(_state(network)):
            variable.assign(arrays[f"arr_{place}"])
        history = {key.removeprefix(HISTORY): arrays[key].tolist() for key in arrays.files if key.startswith(HISTORY)}
    return int(found[-1].stem.removeprefix("epoch-")), history


def keep_only(directory: Path, plan: dict[str, Any]) -> None:
    """Empties the directory unless its checkpoints are of this very plan: a retry goes on, another run begins anew."""
    record = directory / "plan.json"
    if record.is_file() and record.read_text() == json.dumps(plan):
        return
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    record.write_text(json.dumps(plan))


def _state(network: Any) -> list[Any]:
    """Weights, generators of dropout, and what the optimiser remembers, in an order that the network decides."""
    return [*network.variables, *network.optimizer.variables]
