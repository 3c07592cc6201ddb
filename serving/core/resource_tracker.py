"""ResourceTracker: the book of memory that loaded versions are expected to take."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from serving.errors import Code, ServingError

if TYPE_CHECKING:
    from serving.core.servable_id import ServableId

# How much more memory than its files a version is expected to take.
_RAM_PER_FILE_BYTE = 1.2


class ResourceTracker:
    """Reserves a version's estimate before it is loaded; without a total everything fits.

    Source: TF Serving resources/resource_tracker.cc at 2.20.0, whose server sets no total either.
    """

    def __init__(self, total_bytes: int | None = None) -> None:
        self._total_bytes = total_bytes
        self._lock = threading.Lock()
        self._reserved: dict[ServableId, int] = {}

    def reserve(self, servable_id: ServableId, ram_bytes: int) -> None:
        """Puts an estimate in the book. Raises ServingError RESOURCE_EXHAUSTED, and reserves nothing then."""
        with self._lock:
            if self._total_bytes is not None and sum(self._reserved.values()) + ram_bytes > self._total_bytes:
                raise ServingError(f"Insufficient resources to load servable {servable_id}", Code.RESOURCE_EXHAUSTED)
            self._reserved[servable_id] = ram_bytes

    def release(self, servable_id: ServableId) -> None:
        """Takes a version out of the book; it need not be in it."""
        with self._lock:
            self._reserved.pop(servable_id, None)

    @property
    def reserved_bytes(self) -> int:
        """The estimates of all versions that are loaded or being loaded."""
        with self._lock:
            return sum(self._reserved.values())


def estimate_ram_bytes(path: str) -> int:
    """What a version is expected to take: 1.2 times its files' bytes; 0 for what cannot be read.

    Source: TF Serving servables/tensorflow/bundle_factory_util.cc (EstimateResourceFromPath) at 2.20.0.
    """
    try:
        return int(_RAM_PER_FILE_BYTE * sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file()))
    except OSError:
        return 0
