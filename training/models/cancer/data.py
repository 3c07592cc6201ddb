"""The 569 rows that scikit-learn ships, or a CSV with the same columns from a path."""

import csv
from pathlib import Path

import numpy as np

from training.errors import SourceError
from training.examples import Array, Examples
from training.models.cancer.config import CONFIG

LABEL = "diagnosis"
RADIUS_TERCILES = (12.25, 14.77)  # of mean_radius in the builtin rows: where small and medium end
NAMES = [feature.name for feature in CONFIG.features]


def load(source: str) -> Examples:
    """Reads all rows.

    Args:
      source: `builtin`, or the path of a CSV whose header names the 30 features and `diagnosis`
        (malignant or benign); an empty cell is a missing value, which validate will name.
    Raises: SourceError.
    """
    return _builtin() if source == "builtin" else _table(Path(source))


def watch(examples: Examples) -> dict[str, Array]:
    """Every feature, each <float32>[n]."""
    return dict(examples.features)


def slices(examples: Examples) -> dict[str, Array]:
    """By the size of the tumour, in three groups of which each holds a third of the builtin rows."""
    radius = examples.features["mean_radius"]
    small, large = radius < RADIUS_TERCILES[0], radius >= RADIUS_TERCILES[1]
    return {"size=small": small, "size=medium": ~small & ~large, "size=large": large}


def _builtin() -> Examples:
    from sklearn.datasets import load_breast_cancer

    rows, labels = load_breast_cancer(return_X_y=True)
    return _examples(rows, labels, [f"breast_cancer:{row}" for row in range(len(rows))])


def _table(path: Path) -> Examples:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
    except FileNotFoundError:
        raise SourceError(f"the data file {path} does not exist: give the path of a CSV, or builtin") from None
    except (OSError, ValueError, csv.Error) as error:
        raise SourceError(f"{path} is no readable CSV: {error}") from None
    if not lines:
        raise SourceError(f"{path} has no rows: expected a header and one line for each example")
    if missing := [name for name in [*NAMES, LABEL] if name not in lines[0]]:
        raise SourceError(f"{path} has no column {', '.join(missing)}: its header must name them")
    return _parse(path, lines)


def _parse(path: Path, lines: list[dict[str, str]]) -> Examples:
    rows, labels = np.zeros((len(lines), len(NAMES))), np.zeros(len(lines))
    ids = [f"{path.name}:{number}" for number in range(2, len(lines) + 2)]  # as an editor counts: the header is line 1
    for row, line in enumerate(lines):
        try:
            rows[row] = [float(line[name] or "nan") for name in NAMES]
            labels[row] = CONFIG.labels.index(line[LABEL])
        except (TypeError, ValueError) as error:  # noqa: PERF203 - names the line
            raise SourceError(f"line {row + 2} of {path} is malformed: {error}") from None
    return _examples(rows, labels, ids)


def _examples(rows: Array, labels: Array, ids: list[str]) -> Examples:
    """From a table [n, 30] in the order of the config's features."""
    columns = {name: rows[:, place].astype(np.float32) for place, name in enumerate(NAMES)}
    return Examples(columns, labels.astype(np.int64), np.array(ids))
