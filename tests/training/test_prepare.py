"""prepare splits real data and says what it made."""

import json
import shutil

import numpy as np
import pytest

from training import dataset as datasets
from training.errors import ArtifactError, SourceError, UnknownModelError
from training.examples import row_digests
from training.prepare import prepare


@pytest.mark.parametrize(("model", "rows"), [("digits", 5000), ("cancer", 569)])
def test_no_test_example_is_in_training(model, rows, request):
    """By content: what is measured was never learned, nor used to choose."""
    splits = datasets.read(request.getfixturevalue(f"{model}_data"), model).splits
    digests = {name: set(row_digests(examples)) for name, examples in splits.items()}

    assert rows == sum(len(examples) for examples in splits.values())
    assert set() == digests["test"] & digests["train"]
    assert set() == digests["test"] & digests["validation"]
    assert set() == digests["train"] & digests["validation"]


def test_the_report_counts_examples_by_split_and_label(cancer_data):
    """The counts are those of the files."""
    report = json.loads((cancer_data.parent / "prepare.json").read_text())
    splits = datasets.read(cancer_data, "cancer").splits

    assert {name: len(rows) for name, rows in splits.items()} == report["examples"]
    assert (212, 357) == tuple(
        sum(counts[label] for counts in report["class_counts"].values()) for label in ("malignant", "benign")
    )
    assert 30 == len(report["features"])
    assert report["data_digest"].startswith("sha256:")


def test_preparing_twice_gives_the_same_digest_and_rows(cancer_data, tmp_path):
    """The split needs no seed."""
    prepare(model="cancer", data="builtin", dataset=tmp_path / "again", report=tmp_path / "report.json")
    once, again = datasets.read(cancer_data, "cancer"), datasets.read(tmp_path / "again", "cancer")

    assert once.description == again.description
    for name, rows in once.splits.items():
        np.testing.assert_array_equal(rows.ids, again.splits[name].ids)


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path):
    """The sentence lists what would do."""
    with pytest.raises(UnknownModelError, match=r"no model 'digit', expected one of: cancer, digits"):
        prepare(model="digit", data="builtin", dataset=tmp_path / "d", report=tmp_path / "r.json")


def test_a_split_without_rows_is_refused(tmp_path):
    """Two rows cannot be split in three."""
    images = {f"x_{part}": np.full((1, 28, 28), place, np.uint8) for place, part in enumerate(("train", "test"))}
    np.savez(tmp_path / "two.npz", **images, y_train=np.array([0]), y_test=np.array([1]))

    with pytest.raises(SourceError, match="has 2 rows, too few"):
        prepare(model="digits", data=str(tmp_path / "two.npz"), dataset=tmp_path / "d", report=tmp_path / "r.json")


def test_a_dataset_is_read_back_as_it_was_written(make_examples, tmp_path):
    """Values, dtypes, labels and ids survive."""
    description = datasets.Description("cancer", "here", ("malignant", "benign"), "sha256:0")
    splits = {name: make_examples(3, seed=seed) for seed, name in enumerate(("train", "validation", "test"))}
    datasets.write(tmp_path, datasets.Dataset(description, splits))

    read = datasets.read(tmp_path, "cancer")

    assert description == read.description
    np.testing.assert_array_equal(splits["test"].features["mean_radius"], read.splits["test"].features["mean_radius"])
    np.testing.assert_array_equal(splits["test"].ids, read.splits["test"].ids)


def test_a_missing_dataset_is_refused(tmp_path):
    """The sentence says which step to run."""
    with pytest.raises(ArtifactError, match=r"no dataset in .*/nowhere .*run prepare first"):
        datasets.read(tmp_path / "nowhere", "cancer")


def test_a_dataset_of_another_model_is_refused(cancer_data):
    """Digits cannot be trained on tumours."""
    with pytest.raises(ArtifactError, match="is of the model cancer, expected digits"):
        datasets.read(cancer_data, "digits")


@pytest.mark.parametrize("name", ["dataset.json", "train.npz"])
def test_a_damaged_dataset_is_refused(cancer_data, tmp_path, name):
    """A file that was cut short is named."""
    shutil.copytree(cancer_data, tmp_path / "dataset")
    path = tmp_path / "dataset" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(ArtifactError, match=f"{name} cannot be read"):
        datasets.read(tmp_path / "dataset", "cancer")
