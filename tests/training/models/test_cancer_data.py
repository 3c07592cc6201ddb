"""Tumours come from scikit-learn's rows or from a CSV of the same columns."""

import csv

import numpy as np
import pytest

from training.errors import SourceError
from training.models.cancer import data


@pytest.fixture
def table(tmp_path):
    """Writes a CSV of two rows after `edit` changed its lines."""

    def write(edit=lambda lines: lines):
        rows = [[str(row + place / 10) for place in range(30)] for row in (1, 2)]
        lines = [[*data.NAMES, data.LABEL], [*rows[0], "malignant"], [*rows[1], "benign"]]
        path = tmp_path / "tumours.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(edit(lines))
        return str(path)

    return write


def test_builtin_is_569_rows_of_30_features():
    """Each <float32>[569], named with underscores."""
    examples = data.load("builtin")

    assert (30, 569) == (len(examples.features), len(examples))
    assert np.float32(17.99) == examples.features["mean_radius"][0]
    assert {"worst_fractal_dimension", "error_concave_points"} <= set(examples.features)


def test_a_csv_is_read_with_its_rows_named_by_line(table):
    """Line numbers as an editor shows them."""
    examples = data.load(table())

    assert ["tumours.csv:2", "tumours.csv:3"] == examples.ids.tolist()
    assert [0, 1] == examples.labels.tolist()


def test_an_empty_cell_is_a_missing_value(table):
    """Validate will name it; reading does not fail."""
    examples = data.load(table(lambda lines: [lines[0], ["", *lines[1][1:]], lines[2]]))

    assert [True, False] == np.isnan(examples.features["mean_radius"]).tolist()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines[:1], "has no rows"),
        (lambda lines: [line[1:] for line in lines], "has no column mean_radius"),
        (lambda lines: [*lines[:2], ["wide", *lines[2][1:]]], "line 3 of .* is malformed: could not convert"),
        (lambda lines: [*lines[:2], [*lines[2][:-1], "unsure"]], "line 3 of .* is malformed"),
        (lambda lines: [*lines[:2], lines[2][:5]], "line 3 of .* is malformed"),
    ],
)
def test_a_malformed_csv_is_refused(table, edit, message):
    """The line is named."""
    with pytest.raises(SourceError, match=message):
        data.load(table(edit))


def test_a_missing_or_binary_file_is_refused(tmp_path):
    """One sentence each."""
    with pytest.raises(SourceError, match="does not exist"):
        data.load(str(tmp_path / "none.csv"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="is no readable CSV"):
        data.load(str(tmp_path / "binary.csv"))
