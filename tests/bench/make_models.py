"""Builds the models that every server serves, with one request and its answer each. Runs in the project's environment.

mlp     <float32>[batch, 784]           784-128-10, the size of an MNIST classifier
cnn     <float32>[batch, 28, 28, 1]     two convolutions of 8 and 16 filters
image   <float32>[batch, 224, 224, 3]   602,112 bytes a request, and next to no work
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

CLASSES = 10
GENERATOR = np.random.default_rng(4)


def weights(*shape: int) -> tf.Variable:
    """Random weights of a usual scale."""
    scale = 1 / np.sqrt(np.prod(shape[:-1]))
    return tf.Variable(GENERATOR.normal(0, scale, shape).astype(np.float32))


class Mlp(tf.Module):
    """<float32>[batch, 784] to <float32>[batch, 10]."""

    shape = (784,)

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.hidden_bias = weights(784, 128), weights(1, 128)
        self.out, self.out_bias = weights(128, CLASSES), weights(1, CLASSES)

    def __call__(self, x: Any) -> Any:
        """Probabilities."""
        hidden = tf.nn.relu(x @ self.hidden + self.hidden_bias)
        return tf.nn.softmax(hidden @ self.out + self.out_bias)


class Cnn(tf.Module):
    """<float32>[batch, 28, 28, 1] to <float32>[batch, 10]."""

    shape = (28, 28, 1)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = weights(3, 3, 1, 8), weights(3, 3, 8, 16), weights(784, CLASSES)

    def __call__(self, x: Any) -> Any:
        """Probabilities."""
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, self.first, 1, "SAME")), 2, 2, "SAME")
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, self.second, 1, "SAME")), 2, 2, "SAME")
        return tf.nn.softmax(tf.reshape(x, [-1, 784]) @ self.out)


class Image(tf.Module):
    """<float32>[batch, 224, 224, 3] to <float32>[batch, 10]: the means of the channels, and one small product."""

    shape = (224, 224, 3)

    def __init__(self) -> None:
        super().__init__()
        self.out = weights(3, CLASSES)

    def __call__(self, x: Any) -> Any:
        """Scores."""
        return tf.reduce_mean(x, [1, 2]) @ self.out


def build(model: Any, folder: Path) -> None:
    """Writes <folder>/1 as a SavedModel, and <folder>/case.npz with `x` <float32>[1, ...] and `y` <float32>[10]."""
    spec = tf.TensorSpec([None, *model.shape], tf.float32, name="x")
    signature = tf.function(lambda x: {"y": model(x)}, input_signature=[spec])
    tf.saved_model.save(model, str(folder / "1"), signatures=signature)
    x = GENERATOR.integers(0, 256, (1, *model.shape)).astype(np.float32) / 255
    x = x.round(3).astype(np.float32)
    np.savez(folder / "case.npz", x=x, y=signature(x)["y"].numpy()[0])


def main() -> None:
    """Builds all below the folder of the first argument."""
    for name, kind in {"mlp": Mlp, "cnn": Cnn, "image": Image}.items():
        build(kind(), Path(sys.argv[1]) / name)


if __name__ == "__main__":
    main()
