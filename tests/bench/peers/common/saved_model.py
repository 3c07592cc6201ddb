"""How every peer loads and calls a model: by TensorFlow's public API, as its users would."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

INPUT, OUTPUT = "x", "y"


def load(folder: Path) -> Callable[[Array], Array]:
    """A model as a function of <float32>[batch, ...] to <float32>[batch, 10]."""
    model = tf.saved_model.load(str(folder / "1"))
    signature = model.signatures["serving_default"]

    def call(x: Array) -> Array:
        return signature(**{INPUT: tf.constant(x, tf.float32)})[OUTPUT].numpy()

    call.model = model  # keeps the variables alive
    return call


def shape(folder: Path) -> tuple[int, ...]:
    """The shape of one row."""
    return tuple(int(size) for size in np.load(folder / "case.npz")["x"].shape[1:])


def arguments() -> argparse.Namespace:
    """`--grpc-port`, `--rest-port`, `--models` (folder) and the names of those to serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--grpc-port", type=int)
    parser.add_argument("--rest-port", type=int)
    parser.add_argument("--models", type=Path)
    parser.add_argument("names", nargs="+")
    return parser.parse_known_args()[0]
