"""The data digest says what the data is, not how it is arranged."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.examples import Examples, data_digest

ROWS = st.lists(st.tuples(st.floats(-10, 10, width=32), st.integers(0, 3)), min_size=2, max_size=20)


def examples(rows: list[tuple[float, int]], prefix: str = "a") -> Examples:
    """One feature x."""
    column = np.array([x for x, _ in rows], np.float32)
    labels = np.array([label for _, label in rows], np.int64)
    return Examples({"x": column}, labels, np.array([f"{prefix}:{row}" for row in range(len(rows))]))


@given(ROWS, st.randoms())
def test_the_order_and_the_names_of_rows_do_not_matter(rows, random):
    """A permutation under other ids has the same digest."""
    shuffled = random.sample(rows, len(rows))

    assert data_digest(examples(rows)) == data_digest(examples(shuffled, "b"))


@given(ROWS, st.data())
def test_a_changed_label_changes_the_digest(rows, data):
    """One label is enough."""
    place = data.draw(st.integers(0, len(rows) - 1))
    changed = [(x, label + (row == place)) for row, (x, label) in enumerate(rows)]

    assert data_digest(examples(rows)) != data_digest(examples(changed))


@given(ROWS)
def test_a_repeated_row_changes_the_digest(rows):
    """The digest is of a multiset."""
    assert data_digest(examples(rows)) != data_digest(examples([*rows, rows[0]]))


def test_a_renamed_feature_changes_the_digest():
    """Names are part of the content."""
    rows = examples([(1.0, 0), (2.0, 1)])
    renamed = Examples({"y": rows.features["x"]}, rows.labels, rows.ids)

    assert data_digest(rows) != data_digest(renamed)


def test_the_digest_is_the_same_in_every_version():
    """A literal: a change of the digest would break every comparison with older versions."""
    expected = "sha256:ad8fabd22ebd54fd6c257b20020c8f38b47c8733bed39b57ff927e085648225b"

    assert expected == data_digest(examples([(1.0, 0), (2.0, 1)]))
