"""ServedModel: one loaded version with what it takes to answer for it: bundle, threads, and where it came from."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serving.batching.batching_session import BatchingSession
from serving.core.resource_tracker import estimate_ram_bytes
from serving.errors import ServingError
from serving.model_spec import ModelSpec
from serving.monitoring.serving_metrics import ServingMetrics
from serving.plane.model_threads import ModelThreads
from serving.plane.predict_plan import PredictPlans
from serving.servables.manifest import MANIFEST
from serving.servables.row_wise import RowWise, row_wise_signatures
from serving.servables.saved_model_loader import LoaderOptions, SavedModelLoader
from serving.servables.signature import DEFAULT_SIGNATURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.batching.wrap_session import SessionBatcher
    from serving.core.servable_id import ServableId
    from serving.servables.saved_model import SavedModelBundle

Metadata = tuple[tuple[bytes, bytes], ...]


class ServedModel:
    """The servable of platform `tensorflow`.

    Attributes:
      bundle: The SavedModel.
      plans: How its Predict requests are run.
      batching: The bundle's runner, if --enable_batching put a BatchingSession there.
      threads: Where its requests run that do not run on the event loop.
      metadata: What every answer of it says of its origin, by lower-case header name.
    """

    def __init__(
        self, version: int, bundle: SavedModelBundle, plans: PredictPlans, threads: ModelThreads, metadata: Metadata
    ) -> None:
        self.bundle = bundle
        self.plans = plans
        self.batching = bundle.runner if isinstance(bundle.runner, BatchingSession) else None
        self.threads = threads
        self.metadata = metadata
        self._version = version
        self._specs: dict[str, ModelSpec] = {}

    def exact(self, spec: ModelSpec) -> ModelSpec:
        """The spec with the version that answers, and the signature's name if it has none."""
        found = self._specs.get(spec.signature_name)
        if found is None:
            name = spec.signature_name or DEFAULT_SIGNATURE
            found = ModelSpec(spec.name, self._version, spec.label, name)
            # Others are names that a request made up.
            if name in self.bundle.signatures and spec.label is None:
                self._specs[spec.signature_name] = found
        return found


class ServedModelLoader:
    """Makes a ServedModel of a version's folder."""

    def __init__(self, servable_id: ServableId, path: str, options: ModelOptions) -> None:
        self._id = servable_id
        self._path = path
        self._options = options
        self._loader = SavedModelLoader(servable_id, path, replace(options.loader, prepare=self._prepare))
        self._model: ServedModel | None = None
        self._row_wise: dict[str, RowWise] = {}

    def estimate_resources(self) -> int:
        """Bytes of memory that it will take."""
        return estimate_ram_bytes(self._path)

    def load(self) -> ServedModel:
        """Loads and warms up. Raises ServingError; nothing stays loaded then."""
        bundle = self._loaded()
        plans = PredictPlans(bundle, self._row_wise, check_method_name=self._options.check_method_name)
        threads = ModelThreads(self._id.name, self._options.threads)
        metadata = origin(self._id, self._path, self._options.release_commit(self._id))
        self._model = ServedModel(self._id.version, bundle, plans, threads, metadata)
        return self._model

    def _loaded(self) -> SavedModelBundle:
        """Source: tensorflow/cc/saved_model/loader.cc at 2.20.0, for what is counted."""
        started = time.perf_counter()
        count = self._options.metrics.load_attempt_count
        try:
            bundle = self._loader.load()
        except BaseException:
            count.cell(self._path, "fail").increment()
            raise
        count.cell(self._path, "success").increment()
        self._options.metrics.load_latency.cell(self._path).increment(round((time.perf_counter() - started) * 1e6))
        return bundle

    def unload(self) -> None:
        """Ends the threads and frees the session."""
        model, self._model = self._model, None
        if model:
            model.threads.close()
        self._loader.unload()

    def _prepare(self, bundle: SavedModelBundle, path: str) -> None:
        """While the graph's description is there: what may be merged, and batching."""
        # TensorFlow optimises the graphs now, and not while the first request waits.
        signatures = row_wise_signatures(bundle.meta_graph_def)
        self._row_wise = {name: rows for name, rows in signatures.items() if _runs(bundle, name)}
        if self._options.batcher:
            self._options.batcher.prepare(bundle, path)


def _runs(bundle: SavedModelBundle, signature_name: str) -> bool:
    """Whether the graph has the signature's tensors; one without is refused by request, and the others are served."""
    signature = bundle.signatures[signature_name]
    feeds = sorted(info.tensor for info in signature.inputs.values())
    try:
        bundle.session.callable(feeds, [info.tensor for info in signature.outputs.values()])
    except ServingError:
        return False
    return True


@dataclass(frozen=True)
class ModelOptions:
    """How every version is loaded and run.

    Attributes:
      threads: How many requests of a model run at a time.
      release_commit: The commit that answers of a version name as its release; empty: none.
      batcher: Puts batching around sessions; None: no batching.
    """

    loader: LoaderOptions
    threads: int
    metrics: ServingMetrics = field(default_factory=ServingMetrics)
    check_method_name: bool = False
    release_commit: Callable[[ServableId], str] = lambda _: ""
    batcher: SessionBatcher | None = None


def origin(servable_id: ServableId, path: str, commit: str) -> Metadata:
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
