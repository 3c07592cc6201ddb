"""A network as a SavedModel with the signatures of TensorFlow Serving, the same bytes for the same weights.

Not here: what lies beside it in assets.extra (warmup.py, manifest.py).
Source: https://www.tensorflow.org/tfx/serving/signature_defs
"""

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from training.config import Config

PREDICT, CLASSIFY = "serving_default", "classify"
METHODS = {PREDICT: "tensorflow/serving/predict", CLASSIFY: "tensorflow/serving/classify"}


class Exported(tf.Module):  # type: ignore[misc]  # tensorflow has no types
    """The network's variables and its two signatures, and none of Keras's own bookkeeping."""

    def __init__(self, network: Any, config: Config) -> None:
        super().__init__(name="exported")
        self._state = [weight.value for weight in network.weights]
        self._network = _hidden(network)
        self._config = config

    def signatures(self) -> dict[str, Any]:
        """The concrete functions by signature name."""
        features = {
            feature.name: tf.TensorSpec((None, *feature.shape), tf.float32, feature.name)
            for feature in self._config.features
        }
        examples = tf.TensorSpec([None], tf.string, "inputs")
        return {
            PREDICT: tf.function(self.predict, autograph=False).get_concrete_function(**features),
            CLASSIFY: tf.function(self.classify, autograph=False).get_concrete_function(inputs=examples),
        }

    def predict(self, **features: Any) -> dict[str, Any]:
        """From <float32>[batch, *shape] by feature to scores: <float32>[batch, labels] and classes: <string>[batch]."""
        scores = self._scores(features)
        answers = tf.gather(tf.constant(self._config.labels), tf.argmax(scores, axis=1))
        return {"scores": scores, "classes": answers}

    def classify(self, inputs: Any) -> dict[str, Any]:
        """From serialised tf.train.Example <string>[batch] to scores and classes, both [batch, labels]."""
        wanted = {feature.name: tf.io.FixedLenFeature(feature.shape, tf.float32) for feature in self._config.features}
        scores = self._scores(tf.io.parse_example(inputs, wanted))
        rows = tf.shape(scores)[0]
        return {"scores": scores, "classes": tf.tile(tf.constant([self._config.labels]), [rows, 1])}

    def _scores(self, features: Any) -> Any:
        """<float32>[batch, labels], rows sum to 1."""
        return tf.nn.softmax(self._network()(features, training=False))


def save(network: Any, config: Config, directory: Path) -> list[str]:
    """Writes the SavedModel and returns the names of its signatures."""
    exported = Exported(network, config)
    signatures = exported.signatures()
    tf.saved_model.save(exported, directory, signatures=signatures)
    _make_canonical(directory)
    return sorted(signatures)


def _hidden(network: Any) -> Any:
    """A way to the network on which tf.Module does not track it: a SavedModel would carry Keras's metadata."""
    return lambda: network


def _make_canonical(directory: Path) -> None:
    """Gives each signature its method name and takes out what differs from run to run.

    saved_model.pb is serialised with its maps in order. fingerprint.pb goes: it holds a random uuid and a checksum of
    the bytes just replaced, and TensorFlow loads a SavedModel without one.
    """
    path = directory / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        for name, method in METHODS.items():
            graph.signature_def[name].method_name = method
    path.write_bytes(saved.SerializeToString(deterministic=True))
    (directory / "fingerprint.pb").unlink(missing_ok=True)
