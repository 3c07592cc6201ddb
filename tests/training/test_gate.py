"""The gate lets through what is good enough, and says in numbers what is not."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.config import Bar
from training.errors import ArtifactError, GateError
from training.gate import gate, judge
from training.model import find

CONFIG = replace(
    find("digits").config,
    least_slice=30,
    bars=(
        Bar("accuracy", bar=0.97, slice_bar=0.85, tolerance=0.01, slice_tolerance=0.05),
        Bar("loss", bar=0.2, tolerance=0.05, higher_is_better=False),
    ),
)
UNIT = st.floats(0, 1)
PAIR = st.tuples(UNIT, UNIT)


def measured(accuracy=0.98, loss=0.1, part=0.95, count=100, baseline=None):
    """An evaluation with one slice; the baseline is (accuracy, loss, part)."""
    report = {"metrics": {"accuracy": accuracy, "loss": loss}, "slices": {"s": slice_of(part, count)}, "baseline": None}
    if baseline:
        values = {"accuracy": baseline[0], "loss": baseline[1]}
        report["baseline"] = {"version": "1", "metrics": values, "slices": {"s": slice_of(baseline[2], count)}}
    return report


def slice_of(accuracy: float, count: int) -> dict:
    """A slice's part of the report."""
    return {"count": count, "metrics": {"accuracy": accuracy}}


def failed(report) -> list[str]:
    """The names of the checks that did not pass."""
    return [check["name"] for check in judge(CONFIG, report) if not check["passed"]]


@pytest.mark.parametrize(
    ("expected", "report"),
    [
        ([], measured()),
        ([], measured(accuracy=0.97, loss=0.2, part=0.85)),
        (["accuracy, absolute"], measured(accuracy=0.9699)),
        (["loss, absolute"], measured(loss=0.21)),
        (["accuracy on s, absolute"], measured(part=0.84)),
        ([], measured(part=0.0, count=29)),
        (["accuracy on s, absolute"], measured(part=0.0, count=30)),
        ([], measured(baseline=(0.99, 0.05, 1.0))),
        (["accuracy, regression"], measured(baseline=(0.9901, 0.05, 1.0))),
        (["loss, regression"], measured(baseline=(0.98, 0.049, 1.0))),
        (["accuracy on s, regression"], measured(part=0.94, baseline=(0.98, 0.1, 1.0))),
        (["accuracy, absolute"], measured(accuracy=float("nan"))),
        (["accuracy, absolute"], measured(accuracy=None)),
    ],
)
def test_each_bar_fails_for_its_own_reason(expected, report):
    """Bars and tolerances are met when equal; small slices are not looked at; what is no number never passes."""
    assert expected == failed(report)


@given(PAIR, PAIR, PAIR, st.tuples(UNIT, UNIT, UNIT))
def test_a_better_model_never_fails_what_a_worse_one_passes(accuracies, losses, parts, baseline):
    """Higher accuracy, lower loss: the failed checks can only become fewer."""
    worse = measured(min(accuracies), max(losses), min(parts), baseline=baseline)
    better = measured(max(accuracies), min(losses), max(parts), baseline=baseline)

    assert set(failed(better)) <= set(failed(worse))


@given(UNIT, UNIT, UNIT)
def test_a_model_is_never_refused_for_being_like_the_serving_one(accuracy, loss, part):
    """No regression check fails against itself."""
    report = measured(accuracy, loss, part, baseline=(accuracy, loss, part))

    assert [] == [name for name in failed(report) if name.endswith("regression")]


def test_a_refusal_names_each_failed_check_with_its_numbers(tmp_path):
    """The report holds all checks, the passed ones too."""
    (tmp_path / "evaluate.json").write_text(json.dumps(measured(accuracy=0.9612, loss=0.3)))

    with pytest.raises(GateError) as refused:
        gate(model="digits", evaluation=tmp_path / "evaluate.json", report=tmp_path / "gate.json")
    report = json.loads((tmp_path / "gate.json").read_text())

    assert "accuracy 0.9612 is worse than the bar 0.9700" in str(refused.value)
    assert "loss 0.3000 is worse than the bar 0.2000" in str(refused.value)
    assert (False, {True, False}) == (report["passed"], {check["passed"] for check in report["checks"]})


def test_a_report_says_which_version_was_the_baseline(tmp_path):
    """A passed gate compares with the serving version by name."""
    (tmp_path / "evaluate.json").write_text(json.dumps(measured(baseline=(0.98, 0.1, 0.95))))
    gate(model="digits", evaluation=tmp_path / "evaluate.json", report=tmp_path / "gate.json")
    report = json.loads((tmp_path / "gate.json").read_text())

    assert (True, "1") == (report["passed"], report["baseline_version"])
    assert {"absolute", "regression"} == {check["kind"] for check in report["checks"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no report of evaluate"),
        ("{", "cannot be read"),
        ("[]", "expected a JSON object"),
        ("{}", "is incomplete"),
    ],
)
def test_an_unusable_evaluation_is_refused(tmp_path, content, message):
    """One sentence says to run evaluate."""
    if content is not None:
        (tmp_path / "evaluate.json").write_text(content)

    with pytest.raises(ArtifactError, match=message):
        gate(model="digits", evaluation=tmp_path / "evaluate.json", report=tmp_path / "gate.json")
