"""FileSystemStoragePathSource: polls base paths for numbered folders and aspires to what each model's policy picks."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId
from serving.sources.version_policy import Specific, aspired_versions, duplicates, versions_found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.config.model_config import ModelConfig
    from serving.core.source import AspiredVersionsCallback

log = logging.getLogger(__name__)


class FileSystemStoragePathSource:
    """Looks every `poll_wait_s` seconds; 0: once for every config; negative: never.

    Source: TF Serving sources/storage_path/file_system_storage_path_source.cc at 2.20.0.
    """

    def __init__(self, models: Sequence[ModelConfig], poll_wait_s: float = 1) -> None:
        self._models = tuple(models)
        self._poll_wait_s = poll_wait_s
        self._callback: AspiredVersionsCallback | None = None
        # Held while a poll looks and calls back, so that a config never changes in between.
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopped = False

    @property
    def models(self) -> tuple[ModelConfig, ...]:
        """What it looks for now."""
        return self._models

    def set_aspired_versions_callback(self, callback: AspiredVersionsCallback) -> None:
        """Starts to poll, on a thread of its own."""
        self._callback = callback
        if self._poll_wait_s >= 0:
            threading.Thread(target=self._run, name="FileSystemStoragePathSource", daemon=True).start()

    def update_config(self, models: Sequence[ModelConfig]) -> None:
        """Looks for these models instead, soon; aspires to nothing at once for those that are gone."""
        with self._lock:
            gone = [model.name for model in self._models if model.name not in {new.name for new in models}]
            self._models = tuple(models)
            for name in gone:
                self._call_back(name, [])
        self._wake.set()

    def stop(self) -> None:
        """Looks no more."""
        self._stopped = True
        self._wake.set()

    def poll(self) -> None:
        """Looks once. A base path that cannot be listed makes the whole poll emit nothing: nothing changes then."""
        with self._lock:
            try:
                found = {model.name: _find(model) for model in self._models}
            except OSError as error:
                log.error(  # noqa: TRY400 - a folder that is not there is no bug
                    "FileSystemStoragePathSource encountered a filesystem access error: %s", error
                )
                return
            for model in self._models:
                self._emit(model, found[model.name])

    def _emit(self, model: ModelConfig, found: Mapping[int, str]) -> None:
        versions = aspired_versions(found, model.policy)
        _warn(model, found, versions)
        self._call_back(
            model.name,
            [ServableData(ServableId(model.name, v), str(_local(model.base_path) / found[v])) for v in versions],
        )

    def _call_back(self, name: str, versions: Sequence[ServableData[str]]) -> None:
        if self._callback and not self._stopped:
            self._callback(name, versions)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            try:
                self.poll()
            except Exception:
                log.exception("a look for versions failed; the next one follows")
            self._wake.wait(self._poll_wait_s or None)


def _find(model: ModelConfig) -> dict[int, str]:
    """Version to name of its folder. Raises OSError if the base path cannot be listed."""
    base = _local(model.base_path)
    try:
        if not base.exists():
            raise FileNotFoundError("No such file or directory")
        if isinstance(model.policy, Specific):
            named = {version: str(version) for version in model.policy.versions if (base / str(version)).exists()}
            if len(named) == len(model.policy.versions):
                return named
        names = sorted(child.name for child in base.iterdir())
    except OSError as error:
        reason = error.strerror or error
        raise OSError(
            f"Could not find base path {model.base_path} for servable {model.name} with error {reason}"
        ) from None
    for version, ignored in duplicates(names):
        log.warning(
            "Duplicate version directories detected. Version %d will be loaded from %s, %s will be ignored.",
            version,
            versions_found(names)[version],
            ignored,
        )
    return versions_found(names)


def _local(base_path: str) -> Path:
    return Path(base_path.removeprefix("file://"))


def _warn(model: ModelConfig, found: Mapping[int, str], versions: Sequence[int]) -> None:
    if isinstance(model.policy, Specific):
        for version in sorted(model.policy.versions - found.keys()):
            log.warning(
                "Version %d of servable %s, which was requested to be served as a 'specific' version in the "
                "servable's version policy, was not found in the file system",
                version,
                model.name,
            )
    if not versions:
        log.warning(
            "No versions of servable %s found under base path %s. Did you forget to name your leaf directory "
            "as a number (eg. '/1/')?",
            model.name,
            model.base_path,
        )
