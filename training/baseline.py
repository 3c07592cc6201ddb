"""The version now serving, with which a new one is compared; it may not exist. Not here: loading its SavedModel."""

from pathlib import Path

from training import manifest
from training.errors import ArtifactError


def version(directory: Path | None, model: str) -> str | None:
    """The version in a version directory; None when the directory is missing or empty.

    Raises: ArtifactError (something is there but no manifest, or it is of another model).
    """
    if directory is None or not directory.is_dir() or not any(directory.iterdir()):
        return None
    content = manifest.read(directory)
    if content["model"] != model:
        raise ArtifactError(
            f"the baseline {directory} is of the model {content['model']}, expected {model}: give {model}'s own"
        )
    return str(content["version"])
