"""validate finds what is wrong with the data, names the rows, and stops the run on errors only."""

import json
from dataclasses import replace

import numpy as np
import pytest

from training import dataset as datasets
from training import manifest, statistics
from training.errors import AnomalyError, ArtifactError
from training.examples import Examples
from training.model import find
from training.validate import validate

LABELS = ("malignant", "benign")


@pytest.fixture
def splits(make_examples):
    """Three sound splits."""
    return {name: make_examples(20, seed=seed) for seed, name in enumerate(("train", "validation", "test"))}


@pytest.fixture
def run(tmp_path):
    """Validates splits and returns the report, and the sentence if the run was stopped."""

    def validated(splits, baseline=None):
        description = datasets.Description("cancer", "here", LABELS, "sha256:0")
        datasets.write(tmp_path / "dataset", datasets.Dataset(description, splits))
        report, sentence = tmp_path / "report.json", None
        try:
            validate(
                model="cancer",
                dataset=tmp_path / "dataset",
                baseline=baseline,
                drift_distance=tmp_path / "value",
                report=report,
            )
        except AnomalyError as error:
            sentence = str(error)
        return json.loads(report.read_text()), sentence

    return validated


def changed(examples: Examples, feature: str, row: int, value: float) -> Examples:
    """With one value of one row set."""
    values = examples.features[feature].copy()
    values[row] = value
    return replace(examples, features={**examples.features, feature: values})


def served(folder, examples: Examples):
    """A version directory whose statistics are those of `examples`."""
    (folder / "assets.extra").mkdir(parents=True)
    content = statistics.summarise(find("cancer").data.watch(examples), examples.labels, LABELS)
    (folder / statistics.FILE).write_text(json.dumps(content))
    manifest.write(folder, {"model": "cancer", "version": "20261122143000"})
    return folder


def test_sound_data_passes_every_check(run, splits):
    """No finding, and no drift check without a serving version."""
    report, sentence = run(splits)

    assert sentence is None
    assert [] == report["anomalies"]
    assert ["schema", "missing", "range", "balance", "duplicate"] == [check["name"] for check in report["checks"]]
    assert report["baseline_version"] is None


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("missing", np.nan, "mean_area is missing in 1 rows of test"),
        ("range", -1.0, "mean_area is outside 0.0 to 10000.0 in 1 rows of test"),
        ("range", np.inf, "mean_area is outside"),
    ],
)
def test_a_bad_value_stops_the_run_with_its_row_named(run, splits, kind, value, message):
    """The report has kind, feature and row; the sentence has the row too."""
    splits["test"] = changed(splits["test"], "mean_area", 7, value)

    report, sentence = run(splits)
    found = [anomaly for anomaly in report["anomalies"] if anomaly["severity"] == "error"]

    assert [(kind, "mean_area", ["row:2-7"])] == [(each["kind"], each["feature"], each["rows"]) for each in found]
    assert found[0]["message"].startswith(message)
    assert "row:2-7" in sentence
    assert [False] == [check["passed"] for check in report["checks"] if check["name"] == kind]


def test_a_row_in_two_splits_stops_the_run(run, splits, make_examples):
    """Both copies are named."""
    copy = make_examples(20, seed=0).take(np.array([3]))
    both = {name: np.concatenate([splits["test"].features[name], copy.features[name]]) for name in copy.features}
    labels = np.concatenate([splits["test"].labels, copy.labels])
    splits["test"] = Examples(both, labels, np.concatenate([splits["test"].ids, ["copy:0"]]))

    report, sentence = run(splits)

    assert "2 equal rows are in more than one split (row:0-3, copy:0)" in sentence
    assert ["duplicate"] == [anomaly["kind"] for anomaly in report["anomalies"]]


def test_a_row_twice_in_one_split_is_a_warning(run, splits):
    """The run goes on."""
    order = np.array([*range(20), 4])
    twice = splits["train"].take(order)

    report, sentence = run({**splits, "train": twice})

    assert sentence is None
    assert [("duplicate", "warning")] == [(each["kind"], each["severity"]) for each in report["anomalies"]]


def test_equal_rows_that_disagree_on_the_label_stop_the_run(run, splits):
    """One of them must be wrong."""
    twice = splits["train"].take(np.array([*range(20), 4]))
    labels = twice.labels.copy()
    labels[-1] = 1 - labels[-1]

    _, sentence = run({**splits, "train": replace(twice, labels=labels)})

    assert "2 equal rows have different labels" in sentence


def test_a_label_with_too_few_examples_stops_the_run(run, splits):
    """Nothing can be measured on two rows."""
    few = splits["test"].take(np.flatnonzero((splits["test"].labels == 1) | (np.arange(20) < 3)))

    _, sentence = run({**splits, "test": few})

    assert "test has 2 examples of malignant, expected at least 5" in sentence


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda rows: replace(rows, labels=rows.labels + 7), "20 labels in train are not 0 to 1"),
        (
            lambda rows: replace(rows, features={k: v for k, v in rows.features.items() if k != "mean_area"}),
            "the feature mean_area is missing in train",
        ),
        (
            lambda rows: replace(rows, features={**rows.features, "mean_age": rows.labels}),
            "the feature mean_age is not in the config in train",
        ),
        (
            lambda rows: replace(rows, features={**rows.features, "mean_area": rows.labels}),
            r"mean_area in train must be float32[20]. Received: int64[20]",
        ),
    ],
)
def test_a_wrong_schema_stops_the_run(run, splits, damage, message):
    """Names, dtypes, shapes and labels are the config's."""
    report, sentence = run({**splits, "train": damage(splits["train"])})

    assert message in sentence
    assert {"schema"} == {anomaly["kind"] for anomaly in report["anomalies"]}


def test_the_same_data_as_the_serving_version_has_no_drift(run, splits, tmp_path):
    """Every distance is zero, and the version is named."""
    report, sentence = run(splits, served(tmp_path / "served", splits["train"]))

    assert sentence is None
    assert ("20261122143000", 31) == (report["baseline_version"], len(report["drift"]))
    assert 0 == max(drift["distance"] for drift in report["drift"])


def test_data_that_moved_far_stops_the_run_with_rows_named(run, splits, make_examples, tmp_path):
    """A feature whose values all left the old range is nothing in common: distance near 1."""
    baseline = served(tmp_path / "served", make_examples(200))
    moved = changed(splits["train"], "mean_area", slice(None), 0.0)
    moved.features["mean_area"][:] = np.linspace(50, 60, 20, dtype=np.float32)

    report, sentence = run({**splits, "train": moved}, baseline)

    assert "mean_area moved" in sentence
    assert "20261122143000" in sentence
    assert "mean_area" == report["drift"][0]["feature"]
    assert report["drift"][0]["distance"] > report["drift"][0]["threshold"]
    assert "row:0-0" in next(each["rows"] for each in report["anomalies"] if each["severity"] == "error")


def test_an_empty_baseline_directory_is_no_baseline(run, splits, tmp_path):
    """The first version has nothing to be compared with."""
    (tmp_path / "empty").mkdir()

    report, _ = run(splits, tmp_path / "empty")

    assert report["baseline_version"] is None


def test_a_baseline_of_another_model_is_refused(run, splits, tmp_path):
    """One sentence with both names."""
    folder = served(tmp_path / "served", splits["train"])
    manifest.write(folder, {"model": "digits", "version": "20261122143000"})

    with pytest.raises(ArtifactError, match="is of the model digits, expected cancer"):
        run(splits, folder)


@pytest.mark.parametrize("model", ["digits", "cancer"])
def test_the_real_data_passes(model, request, tmp_path):
    """No error; warnings would be seen here."""
    dataset = request.getfixturevalue(f"{model}_data")
    validate(
        model=model, dataset=dataset, baseline=None, drift_distance=tmp_path / "value", report=tmp_path / "report.json"
    )

    assert [] == json.loads((tmp_path / "report.json").read_text())["anomalies"]
    assert "0.000000" == (tmp_path / "value").read_text()
