"""Fitting a network so that seed and data decide every bit of it, also across an interruption.

The order of the rows, the augmentation and the learning rate are functions of (seed, epoch), never of a generator's
state; what state there is (weights, optimiser, dropout) is in the checkpoint. Not here: where the files come from.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from training import checkpoint
from training.errors import DivergedError
from training.examples import Examples
from training.model import Model
from training.progress import progress, say

# Sums are split over the threads, so their number decides the last bits: the same on every machine.
THREADS = 2
MEASURES = ("loss", "accuracy", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class Plan:
    """What decides the outcome, besides model and data."""

    epochs: int
    seed: int


def make_deterministic(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow and asks for deterministic kernels; once, before any operation."""
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def device() -> str:
    """Where the operations run, for the report: GPU names, or CPU."""
    gpus = tf.config.list_physical_devices("GPU")
    return ", ".join(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus) or "CPU"


def compiled(model: Model, train: Examples, plan: Plan) -> Any:
    """A new network with Adam, whose learning rate falls to zero along half a cosine."""
    network = model.network.build(model.config, train)
    steps = batches(model, train) * plan.epochs
    rate = keras.optimizers.schedules.CosineDecay(model.config.learning_rate, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), loss=loss, metrics=["accuracy"])
    return network


def batches(model: Model, train: Examples) -> int:
    """Steps in an epoch; the last batch may be smaller."""
    return math.ceil(len(train) / model.config.batch_size)


def training_rows(model: Model, train: Examples, plan: Plan, first_epoch: int) -> tf.data.Dataset:
    """All batches from `first_epoch` to the last, shuffled anew in each epoch, as (features, labels)."""
    columns = {name: tf.constant(values) for name, values in train.features.items()}
    labels = tf.constant(train.labels)
    augment = getattr(model.network, "augment", lambda features, _: features)
    seed = tf.constant(plan.seed, tf.int64)

    def epoch(number: Any) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(len(train)), seed=tf.stack([seed, number]))
        rows = tf.data.Dataset.from_tensor_slices(order).batch(model.config.batch_size)
        return rows.enumerate().map(lambda step, chosen: batch(number * batches(model, train) + step, chosen))

    def batch(step: Any, chosen: Any) -> Any:
        features = {name: tf.gather(values, chosen) for name, values in columns.items()}
        return augment(features, tf.stack([seed, step])), tf.gather(labels, chosen)

    return tf.data.Dataset.range(first_epoch, plan.epochs).flat_map(epoch).prefetch(2)


def fit(
    model: Model, train: Examples, validation: Examples, plan: Plan, directory: Path
) -> tuple[Any, dict[str, list[float]]]:
    """Trains, going on from the last checkpoint in `directory` if there is one of this very plan and data.

    Returns: The network and its history: one value per epoch for loss, accuracy, val_loss and val_accuracy.
    Raises: DivergedError (the loss is not finite).
    """
    network = compiled(model, train, plan)
    first, history = checkpoint.restore(directory, network)
    history = history or {name: [] for name in MEASURES}
    if first:
        say(f"going on after epoch {first} of {plan.epochs}")
    if first < plan.epochs:
        rows = training_rows(model, train, plan, first)
        held_out = tf.data.Dataset.from_tensor_slices((dict(validation.features), validation.labels)).batch(256).cache()
        network.fit(
            rows,
            initial_epoch=first,
            epochs=plan.epochs,
            steps_per_epoch=batches(model, train),
            validation_data=held_out,
            callbacks=[
                Recorder(directory, plan, history),
                keras.callbacks.TensorBoard(directory / "logs", write_graph=False),
            ],
            verbose=0,
        )
    return network, history


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """After each epoch: a line of progress, the history and a checkpoint; stops on a loss that is no number."""

    def __init__(self, directory: Path, plan: Plan, history: dict[str, list[float]]) -> None:
        super().__init__()
        self._directory, self._plan, self._history = directory, plan, history

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """`epoch` counts from 0, the line and the checkpoint from 1."""
        values = {name: float((logs or {})[name]) for name in MEASURES}
        if not all(map(math.isfinite, values.values())):
            raise DivergedError(
                f"the loss is no finite number in epoch {epoch + 1}: lower learning_rate in the model's config. "
                f"Received: loss={values['loss']}, val_loss={values['val_loss']}"
            )
        for name, value in values.items():
            self._history[name].append(value)
        checkpoint.save(self._directory, self.model, epoch + 1, self._history)
        shown = ", ".join(f"{name.replace('val_', 'validation ')} {value:.4f}" for name, value in values.items())
        progress(epoch + 1, self._plan.epochs, f"epoch {epoch + 1}: {shown}")
