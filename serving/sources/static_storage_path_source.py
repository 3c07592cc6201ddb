"""StaticStoragePathSource: aspires to one version at one path, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId

if TYPE_CHECKING:
    from serving.core.source import AspiredVersionsCallback


class StaticStoragePathSource:
    """For tests and servers of one's own.

    Source: TF Serving sources/storage_path/static_storage_path_source.cc at 2.20.0.
    """

    def __init__(self, name: str, version: int, path: str) -> None:
        self._data = ServableData(ServableId(name, version), path)

    def set_aspired_versions_callback(self, callback: AspiredVersionsCallback) -> None:
        """Aspires to it at once."""
        callback(self._data.id.name, [self._data])
