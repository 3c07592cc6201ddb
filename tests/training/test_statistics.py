"""Distances between distributions behave as distances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.statistics import distance, shares, summarise

COUNTS = st.lists(st.integers(0, 50), min_size=5, max_size=5).filter(any)


def normal(counts: list[int]) -> list[float]:
    """Shares that sum to 1."""
    return [count / sum(counts) for count in counts]


@given(COUNTS, COUNTS)
def test_distance_is_symmetric_and_between_0_and_1(one, other):
    """0 for the same distribution."""
    p, q = normal(one), normal(other)

    assert distance(p, q) == pytest.approx(distance(q, p))
    assert 0 <= distance(p, q) <= 1 + 1e-9
    assert 0 == pytest.approx(distance(p, p), abs=1e-7)


def test_distributions_without_a_common_bin_are_1_apart():
    """The most there is."""
    assert 1.0 == pytest.approx(distance([0.5, 0.5, 0], [0, 0, 1]))


def test_shares_leave_out_what_is_not_finite():
    """A bin holds its lower edge."""
    assert [0.25, 0.75] == shares(np.array([0.0, 1.0, 2.0, 3.0, np.nan, np.inf]), [1.0])


def test_a_summary_has_ranges_and_shares_of_a_tenth():
    """The deciles are the data's own."""
    summary = summarise({"x": np.arange(100.0)}, np.arange(100) % 4, ("a", "b", "c", "d"))

    assert (100, 0.0, 99.0, 49.5) == (
        summary["count"],
        *(summary["features"]["x"][key] for key in ("min", "max", "mean")),
    )
    assert [0.1] * 10 == pytest.approx(summary["features"]["x"]["shares"])
    assert {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25} == summary["labels"]


def test_a_constant_and_an_all_missing_feature_can_be_summarised():
    """Neither has deciles that differ."""
    summary = summarise({"same": np.ones(5), "none": np.full(5, np.nan)}, np.zeros(5, np.int64), ("a",))

    assert [1.0] == summary["features"]["same"]["edges"]
    assert summary["features"]["none"]["mean"] is None
