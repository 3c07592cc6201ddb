"""evaluate measures on the test split alone, whole and by slice, beside the version now serving."""

import json

import numpy as np
import pytest

from training import dataset as datasets
from training.errors import ArtifactError
from training.evaluate import evaluate


def test_every_slice_is_of_test_rows_and_labels_cover_them_all(digits_run):
    """The label slices sum to the test split, and so do those by ink."""
    test = datasets.read(digits_run.dataset, "digits").splits["test"]
    slices = digits_run.measured["slices"]
    counts = {name: part["count"] for name, part in slices.items()}

    assert len(test) == digits_run.measured["test_examples"]
    assert len(test) == sum(count for name, count in counts.items() if name.startswith("label="))
    assert len(test) == sum(count for name, count in counts.items() if name.startswith("ink="))
    assert np.bincount(test.labels).tolist() == [sum(row) for row in digits_run.measured["confusion"]]


def test_wrong_answers_are_test_rows_with_their_pictures(digits_run):
    """At most 24, each named."""
    test = datasets.read(digits_run.dataset, "digits").splits["test"]
    wrong = digits_run.measured["wrong"]

    assert 0 < len(wrong) <= 24
    assert {each["id"] for each in wrong} <= set(test.ids.tolist())
    assert all(each["image"] and each["label"] != each["prediction"] for each in wrong)


def test_wrong_rows_of_a_table_show_their_features(cancer_run):
    """By name."""
    assert all(30 == len(each["features"]) for each in cancer_run.measured["wrong"])


def test_the_serving_version_is_measured_on_the_same_rows(cancer_run, cancer_export, tmp_path):
    """A model beside itself has the same metrics on every slice."""
    evaluate(
        model="cancer",
        dataset=cancer_run.dataset,
        trained=cancer_run.trained,
        baseline=cancer_export,
        accuracy=tmp_path / "value",
        report=tmp_path / "report.json",
    )
    report = json.loads((tmp_path / "report.json").read_text())

    assert report["metrics"]["accuracy"] == pytest.approx(float((tmp_path / "value").read_text()), abs=1e-6)
    assert "20261122143000" == report["baseline"]["version"]
    assert report["metrics"] == pytest.approx(report["baseline"]["metrics"], abs=1e-6)
    for name, part in report["slices"].items():
        assert part["metrics"] == pytest.approx(report["baseline"]["slices"][name]["metrics"], abs=1e-6)


def test_a_baseline_that_cannot_be_loaded_is_refused(cancer_run, cancer_export, tmp_path):
    """A manifest without a SavedModel."""
    (tmp_path / "served" / "assets.extra").mkdir(parents=True)
    manifest = "assets.extra/manifest.json"
    (tmp_path / "served" / manifest).write_text((cancer_export / manifest).read_text())

    with pytest.raises(ArtifactError, match="holds no readable SavedModel"):
        evaluate(
            model="cancer",
            dataset=cancer_run.dataset,
            trained=cancer_run.trained,
            baseline=tmp_path / "served",
            accuracy=tmp_path / "value",
            report=tmp_path / "report.json",
        )


def test_a_missing_trained_model_is_refused(cancer_data, tmp_path):
    """The sentence says which step to run."""
    with pytest.raises(ArtifactError, match=r"no trained model in .*run train first"):
        evaluate(
            model="cancer",
            dataset=cancer_data,
            trained=tmp_path,
            baseline=None,
            accuracy=tmp_path / "value",
            report=tmp_path / "r.json",
        )
