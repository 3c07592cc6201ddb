"""A convolutional network of two stages; its scaling of the pixels is part of the graph."""

from typing import Any

import keras
import tensorflow as tf

from training.config import Config
from training.examples import Examples

SIDE = 28
SHIFT = 2  # pixels that an image may be moved in each direction while training


def build(config: Config, train: Examples) -> Any:
    """The network, from {images: <float32>[batch, 28, 28, 1], pixels in [0, 1]} to logits <float32>[batch, 10].

    Args:
      train: The training split, for the mean and the variance of its pixels.
    """
    pixels = train.features["images"]
    images = keras.Input((SIDE, SIDE, 1), name="images")
    x = keras.layers.Normalization(axis=None, mean=float(pixels.mean()), variance=float(pixels.var()), name="scale")(
        images
    )
    x = keras.layers.Conv2D(16, 5, strides=2, activation="relu", name="strokes")(x)
    x = keras.layers.Conv2D(32, 3, activation="relu", name="shapes")(x)
    x = keras.layers.MaxPooling2D(name="pool")(x)
    x = keras.layers.Flatten(name="flat")(x)
    x = keras.layers.Dense(96, activation="relu", name="hidden")(x)
    x = keras.layers.Dropout(0.25, name="dropout")(x)
    logits = keras.layers.Dense(len(config.labels), name="logits")(x)
    return keras.Model({"images": images}, logits, name="digits")


def augment(features: dict[str, Any], seed: Any) -> dict[str, Any]:
    """Moves each image by up to SHIFT pixels in each direction; the seed <int64>[2] decides, and nothing else."""
    images = features["images"]
    padded = tf.pad(images, [[0, 0], [SHIFT, SHIFT], [SHIFT, SHIFT], [0, 0]])
    moves = tf.random.stateless_uniform([tf.shape(images)[0], 2], seed, 0, 2 * SHIFT + 1, tf.int32)
    rows = tf.gather(padded, moves[:, 0:1] + tf.range(SIDE), batch_dims=1, axis=1)
    return {"images": tf.gather(rows, moves[:, 1:2] + tf.range(SIDE), batch_dims=1, axis=2)}
