"""The manifest of a version: what made it and the digest of every file. Not here: making the files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.errors import ArtifactError

MANIFEST = "assets.extra/manifest.json"
TRACE_ID = "assets.extra/mlmd_uuid"


def file_digests(directory: Path) -> dict[str, str]:
    """{posix relative path: `sha256:<hex>`} of every file but the manifest itself, sorted by path."""
    paths = sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())
    return {path: file_digest(directory / path) for path in paths if path != MANIFEST}


def model_digest(files: Mapping[str, str]) -> str:
    """`sha256:<hex>` of what `sha256sum` prints of the files, sorted by path.

    The trace id stays out: it names the run, and the same content made by another run is the same model.
    """
    lines = [f"{files[path].removeprefix('sha256:')}  {path}\n" for path in sorted(files) if path != TRACE_ID]
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def write(directory: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the manifest of a directory whose other files are all there.

    Args:
      about: The keys besides `digest` and `files`.
    """
    files = file_digests(directory)
    content = {**about, "digest": model_digest(files), "files": files}
    (directory / MANIFEST).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return content


def read(directory: Path) -> dict[str, Any]:
    """The manifest of a version directory.

    Raises: ArtifactError (missing, unreadable, or without a key that it must have).
    """
    path = directory / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = {"model", "version", "digest", "files"} - set(content)
    except FileNotFoundError:
        raise ArtifactError(f"{directory} is no model version (no {MANIFEST}): run export first") from None
    except (OSError, ValueError, TypeError) as error:
        raise ArtifactError(f"{path} cannot be read: export the version again. Received: {error}") from None
    if missing:
        raise ArtifactError(f"{path} has no {', '.join(sorted(missing))}: export the version again")
    return dict(content)


def file_digest(path: Path) -> str:
    """`sha256:<hex>` of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return "sha256:" + digest.hexdigest()
