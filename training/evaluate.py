"""The step evaluate: metrics on the test split only, beside the serving version. Not here: the verdict (gate.py)."""

from pathlib import Path
from typing import Any

from training import baseline as baselines
from training import dataset as datasets
from training import report as reports
from training.examples import Array, Examples
from training.metrics import confusion, metrics, sliced
from training.mistakes import mistakes
from training.model import Model, find
from training.progress import say
from training.step import InputPath, OptionalInputPath, OutputPath, OutputValue


def evaluate(
    *,
    model: str,
    dataset: InputPath,
    trained: InputPath,
    baseline: OptionalInputPath,
    accuracy: OutputValue,
    report: OutputPath,
) -> None:
    """Measures the trained model, and the serving version if there is one, on the test split, whole and by slice.

    Args:
      accuracy: Of the trained model, in [0, 1].
    Raises: UnknownModelError; ArtifactError (dataset, trained model or baseline unreadable or of another model).
    """
    found = find(model)
    test = datasets.read(dataset, model).splits["test"]
    slices = all_slices(found, test)
    scores = _trained_scores(trained, test)
    measured = _measured(scores, test, slices)
    say(f"{len(test)} test examples, accuracy {measured['metrics']['accuracy']:.4f}")
    accuracy.write_text(f"{measured['metrics']['accuracy']:.6f}", encoding="utf-8")
    content = {
        **measured,
        "baseline": _baseline(found, baseline, test, slices),
        "confusion": confusion(scores, test.labels),
        "labels": list(found.config.labels),
        "wrong": mistakes(scores, test, found.config.labels),
        "test_examples": len(test),
    }
    reports.write(report, content)


def all_slices(model: Model, examples: Examples) -> dict[str, Array]:
    """The model's own slices and one for each label, <bool>[n] each."""
    by_label = {f"label={name}": examples.labels == index for index, name in enumerate(model.config.labels)}
    return by_label | model.data.slices(examples)


def _measured(scores: Array, test: Examples, slices: dict[str, Array]) -> dict[str, Any]:
    return {"metrics": metrics(scores, test.labels), "slices": sliced(scores, test.labels, slices)}


def _trained_scores(trained: Path, test: Examples) -> Array:
    """<float32>[n, labels]."""
    from training import weights

    network = weights.load(trained)
    import keras

    scores: Array = keras.ops.convert_to_numpy(
        keras.ops.softmax(network.predict(dict(test.features), batch_size=256, verbose=0))
    )
    return scores


def _baseline(model: Model, directory: Path | None, test: Examples, slices: dict[str, Array]) -> dict[str, Any] | None:
    """The serving version's part of the report, on the very same rows; None when there is no such version."""
    version = baselines.version(directory, model.name)
    if version is None or directory is None:
        say("no version is serving: nothing to compare with")
        return None
    from training import servable

    served = servable.load(directory, {feature.name for feature in model.config.features})
    measured = _measured(served.scores(test), test, slices)
    say(f"version {version} now serving: accuracy {measured['metrics']['accuracy']:.4f}")
    return {"version": version, **measured}
