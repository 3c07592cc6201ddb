"""How a loaded model comes to be batched: by the server's parameters, or by those in its version's folder.

Source: TF Serving servables/tensorflow/bundle_factory_util.cc at 2.20.0 (GetPerModelBatchingParams).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from serving.batching.batching_parameters import BatchingParameters, read_batching_parameters
from serving.batching.batching_session import BatchingSession
from serving.batching.shared_batch_scheduler import SharedBatchScheduler
from serving.monitoring.serving_metrics import BatchingMetrics

if TYPE_CHECKING:
    from serving.batching.batching_session import Runner
    from serving.monitoring.metrics import Registry
    from serving.servables.saved_model import SavedModelBundle

BATCHING_PARAMS_FILE = "batching_params.pbtxt"


class SessionBatcher:
    """Wraps the sessions of one server; they share one pool of batch threads.

    Args:
      parameters: Of --batching_parameters_file, or the defaults.
      per_model: Use a version's own batching_params.pbtxt, and do not batch a model without it; threads stay common.
    Raises: InvalidArgument for less than one thread.
    """

    def __init__(self, parameters: BatchingParameters, registry: Registry, *, per_model: bool = False) -> None:
        self._common = parameters
        self._per_model = per_model
        self._metrics = BatchingMetrics(registry)
        self._scheduler = SharedBatchScheduler(parameters.threads(), parameters.thread_pool_name)

    def wrap(self, session: Runner, version_dir: str) -> Runner:
        """The session with batching, or as it is if this model is not batched.

        Raises: InvalidArgument for parameters that cannot be read or do not fit together; the load fails then.
        """
        parameters = per_model_parameters(version_dir) if self._per_model else self._common
        if parameters is None:
            return session
        return BatchingSession(session, self._scheduler, parameters, self._metrics)

    def prepare(self, bundle: SavedModelBundle, version_dir: str) -> None:
        """Makes the bundle run by batches, if this model is to be batched. Raises what `wrap` raises."""
        bundle.runner = self.wrap(bundle.session, version_dir)

    def close(self) -> None:
        """Ends the threads, after all sessions were closed."""
        self._scheduler.close()


def per_model_parameters(version_dir: str) -> BatchingParameters | None:
    """What the version's batching_params.pbtxt says; None if there is none. Raises InvalidArgument."""
    file = Path(version_dir, BATCHING_PARAMS_FILE)
    return read_batching_parameters(str(file)) if file.exists() else None
