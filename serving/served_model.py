"""ServedModel: one loaded version with what it takes to answer for it: bundle, threads, and where it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.model_threads import ModelThreads
from serving.servables.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.servable_id import ServableId
    from serving.servables.saved_model import SavedModelBundle
    from serving.servables.saved_model_loader import SavedModelLoader

Metadata = tuple[tuple[bytes, bytes], ...]


class ServedModel:
    """The servable of platform `tensorflow`.

    Attributes:
      bundle: The SavedModel.
      threads: Where its requests run that do not run on the event loop.
      metadata: What every answer of it says of its origin, by lower-case header name.
      row_wise: The signatures whose requests may be merged into one run; see servables/row_wise.py.
    """

    def __init__(
        self, servable_id: ServableId, bundle: SavedModelBundle, threads: ModelThreads, metadata: Metadata
    ) -> None:
        self.id = servable_id
        self.bundle = bundle
        self.threads = threads
        self.metadata = metadata
        self.row_wise: frozenset[str] = frozenset()


class ServedModelLoader:
    """Makes a ServedModel of what a SavedModelLoader loads."""

    def __init__(
        self,
        servable_id: ServableId,
        path: str,
        loader: SavedModelLoader,
        threads: int,
        commit: Callable[[], str | None],
    ) -> None:
        self._id = servable_id
        self._path = path
        self._loader = loader
        self._threads = threads
        self._commit = commit
        self._model: ServedModel | None = None

    def load(self) -> ServedModel:
        """Loads and warms up. Raises ServingError; nothing stays loaded then."""
        bundle = self._loader.load()
        metadata = origin(self._id, self._path, self._commit())
        self._model = ServedModel(self._id, bundle, ModelThreads(self._id.name, self._threads), metadata)
        return self._model

    def unload(self) -> None:
        """Ends the threads and frees the session."""
        model, self._model = self._model, None
        if model:
            model.threads.close()
        self._loader.unload()


def origin(servable_id: ServableId, path: str, commit: str | None) -> Metadata:
    """Name, version, and where they are known the model digest of the manifest and the release commit."""
    known: dict[str, Any] = {
        "shipway-model": servable_id.name,
        "shipway-model-version": servable_id.version,
        "shipway-model-digest": _digest(path),
        "shipway-release-commit": commit,
    }
    return tuple((name.encode(), _header_text(str(value))) for name, value in known.items() if value)


def _digest(path: str) -> str | None:
    """What a version that has passed its manifest says it is."""
    try:
        return str(json.loads(Path(path, MANIFEST).read_bytes())["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _header_text(value: str) -> bytes:
    """Printable ASCII, as a header must be; anything else is escaped."""
    text = value.encode("ascii", "backslashreplace").decode()
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text).encode()
