"""A row's side depends on its content and on nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.examples import Examples
from training.split import split

SHARES = (0.6, 0.2, 0.2)
VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60)


def examples(values: list[float]) -> Examples:
    """One feature; the ids are the places."""
    column = np.array(values, np.float32)
    return Examples({"x": column}, np.zeros(len(values), np.int64), np.arange(len(values)).astype(str))


def sides(values: list[float]) -> dict[float, str]:
    """The split of each value."""
    return {float(x): name for name, rows in split(examples(values), SHARES).items() for x in rows.features["x"]}


@given(VALUES, VALUES)
def test_adding_rows_moves_no_other(before: list[float], added: list[float]):
    """Every row stays where it was when others come before and after it."""
    assert sides(before).items() <= sides([*added, *before, *added]).items()


@given(VALUES)
def test_each_row_is_in_exactly_one_split(values: list[float]):
    """The splits together hold every row once."""
    ids = [name for rows in split(examples(values), SHARES).values() for name in rows.ids]

    assert sorted(map(str, range(len(values)))) == sorted(ids)


@given(st.floats(-1e6, 1e6, width=32))
def test_equal_rows_are_on_one_side(value: float):
    """Copies never end up in two splits, whatever their labels."""
    rows = examples([value] * 5)
    labelled = Examples(rows.features, np.arange(5), rows.ids)

    assert [5] == [len(part) for part in split(labelled, SHARES).values() if len(part)]


def test_the_shares_are_met_closely():
    """10,000 rows fall as the shares say, give or take two percent."""
    parts = split(examples(list(range(10_000))), SHARES)

    assert [60, 20, 20] == [round(len(rows) / 100 / 2) * 2 for rows in parts.values()]
