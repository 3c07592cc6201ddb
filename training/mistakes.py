"""The wrong answers that a person should see, as pictures or as named values. Not here: the page that shows them."""

import base64
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from training.examples import Array, Examples

MOST = 24
PICTURE_RANK = 3  # height, width, channel


def mistakes(scores: Array, examples: Examples, labels: tuple[str, ...]) -> list[dict[str, Any]]:
    """The most certain wrong answers, worst first: id, label, prediction, its score, and image or features."""
    answers = scores.argmax(axis=1)
    wrong = np.flatnonzero(answers != examples.labels)
    worst = wrong[np.argsort(-scores[wrong, answers[wrong]], kind="stable")][:MOST]
    return [
        {
            "id": str(examples.ids[row]),
            "label": labels[examples.labels[row]],
            "prediction": labels[answers[row]],
            "score": float(scores[row, answers[row]]),
            **_shown({name: values[row] for name, values in examples.features.items()}),
        }
        for row in worst
    ]


def _shown(features: Mapping[str, Array]) -> dict[str, Any]:
    """One of image and features is set, the other null."""
    for values in features.values():
        if values.ndim == PICTURE_RANK:
            return {"image": base64.b64encode(png(values[..., 0])).decode(), "features": None}
    return {"image": None, "features": {name: float(values) for name, values in features.items()}}


def png(pixels: Array) -> bytes:
    """A greyscale PNG of <float32>[height, width] in [0, 1].

    Source: https://www.w3.org/TR/png-3/, colour type 0, bit depth 8, no filter.
    """
    height, width = pixels.shape
    grey = np.rint(pixels * 255).astype(np.uint8)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), grey], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
