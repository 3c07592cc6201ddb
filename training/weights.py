"""The digest of a network's weights and its saved form. Not here: the digest of a SavedModel's files (manifest.py)."""

import hashlib
from pathlib import Path
from typing import Any

import keras

from training.errors import ArtifactError


def weights_digest(network: Any) -> str:
    """`sha256:<hex>` of every weight's path, dtype, shape and bytes, in the network's own order."""
    digest = hashlib.sha256()
    for weight in network.weights:
        values = weight.numpy()
        digest.update(f"{weight.path} {values.dtype} {list(values.shape)}\n".encode())
        digest.update(values.tobytes())
    return "sha256:" + digest.hexdigest()


def load(trained: Path) -> Any:
    """The network that the step train wrote.

    Raises: ArtifactError (no such file, or not a Keras file).
    """
    path = trained / "model.keras"
    if not path.is_file():
        raise ArtifactError(f"there is no trained model in {trained} (no model.keras): run train first")
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError(f"{path} cannot be read: run train again. Received: {error}") from None
