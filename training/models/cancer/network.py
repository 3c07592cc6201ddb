"""A small dense network over the normalised features; the normalisation is part of the graph."""

from typing import Any

import keras
import numpy as np

from training.config import Config
from training.examples import Examples


def build(config: Config, train: Examples) -> Any:
    """The network, from {feature: <float32>[batch]} to logits <float32>[batch, 2].

    Args:
      train: The training split, for each feature's mean and variance.
    """
    columns = np.stack([train.features[feature.name] for feature in config.features], axis=1).astype(np.float64)
    inputs = {feature.name: keras.Input((), name=feature.name) for feature in config.features}
    x = keras.layers.Concatenate(name="columns")(
        [keras.layers.Reshape((1,), name=f"column_{name}")(column) for name, column in inputs.items()]
    )
    x = keras.layers.Normalization(mean=columns.mean(axis=0), variance=columns.var(axis=0), name="scale")(x)
    x = keras.layers.Dense(16, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3), name="hidden")(x)
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    logits = keras.layers.Dense(len(config.labels), name="logits")(x)
    return keras.Model(inputs, logits, name="cancer")
