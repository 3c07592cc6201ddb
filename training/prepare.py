"""The step prepare: reads the source data and splits it. Not here: judging the data, which is validate's."""

from collections import Counter

from training import dataset as datasets
from training import report as reports
from training.errors import SourceError
from training.examples import Examples, data_digest
from training.model import Model, find
from training.progress import say
from training.split import split
from training.step import OutputPath


def prepare(*, model: str, data: str, dataset: OutputPath, report: OutputPath) -> None:
    """Reads the examples of a model, splits them by content and writes the dataset.

    Args:
      data: `builtin`, or the path of a file that the model's data.py reads.
    Raises: UnknownModelError; SourceError (missing, malformed, wrong arrays, or a split without a row).
    """
    found = find(model)
    examples = found.data.load(data)
    say(f"{len(examples)} examples from {data}")
    parts = split(examples, found.config.split)
    if empty := [name for name, rows in parts.items() if len(rows) == 0]:
        raise SourceError(f"{data} has {len(examples)} rows, too few: none of them is in {', '.join(empty)}")
    description = datasets.Description(model, data, found.config.labels, data_digest(examples))
    datasets.write(dataset, datasets.Dataset(description, parts))
    say(", ".join(f"{name} {len(rows)}" for name, rows in parts.items()))
    reports.write(report, _summary(found, description, parts))


def _summary(model: Model, description: datasets.Description, parts: dict[str, Examples]) -> reports.Report:
    return {
        "model": model.name,
        "source": description.source,
        "examples": {name: len(rows) for name, rows in parts.items()},
        "data_digest": description.data_digest,
        "labels": list(description.labels),
        "features": [feature.name for feature in model.config.features],
        "class_counts": {name: _class_counts(rows, description.labels) for name, rows in parts.items()},
    }


def _class_counts(examples: Examples, labels: tuple[str, ...]) -> dict[str, int]:
    """Rows by label; one whose label is out of range counts nowhere, validate names it."""
    counts = Counter(examples.labels.tolist())
    return {name: counts[index] for index, name in enumerate(labels)}
