"""The model store of a laptop: <store>/<model>/<version>/, each version there whole or not at all.

On a cluster the image registry takes this place. Not here: what a version holds beyond its manifest.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from training.manifest import MANIFEST, file_digest, model_digest
from workflows.errors import StoreError
from workflows.overlay import MODEL, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PARTIAL = ".partial"


def publish(source: Path, store: Path, model: str, version: str) -> Path:
    """Copies a version into the store, by one rename, after every file was held against the manifest.

    Nothing happens if the same content is there already, so a retry is safe. Copies that a killed publish left are
    taken away.

    Returns: The version's folder in the store.
    Raises: StoreError (no manifest, a file missing, added or altered, another model or version, other content there).
    """
    if not MODEL.fullmatch(model) or not VERSION.fullmatch(version):
        raise StoreError(f"a version is <model>/<digits>: received {model!r}/{version!r}")
    manifest = verify(source)
    if (manifest["model"], str(manifest["version"])) != (model, version):
        raise StoreError(f"{source} holds {manifest['model']} {manifest['version']}: expected {model} {version}")
    target = store / model / version
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target.parent):
            if not target.exists():
                _copy(source, target)
    except OSError as error:
        raise StoreError(
            f"{target} cannot be written ({error.strerror}): make room or correct the permissions"
        ) from None
    there = verify(target)["digest"]
    if there != manifest["digest"]:
        raise StoreError(
            f"the store has other content as {model} {version} ({there}, not {manifest['digest']}): "
            "a version is never made twice, train a new one"
        )
    return target


def find(store: Path, model: str, version: str) -> Path:
    """The folder of a version. Raises: StoreError (unknown model or version: lists what is there)."""
    known = versions(store, model)
    if version not in known:
        newest = ", ".join(known[-5:]) or "none"
        raise StoreError(f"there is no version {version} of {model} in {store}: the newest are {newest}")
    return store / model / version


def versions(store: Path, model: str) -> list[str]:
    """The versions of a model, oldest first. Raises: StoreError (unknown model: lists the known ones)."""
    if not (store / model).is_dir():
        known = ", ".join(sorted(path.name for path in store.glob("*/"))) or "none"
        raise StoreError(f"there is no model {model} in {store}: the models there are {known}")
    return sorted((path.name for path in (store / model).iterdir() if VERSION.fullmatch(path.name)), key=int)


def verify(folder: Path) -> dict[str, Any]:
    """The manifest of a version's folder, if every file has the digest that it states and none is more or less.

    Raises: StoreError (names the first file that differs, or what the manifest lacks).
    """
    manifest = _manifest(folder)
    stated: Mapping[str, str] = manifest["files"]
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    for name in sorted(present ^ set(stated)):
        what = "is missing" if name in stated else "is not in the manifest"
        raise StoreError(f"{folder} is not whole: {name} {what}; export or publish the version again")
    for name, digest in sorted(stated.items()):
        if file_digest(folder / name) != digest:
            raise StoreError(f"{folder} was altered: {name} has not the digest of the manifest; publish it again")
    if model_digest(stated) != manifest["digest"]:
        raise StoreError(f"{folder} was altered: the manifest's digest is not that of its files; publish it again")
    return manifest


def require_digest(folder: Path, digest: str) -> dict[str, Any]:
    """The manifest of a version that is whole and is the content that an overlay pins ("" pins none).

    Raises: StoreError (see `verify`; or whole, but another content).
    """
    manifest = verify(folder)
    if digest and manifest["digest"] != digest:
        raise StoreError(
            f"{folder} holds the content {manifest['digest']}, the overlay names {digest}: "
            "publish the version that was released, or release another"
        )
    return manifest


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except OSError:
        raise StoreError(f"{folder} is no version: it has no {MANIFEST}; export the model again") from None
    except ValueError:
        raise StoreError(f"{path} is not JSON: export the model again") from None
    expected = {"model": str, "version": str, "digest": str, "files": dict}
    for name, kind in expected.items():
        if not isinstance(manifest, dict) or not isinstance(manifest.get(name), kind):
            raise StoreError(f"{path} has no {name} of the kind {kind.__name__}: export the model again")
    return dict(manifest)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits until no other publish of this model lives, and takes away the copies of those that were killed.

    The kernel drops a dead process's lock, so whoever holds it knows that every copy in the folder is abandoned.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for partial in folder.glob(f".*{PARTIAL}"):
            shutil.rmtree(partial)
        yield
    finally:
        os.close(handle)


def _copy(source: Path, target: Path) -> None:
    """Makes a folder appear at once: copied under a hidden name beside it, brought to the disk, renamed."""
    partial = target.parent / f".{target.name}{PARTIAL}"
    try:
        shutil.copytree(source, partial)
        verify(partial)  # what was written, should the source have changed meanwhile
        for path in [*partial.rglob("*"), partial]:
            _sync(path)
        partial.rename(target)
        _sync(target.parent)
    except shutil.Error as error:
        raise OSError(None, error.args[0][0][-1]) from None  # the first of the files that failed
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(path: Path) -> None:
    """Brings a file's bytes, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
