"""Digits come from the package's images or from mnist.npz, and from nothing malformed."""

import numpy as np
import pytest

from training.errors import SourceError
from training.models.digits import data


@pytest.fixture
def archive(tmp_path):
    """Writes an mnist.npz with some arrays changed or, if None, left out."""

    def write(**changes):
        arrays = {
            "x_train": np.zeros((3, 28, 28), np.uint8),
            "y_train": np.arange(3, dtype=np.uint8),
            "x_test": np.full((2, 28, 28), 255, np.uint8),
            "y_test": np.arange(2, dtype=np.uint8),
            "note": np.array("ignored"),
        }
        path = tmp_path / "mnist.npz"
        np.savez(path, **{name: value for name, value in (arrays | changes).items() if value is not None})
        return str(path)

    return write


def test_builtin_is_500_images_of_each_digit():
    """<float32>[5000, 28, 28, 1], pixels in [0, 1]."""
    examples = data.load("builtin")
    images = examples.features["images"]

    assert ((5000, 28, 28, 1), np.float32) == (images.shape, images.dtype)
    assert (0.0, 1.0) == (images.min(), images.max())
    assert [500] * 10 == np.bincount(examples.labels).tolist()
    assert "mnist_5k:4999" == examples.ids[-1]


def test_an_archive_gives_all_images_named_by_array_and_row(archive):
    """Train and test of the file are one set: Shipway splits by content. Extra arrays are ignored."""
    examples = data.load(archive())

    assert ["mnist.npz/x_train:0", "mnist.npz/x_test:1"] == [examples.ids[0], examples.ids[-1]]
    assert [0, 1, 2, 0, 1] == examples.labels.tolist()
    assert [0.0, 1.0] == [examples.features["images"][0].max(), examples.features["images"][-1].min()]


def test_a_missing_file_is_refused(tmp_path):
    """One sentence with the path."""
    with pytest.raises(SourceError, match=r"data file .*none\.npz does not exist"):
        data.load(str(tmp_path / "none.npz"))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    """Whatever NumPy says of it, the user reads one sentence."""
    path = tmp_path / "mnist.npz"
    path.write_bytes(content)

    with pytest.raises(SourceError, match="is no readable npz archive"):
        data.load(str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "has no array y_test"),
        ({"x_train": np.zeros((3, 28, 28), np.float32)}, r"x_train of .* is wrong, .* Received: x_train float32"),
        ({"x_train": np.zeros((3, 32, 32), np.uint8)}, r"expected uint8\[n, 28, 28\]"),
        ({"y_train": np.arange(2, dtype=np.uint8)}, "expected one integer for each image"),
        ({"y_train": np.zeros(3)}, "expected one integer for each image"),
        ({"y_train": np.array([None] * 3)}, "is no readable npz archive"),
    ],
)
def test_wrong_arrays_are_refused(archive, changes, message):
    """The sentence says what was expected and what came."""
    with pytest.raises(SourceError, match=message):
        data.load(archive(**changes))


def test_the_ink_slices_are_thirds_of_the_builtin_images():
    """Each image is in one of them."""
    slices = data.slices(data.load("builtin"))

    assert [1] == np.unique(np.sum(list(slices.values()), axis=0)).tolist()
    assert [33, 33, 33] == pytest.approx([100 * mask.mean() for mask in slices.values()], abs=1)
