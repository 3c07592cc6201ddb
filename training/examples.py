"""Examples in memory: features, labels, names of rows. Not here: files (dataset.py), splitting (split.py)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """n examples.

    features: By input name, <float32>[n, ...]; images hold pixels in [0, 1].
    labels: Index into the config's labels, <int64>[n].
    ids: Where each row came from, e.g. mnist_5k:17, <str>[n].
    """

    features: Mapping[str, Array]
    labels: Array
    ids: Array

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.labels)

    def take(self, rows: Array) -> "Examples":
        """The rows that a mask <bool>[n] or an index <int>[k] selects, in its order."""
        features = {name: values[rows] for name, values in self.features.items()}
        return Examples(features, self.labels[rows], self.ids[rows])


def row_digests(examples: Examples) -> list[bytes]:
    """SHA-256 of each row's features: their names, shapes and little-endian bytes; neither label nor id.

    The label stays out so that two copies of a row that disagree on it are still found, and split alike.
    """
    columns = [(name, _rows(values)) for name, values in sorted(examples.features.items())]
    head = repr([(name, examples.features[name].shape[1:]) for name, _ in columns]).encode()
    return [
        hashlib.sha256(head + b"".join(rows[i].tobytes() for _, rows in columns)).digest() for i in range(len(examples))
    ]


def data_digest(examples: Examples) -> str:
    """`sha256:<hex>` of the rows and their labels as a multiset: the order of the rows does not matter, nor do ids."""
    pairs = zip(row_digests(examples), examples.labels, strict=True)
    lines = sorted(digest + int(label).to_bytes(8, "little", signed=True) for digest, label in pairs)
    return "sha256:" + hashlib.sha256(b"".join(lines)).hexdigest()


def _rows(values: Array) -> Array:
    """<float32>[n, k], little-endian, so that a digest is the same on any machine."""
    return np.ascontiguousarray(values.reshape(len(values), -1), dtype="<f4")
