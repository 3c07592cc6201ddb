"""The manifest of a version: which files it has and their sha256. A version that does not match it is not loaded."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from serving.errors import DataLoss

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "assets.extra/manifest.json"
_CHUNK_BYTES = 1 << 20


def verify_manifest(version_dir: Path) -> None:
    """Compares every file with the manifest; a version without one passes, as upstream knows none.

    Raises: DataLoss with one sentence: an unreadable manifest, a missing, an unlisted or an altered file.
    """
    if not (version_dir / MANIFEST).exists():
        return
    listed = _listed(version_dir)
    found = {path.relative_to(version_dir).as_posix() for path in version_dir.rglob("*") if path.is_file()} - {MANIFEST}
    for kind, names in (("misses", listed.keys() - found), ("has, unlisted,", found - listed.keys())):
        if names:
            raise DataLoss(f"{version_dir} does not match its manifest: it {kind} {', '.join(sorted(names))}")
    for name, expected in sorted(listed.items()):
        actual = f"sha256:{_sha256(version_dir / name)}"
        if actual != expected:
            raise DataLoss(
                f"{version_dir} does not match its manifest: {name} was altered, expected {expected}. "
                f"Received: {actual}"
            )


def _listed(version_dir: Path) -> dict[str, str]:
    try:
        files = json.loads((version_dir / MANIFEST).read_bytes())["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise DataLoss(f"{version_dir} has a manifest that cannot be read: {reason}") from None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
