"""The `dataset` directory: one npz per split and dataset.json, which is written last. Not here: what the rows mean."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.errors import ArtifactError
from training.examples import Examples
from training.split import SPLITS

FEATURE = "feature "  # a prefix no feature can collide with: `label` and `id` are keys too


@dataclass(frozen=True)
class Description:
    """dataset.json: model, source (for people), labels and the data digest."""

    model: str
    source: str
    labels: tuple[str, ...]
    data_digest: str


@dataclass(frozen=True)
class Dataset:
    """The description and the examples by split name."""

    description: Description
    splits: Mapping[str, Examples]


def write(directory: Path, dataset: Dataset) -> None:
    """Writes all of it; dataset.json comes last, so a directory that has one is whole."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in SPLITS:
        examples = dataset.splits[name]
        columns = {FEATURE + key: values for key, values in examples.features.items()}
        np.savez_compressed(
            directory / f"{name}.npz", allow_pickle=False, label=examples.labels, id=examples.ids, **columns
        )
    (directory / "dataset.json").write_text(json.dumps(asdict(dataset.description), indent=2) + "\n")


def read(directory: Path, model: str) -> Dataset:
    """Reads what `write` wrote.

    Raises: ArtifactError (no such directory, a file missing or unreadable, another model's data).
    """
    description = _description(directory)
    if description.model != model:
        raise ArtifactError(
            f"the dataset in {directory} is of the model {description.model}, expected {model}: "
            f"run prepare with --model={model}"
        )
    return Dataset(description, {name: _examples(directory / f"{name}.npz") for name in SPLITS})


def _description(directory: Path) -> Description:
    try:
        content = json.loads((directory / "dataset.json").read_text())
        return Description(**{**content, "labels": tuple(content["labels"])})
    except FileNotFoundError:
        raise ArtifactError(f"there is no dataset in {directory} (no dataset.json): run prepare first") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"{directory}/dataset.json cannot be read: run prepare again. Received: {error}") from None


def _examples(path: Path) -> Examples:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            features = {key.removeprefix(FEATURE): arrays[key] for key in arrays.files if key.startswith(FEATURE)}
            return Examples(features, arrays["label"], arrays["id"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactError(f"{path} cannot be read: run prepare again. Received: {error}") from None
