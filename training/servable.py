"""A SavedModel in this process, asked through its default signature. Not here: making one (savedmodel.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from training.errors import ArtifactError
from training.examples import Array, Examples

BATCH = 256


@dataclass(frozen=True)
class Servable:
    """A loaded SavedModel; `loaded` keeps the variables of its signature alive."""

    loaded: Any
    signature: Any

    def answer(self, features: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name for one batch, e.g. scores: <float32>[batch, labels]."""
        outputs = self.signature(**{name: tf.constant(values) for name, values in features.items()})
        return {name: values.numpy() for name, values in outputs.items()}

    def scores(self, examples: Examples) -> Array:
        """<float32>[n, labels] for all examples, in batches."""
        starts = range(0, len(examples), BATCH)
        parts = [examples.take(np.arange(start, min(start + BATCH, len(examples)))) for start in starts]
        return np.concatenate([self.answer(part.features)["scores"] for part in parts])


def load(directory: Path, inputs: set[str]) -> Servable:
    """Loads a version directory.

    Args:
      inputs: The names that its default signature must take.
    Raises: ArtifactError (no SavedModel, no such signature, other inputs or no scores).
    """
    try:
        loaded = tf.saved_model.load(directory)
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ArtifactError(f"{directory} holds no readable SavedModel: {str(error).splitlines()[0]}") from None
    if "serving_default" not in loaded.signatures:
        raise ArtifactError(
            f"the SavedModel in {directory} has no signature serving_default: export it with this version"
        )
    signature = loaded.signatures["serving_default"]
    taken = set(signature.structured_input_signature[1])
    if taken != inputs or "scores" not in signature.structured_outputs:
        raise ArtifactError(
            f"the SavedModel in {directory} cannot be compared: expected the inputs {', '.join(sorted(inputs))} "
            f"and an output scores. Received: {', '.join(sorted(taken))}"
        )
    return Servable(loaded, signature)
