"""SavedModelLoader: path to servable: verify the manifest, load, warm up."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from serving.servables.manifest import verify_manifest
from serving.servables.saved_model import SavedModelBundle, SavedModelOptions, load_saved_model
from serving.servables.warmup import run_saved_model_warmup

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.servable_id import ServableId

log = logging.getLogger(__name__)


def _nothing(_bundle: SavedModelBundle, _path: str) -> None:
    pass


@dataclass(frozen=True)
class LoaderOptions:
    """What is done with every version of platform `tensorflow`."""

    saved_model: SavedModelOptions = field(default_factory=SavedModelOptions)
    enable_warmup: bool = True
    # How often each warm-up record is replayed; 0 stands for once.
    num_request_iterations: int = 0
    # Called before the warm-up with the bundle, its graph's description still there, and its path: to analyse it, to
    # put batching around its runner. What it raises fails the load.
    prepare: Callable[[SavedModelBundle, str], None] = _nothing


class SavedModelLoader:
    """The loader of platform `tensorflow`; a UnarySourceAdapter makes one for each path."""

    def __init__(
        self,
        servable_id: ServableId,
        path: str,
        options: LoaderOptions = LoaderOptions(),
    ) -> None:
        self._id = servable_id
        self._path = path
        self._options = options
        self._bundle: SavedModelBundle | None = None

    def load(self) -> SavedModelBundle:
        """Ready to answer, warmed up. Raises ServingError; nothing stays loaded then."""
        started = time.monotonic()
        verify_manifest(Path(self._path))
        bundle = load_saved_model(self._path, self._options.saved_model)
        try:
            self._options.prepare(bundle, self._path)
            bundle.forget_graph()
            if self._options.enable_warmup:
                run_saved_model_warmup(bundle, self._path, self._options.num_request_iterations)
        except BaseException:
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
