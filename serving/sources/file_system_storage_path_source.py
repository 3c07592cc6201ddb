"""FileSystemStoragePathSource: polls base paths for numbered folders and aspires to what each model's policy picks."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId
from serving.sources.version_policy import Specific, aspired_versions, versions_found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.config.model_config import ModelConfig
    from serving.core.source import AspiredVersionsCallback

log = logging.getLogger(__name__)


class FileSystemStoragePathSource:
    """Looks every `poll_wait_s` seconds; 0: looks once; negative: never.

    Source: TF Serving sources/storage_path/file_system_storage_path_source.cc at 2.20.0.
    """

    def __init__(self, models: Sequence[ModelConfig], poll_wait_s: float = 1) -> None:
        self._models = tuple(models)
        self._poll_wait_s = poll_wait_s
        self._stopped = threading.Event()

    def set_aspired_versions_callback(self, callback: AspiredVersionsCallback) -> None:
        """Starts to poll, on a thread of its own."""
        self._callback = callback
        if self._poll_wait_s >= 0:
            threading.Thread(target=self._run, name="FileSystemStoragePathSource", daemon=True).start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopped.set()

    def poll(self) -> None:
        """Looks once. A base path that cannot be listed makes the whole poll emit nothing: nothing changes then."""
        try:
            found = {model.name: versions_found(_children(model.base_path)) for model in self._models}
        except OSError as error:
            log.error(  # noqa: TRY400 - a folder that is not there is no bug
                "FileSystemStoragePathSource encountered a filesystem access error: %s", error
            )
            return
        for model in self._models:
            self._emit(model, found[model.name])

    def _emit(self, model: ModelConfig, found: dict[int, str]) -> None:
        versions = aspired_versions(found, model.policy)
        _warn(model, found, versions)
        self._callback(
            model.name,
            [ServableData(ServableId(model.name, v), str(Path(model.base_path, found[v]))) for v in versions],
        )

    def _run(self) -> None:
        self.poll()
        while self._poll_wait_s > 0 and not self._stopped.wait(self._poll_wait_s):
            self.poll()


def _children(base_path: str) -> list[str]:
    return [child.name for child in Path(base_path).iterdir()]


def _warn(model: ModelConfig, found: dict[int, str], versions: list[int]) -> None:
    if isinstance(model.policy, Specific):
        for version in sorted(model.policy.versions - found.keys()):
            log.warning(
                "Version %d of servable %s, which was requested to be served as a specific version in the "
                "servable's version policy, was not found under base path %s",
                version,
                model.name,
                model.base_path,
            )
    elif not versions:
        log.warning(
            "No versions of servable %s found under base path %s. Did you forget to name your leaf directory "
            "as a number (eg. '/1/')?",
            model.name,
            model.base_path,
        )
