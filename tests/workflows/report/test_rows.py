import math

import pytest

from workflows.report import rows
from workflows.report.reports import Baseline, Evaluate, GateCheck, Scores, Train


def evaluation(**changed) -> Evaluate:
    """An evaluation of nothing, changed as told."""
    empty = {"metrics": {}, "slices": {}, "baseline": None, "confusion": (), "labels": (), "wrong": ()}
    return Evaluate(**{**empty, "test_examples": None, **changed})


@pytest.mark.parametrize(
    ("name", "lower"), [("loss", True), ("val_loss", True), ("mean-error", True), ("accuracy", False), ("gloss", False)]
)
def test_which_metrics_count_mistakes(name, lower):
    """The name says whether less is better."""
    assert lower == rows.lower_is_better(name)


def test_a_change_is_positive_where_the_run_is_better():
    """Less loss and more accuracy are both better."""
    found = evaluation(
        metrics={"accuracy": 0.75, "loss": 0.25}, baseline=Baseline("1", {"accuracy": 0.5, "loss": 0.5}, {})
    )

    assert [0.25, 0.25] == [row.change for row in rows.metric_rows(found)]


def test_a_slice_that_the_baseline_lacks_has_no_change():
    """Only like is compared with like."""
    found = evaluation(slices={"new": Scores(10, {"accuracy": 0.9})}, baseline=Baseline("1", {}, {}))

    assert [(None, None)] == [(row.baseline, row.change) for row in rows.slice_rows(found, "accuracy")]


@pytest.mark.parametrize(
    ("share", "count", "interval"),
    [(1.0, 96, (0.9615, 1.0)), (0.5, 100, (0.4038, 0.5962)), (0.0, 10, (0.0, 0.2775)), (1.5, 10, None), (0.5, 0, None)],
)
def test_the_interval_of_a_share(share, count, interval):
    """Wilson's values; nothing for what is no share of anything."""
    assert pytest.approx(interval, abs=1e-4) == rows.wilson(share, count)


@pytest.mark.parametrize(("value", "bar", "passed", "margin"), [(0.75, 0.5, True, 0.25), (0.75, 0.5, False, -0.25)])
def test_a_margin_is_negative_on_the_wrong_side(value, bar, passed, margin):
    """Loss above its bar fails, accuracy above it passes."""
    assert margin == GateCheck("name", "metric", "", value, bar, passed, "absolute").margin


def test_curves_begin_with_loss_and_accuracy():
    """A pair of train and validation is one figure; at most four."""
    names = ["precision", "val_accuracy", "accuracy", "val_loss", "loss", "recall", "auc"]

    assert ["loss", "accuracy", "precision", "recall"] == rows.curve_names({name: [1.0] for name in names})


def test_the_best_epoch_passes_over_what_is_no_number():
    """An epoch that diverged is not the best."""
    found = Train(3, 7, {"loss": (math.nan, 0.25, 0.5)}, None, "", "")

    assert [(0.25, 2, 0.5)] == [(row.best, row.best_epoch, row.last) for row in rows.curve_rows(found)]


def test_confusions_are_ordered_by_how_often():
    """The worst pair is first, with its share of the true label."""
    found = evaluation(confusion=((8, 2), (5, 5)), labels=("cat", "dog"))

    assert 7 == rows.mistakes(found)
    assert [("dog", "cat", 5, 0.5), ("cat", "dog", 2, 0.2)] == [
        (pair.label, pair.prediction, pair.count, pair.share) for pair in rows.mixed_up(found)
    ]


def test_shades_are_of_recall_and_of_the_worst_mistake():
    """A rare mistake is seen beside a frequent right answer."""
    assert [[0.8, 0.4], [1.0, 0.5]] == [[cell.share for cell in row] for row in rows.cells([[8, 2], [5, 5]])]
