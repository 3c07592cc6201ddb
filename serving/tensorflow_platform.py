"""The platform `tensorflow`: from a version's id and path to the loader that makes a ServedModel, as the flags say.

Source: TF Serving model_servers/platform_config_util.cc at 2.20.0.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.batching.wrap_session import SessionBatcher
    from serving.core.servable_id import ServableId
    from serving.monitoring.serving_metrics import ServingMetrics
    from serving.options import ServerOptions
    from serving.plane.served_model import ModelOptions, ServedModelLoader


def tensorflow_platform(
    options: ServerOptions, metrics: ServingMetrics, release_commit: Callable[[ServableId], str] | None = None
) -> Callable[[ServableId, str], ServedModelLoader]:
    """What makes loaders; imports nothing heavy until the first one.

    Raises: NotFound, InvalidArgument for batching parameters that cannot be read.
    """
    batcher = _batcher(options, metrics)
    model_options = cache(lambda: _model_options(options, batcher, metrics, release_commit))

    def make_loader(servable_id: ServableId, path: str) -> ServedModelLoader:
        from serving.plane.served_model import ServedModelLoader

        return ServedModelLoader(servable_id, path, model_options())

    return make_loader


def _batcher(options: ServerOptions, metrics: ServingMetrics) -> SessionBatcher | None:
    if not options.enable_batching:
        return None
    from serving.batching.batching_parameters import read_batching_parameters
    from serving.batching.wrap_session import SessionBatcher

    parameters = read_batching_parameters(options.batching_parameters_file)
    return SessionBatcher(parameters, metrics.registry, per_model=options.enable_per_model_batching_parameters)


def _model_options(
    options: ServerOptions,
    batcher: SessionBatcher | None,
    metrics: ServingMetrics,
    release_commit: Callable[[ServableId], str] | None,
) -> ModelOptions:
    from serving.plane.served_model import ModelOptions
    from serving.servables.saved_model import SavedModelOptions
    from serving.servables.saved_model_loader import LoaderOptions

    return ModelOptions(
        LoaderOptions(
            SavedModelOptions(tags=options.saved_model_tags, config=_config(options)),
            enable_warmup=options.enable_model_warmup,
            num_request_iterations=options.num_request_iterations_for_warmup,
        ),
        metrics=metrics,
        threads=max(options.grpc_max_threads, options.rest_api_num_threads, 1),
        check_method_name=options.enable_signature_method_name_check,
        release_commit=release_commit or (lambda _: options.release_commit),
        batcher=batcher,
    )


def _config(options: ServerOptions) -> bytes | None:
    """What the flags say of threads; None: nothing."""
    from serving.servables.session_config import session_config

    threads = (
        options.tensorflow_session_parallelism,
        options.tensorflow_intra_op_parallelism,
        options.tensorflow_inter_op_parallelism,
    )
    file = options.tensorflow_session_config_file
    return session_config(*threads, file) if any(threads) or file else None
