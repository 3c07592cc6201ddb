"""Packaging: a version goes to the model store, and what the overlay is to pin comes back.

The store is a folder on a laptop and a registry (`oci://...`) on a cluster; this is the one place that knows of both.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from workflows import registry
from workflows.errors import StoreError
from workflows.store import find, publish, require_digest, verify

if TYPE_CHECKING:
    from workflows.overlay import Pin

COSIGN = Path("/etc/shipway/cosign")  # a mounted Secret, where images are signed


def package(exported: Path, store: str, model: str, version: str, *, serving_image: str) -> dict[str, str]:
    """Puts a version into the store and says how it is found there: `digest` for the overlay, and `reference`.

    Nothing happens if the store has this very content already. Raises: StoreError.
    """
    if not store.startswith(registry.SCHEME):
        folder = publish(exported, Path(store), model, version)
        return {"digest": verify(folder)["digest"], "reference": str(folder)}
    digest = registry.publish(exported, store, model, version, base=serving_image)
    named = f"{registry.reference(store, model, version)}@{digest}"
    if (COSIGN / "cosign.key").is_file():
        sign(named)
    return {"digest": digest, "reference": named}


def unpack(store: str, model: str, pin: Pin, destination: Path) -> None:
    """Writes the version that an overlay pins to an empty or missing folder. Raises: StoreError."""
    if store.startswith(registry.SCHEME):
        registry.fetch(store, model, pin, destination)
        return
    folder = find(Path(store), model, pin.version)
    require_digest(folder, pin.digest)
    shutil.copytree(folder, destination, dirs_exist_ok=True)


def sign(image: str, key: Path = COSIGN / "cosign.key") -> None:
    """Signs an image with a key; cosign takes its password from $COSIGN_PASSWORD. Raises: StoreError."""
    command = ["cosign", "sign", f"--key={key}", "--tlog-upload=false", "--yes", image]
    try:
        outcome = subprocess.run(command, capture_output=True, check=False, timeout=registry.TIMEOUT_S)
    except FileNotFoundError:
        raise StoreError(f"{image} is to be signed and cosign is not on PATH: build the image with it") from None
    except subprocess.TimeoutExpired:
        raise StoreError(f"signing {image} took longer than {registry.TIMEOUT_S:g} s: look at the registry") from None
    if outcome.returncode:
        said = outcome.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise StoreError(f"{image} could not be signed: {said[0].removeprefix('Error: ')}")
