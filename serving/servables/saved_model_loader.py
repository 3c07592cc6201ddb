"""SavedModelLoader: path to servable: verify the manifest, load, warm up."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from serving.servables.manifest import verify_manifest
from serving.servables.saved_model import SavedModelBundle, load_saved_model
from serving.servables.warmup import run_saved_model_warmup

if TYPE_CHECKING:
    from serving.core.servable_id import ServableId

log = logging.getLogger(__name__)


class SavedModelLoader:
    """The loader of platform `tensorflow`; a UnarySourceAdapter makes one for each path."""

    def __init__(self, servable_id: ServableId, path: str, *, enable_warmup: bool = True) -> None:
        self._id = servable_id
        self._path = path
        self._enable_warmup = enable_warmup
        self._bundle: SavedModelBundle | None = None

    def load(self) -> SavedModelBundle:
        """Ready to answer, warmed up. Raises ServingError; nothing stays loaded then."""
        started = time.monotonic()
        verify_manifest(Path(self._path))
        bundle = load_saved_model(self._path)
        try:
            if self._enable_warmup:
                run_saved_model_warmup(bundle, self._path)
        except Exception:
            bundle.close()
            raise
        self._bundle = bundle
        log.info("loaded %s from %s in %.2f s", self._id, self._path, time.monotonic() - started)
        return bundle

    def unload(self) -> None:
        """Frees the session."""
        bundle, self._bundle = self._bundle, None
        if bundle:
            bundle.close()
