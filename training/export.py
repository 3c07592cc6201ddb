"""The step export: a model version, whole or not at all. Not here: publishing it, which is the release's."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training import dataset as datasets
from training import manifest, statistics
from training import report as reports
from training.errors import TrainingError
from training.model import Model, find
from training.progress import say
from training.step import InputPath, OutputPath


def export(
    *,
    model: str,
    dataset: InputPath,
    trained: InputPath,
    evaluation: InputPath,
    version: str,
    source_commit: str,
    workflow: str,
    uid: str,
    exported: OutputPath,
    report: OutputPath,
) -> None:
    """Writes the version directory: a SavedModel, and beside it warm-up records, statistics, trace id and manifest.

    Args:
      version: UTC creation time of the workflow, YYYYMMDDhhmmss; TensorFlow Serving needs an integer.
      uid: The trace id: the workflow's uid.
    Raises: UnknownModelError; ArtifactError; TrainingError (version is not such an integer).
    """
    found = find(model)
    if not (version.isascii() and version.isdecimal()) or version.startswith("0") or int(version) >= 2**63:
        raise TrainingError(f"a version is an integer such as 20261122143000. Received: version={version!r}")
    measured = reports.read(evaluation, "evaluate")
    data = datasets.read(dataset, model)
    about = {"model": model, "version": version, "source_commit": source_commit, "workflow": workflow, "uid": uid}
    with _whole(exported) as directory:
        signatures, made = _fill(directory, found, data, trained, uid)
        content = manifest.write(directory, {**about, **made, "metrics": measured["metrics"]})
    files = [path for path in exported.rglob("*") if path.is_file()]
    summary = {
        "version": version,
        "digest": content["digest"],
        "weights_digest": content["weights_digest"],
        "bytes": sum(path.stat().st_size for path in files),
        "files": len(files),
        "signatures": signatures,
    }
    say(f"{model} {version}: {len(files)} files, {summary['bytes']:,} bytes, {content['digest']}")
    reports.write(report, summary)


def _fill(
    directory: Path, model: Model, data: datasets.Dataset, trained: Path, uid: str
) -> tuple[list[str], dict[str, Any]]:
    """Writes all but the manifest; returns the signatures, and what the manifest says of data and training."""
    import tensorflow as tf

    from training import savedmodel, warmup, weights

    network = weights.load(trained)
    record = reports.read(trained / "trained.json", "train")
    signatures = savedmodel.save(network, model.config, directory)
    warmup.write(directory, model.name, data.splits["validation"])
    train = data.splits["train"]
    summary = statistics.summarise(model.data.watch(train), train.labels, model.config.labels)
    (directory / statistics.FILE).write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (directory / manifest.TRACE_ID).write_text(uid)
    return signatures, {
        "weights_digest": weights.weights_digest(network),
        "data_digest": data.description.data_digest,
        "seed": record["seed"],
        "epochs": record["epochs"],
        "tensorflow": tf.__version__,
    }


@contextmanager
def _whole(final: Path) -> Iterator[Path]:
    """A directory beside the final one, which becomes it by one rename; what an earlier try left is removed."""
    partial = final.with_name(f".{final.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    if final.exists():
        shutil.rmtree(final)
    partial.replace(final)
