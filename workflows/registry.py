"""The model store of a cluster: an image registry, with one image per version, `<registry>/models/<model>:<version>`.

An image is the model server's with one layer on top, /models/<model>/<version>/; what an overlay pins is its digest.
`crane` makes and reads it: no daemon, no privileges, and of an image only the top layer is ever fetched.
Not here: a laptop's store (store.py), and which of the two it is (package.py).
"""

from __future__ import annotations

import contextlib
import gzip
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from workflows.errors import StoreError
from workflows.patience import PATIENCE_S, patiently
from workflows.store import verify

if TYPE_CHECKING:
    from workflows.overlay import Pin

SCHEME = "oci://"
ABSENT = ("MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND", "404 Not Found")
TIMEOUT_S = 600.0


class RegistryError(StoreError):
    """The registry did not answer, or not as a registry; it may do so later."""


class AbsentError(StoreError):
    """The registry answered that it has no such image."""


def reference(registry: str, model: str, version: str) -> str:
    """The image of a version, e.g. `registry.local/models/digits:20261122143000`; `registry` may begin with oci://."""
    return f"{registry.removeprefix(SCHEME)}/models/{model}:{version}"


def publish(folder: Path, registry: str, model: str, version: str, *, base: str) -> str:
    """Pushes a version's image, unless the registry has it with this very content, and gives its digest.

    Args:
      folder: The version directory.
      base: The model server's image.
    Raises: StoreError (folder not whole or of another version; other content there; registry out of reach).
    """
    manifest = verify(folder)
    if (manifest["model"], str(manifest["version"])) != (model, version):
        raise StoreError(f"{folder} holds {manifest['model']} {manifest['version']}: expected {model} {version}")
    target = reference(registry, model, version)
    if digest := digest_of(target):
        _require_same(f"{target.rpartition(':')[0]}@{digest}", model, version, manifest["digest"])
        return digest
    with tempfile.TemporaryDirectory(prefix="shipway-layer-") as scratch:
        file = Path(scratch) / "layer.tar.gz"
        write_layer(folder, model, version, file)
        pushed = crane("append", f"--base={base}", f"--new_layer={file}", f"--new_tag={target}").decode()
    return pushed.strip().rpartition("@")[2]


def fetch(registry: str, model: str, pin: Pin, destination: Path) -> Path:
    """Writes the version that an overlay pins to `destination`, a folder that is not there yet, whole.

    Raises: StoreError (no such image; not whole; registry out of reach).
    """
    image = f"{reference(registry, model, pin.version).rpartition(':')[0]}@{pin.digest}"
    _extract_version(image, model, pin.version, destination)
    verify(destination)
    return destination


def digest_of(image: str) -> str | None:
    """The digest of an image; None where the registry has none of it. Raises: StoreError (no crane; no answer)."""
    try:
        return crane("digest", image).decode().strip()
    except AbsentError:
        return None


def write_layer(folder: Path, model: str, version: str, file: Path) -> None:
    """Packs a version at its place in the image as a gzipped tar; the same bytes for the same files, whoever packs."""
    root = PurePosixPath("models", model, version)
    files = {root / path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    folders = {parent for name in files for parent in name.parents}
    with (
        file.open("wb") as packed,
        gzip.GzipFile("", fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as tar,
    ):
        for name in sorted(folders - {PurePosixPath(".")}):
            tar.addfile(_entry(str(name), tarfile.DIRTYPE, 0o755))
        for name, path in sorted(files.items()):
            entry = _entry(str(name), tarfile.REGTYPE, 0o644)
            entry.size = path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(entry, content)


def crane(*arguments: str, output: Path | None = None) -> bytes:
    """What crane printed, or wrote into a file; a registry that does not answer is asked again for a while.

    Raises: RegistryError (it never did); AbsentError (no such image); StoreError (no crane).
    """
    return patiently(lambda: _crane(*arguments, output=output), RegistryError, PATIENCE_S)


def _crane(*arguments: str, output: Path | None) -> bytes:
    try:
        with contextlib.ExitStack() as files:
            out = files.enter_context(output.open("wb")) if output else subprocess.PIPE
            outcome = subprocess.run(
                ["crane", *arguments], stdout=out, stderr=subprocess.PIPE, check=False, timeout=TIMEOUT_S
            )
    except FileNotFoundError:
        raise StoreError("crane is not on PATH: install it from go-containerregistry's releases") from None
    except subprocess.TimeoutExpired:
        raise RegistryError(f"crane {arguments[0]} took longer than {TIMEOUT_S:g} s: look at the registry") from None
    if outcome.returncode == 0:
        return outcome.stdout or b""
    said = outcome.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
    sentence = f"crane {arguments[0]} failed: {said[0].removeprefix('Error: ')}"
    if any(word in said[0] for word in ABSENT):
        raise AbsentError(sentence)
    raise RegistryError(sentence)


def _require_same(image: str, model: str, version: str, digest: str) -> None:
    with tempfile.TemporaryDirectory(prefix="shipway-image-") as scratch:
        there = Path(scratch) / version
        _extract_version(image, model, version, there)
        found = verify(there)["digest"]
    if found != digest:
        raise StoreError(
            f"the registry has other content as {model} {version} ({found}, not {digest}): "
            "a version is never made twice, train a new one"
        )


def _extract_version(image: str, model: str, version: str, destination: Path) -> None:
    layers = json.loads(crane("manifest", image)).get("layers") or []
    if not layers:
        raise StoreError(f"{image} is no image of a model: it has no layers; publish the version again")
    with tempfile.TemporaryDirectory(prefix="shipway-layer-") as scratch:
        file = Path(scratch) / "layer.tar.gz"
        crane("blob", f"{image.partition('@')[0]}@{layers[-1]['digest']}", output=file)
        _extract(file, PurePosixPath("models", model, version), destination)


def _extract(file: Path, root: PurePosixPath, destination: Path) -> None:
    """Writes the files of a layer below `root`; whatever else it has, links included, stays out."""
    destination.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file) as tar:
        for member in tar:
            name = PurePosixPath(member.name.lstrip("/"))
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or not name.is_relative_to(root) or ".." in name.parts:
                continue
            target = destination / name.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as written:
                shutil.copyfileobj(content, written)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    return entry
