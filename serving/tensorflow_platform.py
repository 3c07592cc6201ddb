"""The platform `tensorflow`: from a version's id and path to the loader that makes a ServedModel, as the flags say.

Source: TF Serving model_servers/platform_config_util.cc at 2.20.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.served_model import ServedModelLoader

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving.core.servable_id import ServableId
    from serving.options import ServerOptions
    from serving.servables.saved_model_loader import LoaderOptions


def tensorflow_platform(options: ServerOptions) -> Callable[[ServableId, str], ServedModelLoader]:
    """What makes loaders; imports nothing heavy until the first one."""
    threads = max(options.grpc_max_threads, options.rest_api_num_threads, 1)

    def make_loader(servable_id: ServableId, path: str) -> ServedModelLoader:
        from serving.servables.saved_model_loader import SavedModelLoader

        loader = SavedModelLoader(servable_id, path, _loader_options(options))
        return ServedModelLoader(servable_id, path, loader, threads, lambda: options.release_commit or None)

    return make_loader


def _loader_options(options: ServerOptions) -> LoaderOptions:
    from serving.servables.saved_model import SavedModelOptions
    from serving.servables.saved_model_loader import LoaderOptions
    from serving.servables.session_config import session_config

    config = session_config(
        options.tensorflow_session_parallelism,
        options.tensorflow_intra_op_parallelism,
        options.tensorflow_inter_op_parallelism,
        options.tensorflow_session_config_file,
    )
    return LoaderOptions(
        SavedModelOptions(tags=options.saved_model_tags, config=config),
        enable_warmup=options.enable_model_warmup,
        num_request_iterations=options.num_request_iterations_for_warmup,
    )
