"""Which options no server can start with, in upstream's order and words; and the first configuration."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from serving.config.model_config import ModelServerConfig
from serving.config.model_config_file import read_models_config
from serving.config.text_proto import read_text_proto
from serving.errors import InvalidArgument, Unimplemented
from serving.servables.session_config import check_parallelism

if TYPE_CHECKING:
    from serving.options import ServerOptions

log = logging.getLogger(__name__)
GRPC_TRANSPORTS = ("own", "grpcio")


def first_config(options: ServerOptions, *, own_source: bool = False) -> ModelServerConfig:
    """What to serve first; with a source of one's own it may be nothing.

    Raises: InvalidArgument for options that cannot be together; NotFound or InvalidArgument for a model_config_file
      that cannot be read. What the configuration says is checked by ServerCore.reload_config.
    Source: TF Serving model_servers/server.cc (BuildAndStart) at 2.20.0, same order.
    """
    check_addresses(options)
    if not (options.models or options.model_config_file or own_source):
        raise InvalidArgument("Both server_options.model_base_path and server_options.model_config_file are empty!")
    config = _config(options)
    if not options.platform_config_file:
        check_session(options)
    check_unsupported(options)
    return config


def check_addresses(options: ServerOptions) -> None:
    """Refuses a server that listens nowhere for gRPC, or with two kinds of encryption. Raises InvalidArgument."""
    if not options.grpc_port and not options.grpc_socket_path:
        raise InvalidArgument(
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."
        )
    if options.use_alts_credentials and options.ssl_config_file:
        raise InvalidArgument("Either use_alts_credentials must be false or ssl_config_file must be empty.")
    if options.rest_api_port and options.rest_api_port == options.grpc_port:
        log.error(
            "server_options.http_port cannot be same as grpc_port. "
            "Please use a different port for HTTP/REST API. Skipped exporting HTTP/REST API."
        )


def check_session(options: ServerOptions) -> None:
    """Refuses options of batching and of sessions that contradict each other, and their files if they are none.

    Raises: InvalidArgument, NotFound.
    """
    if options.enable_batching:
        _check_batching_parameters(options.batching_parameters_file)
    elif options.batching_parameters_file:
        raise InvalidArgument(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    check_parallelism(
        options.tensorflow_session_parallelism,
        options.tensorflow_intra_op_parallelism,
        options.tensorflow_inter_op_parallelism,
    )
    if options.tensorflow_session_config_file:
        _check_session_config(options.tensorflow_session_config_file)


def check_unsupported(options: ServerOptions) -> None:
    """Refuses what cannot be done here and is not safe to ignore. Raises InvalidArgument, Unimplemented."""
    if options.grpc_transport not in GRPC_TRANSPORTS:
        raise InvalidArgument(
            f"grpc_transport must be one of {', '.join(GRPC_TRANSPORTS)}. Received: {options.grpc_transport}"
        )
    if options.transport_processes < 0:
        raise InvalidArgument(f"transport_processes must be 0 or more. Received: {options.transport_processes}")
    if options.transport_processes and options.grpc_transport != "own":
        raise InvalidArgument(f"transport_processes needs grpc_transport own. Received: {options.grpc_transport}")
    if options.use_alts_credentials and options.grpc_transport != "grpcio":
        raise Unimplemented("use_alts_credentials needs grpc_transport grpcio. Received: own")
    if options.platform_config_file:
        raise Unimplemented(
            "platform_config_file is not supported, set the same by the flags for batching, sessions, tags and "
            f"warm-up. Received: {options.platform_config_file}"
        )
    if options.thread_pool_factory_config_file:
        raise Unimplemented(
            "There are no factories of thread pools here, leave thread_pool_factory_config_file empty. "
            f"Received: {options.thread_pool_factory_config_file}"
        )


def _check_batching_parameters(path: str) -> None:
    if path:
        from serving.batching.batching_parameters import read_batching_parameters

        read_batching_parameters(path)


def _check_session_config(path: str) -> None:
    from tensorflow.core.protobuf import config_pb2

    read_text_proto(path, config_pb2.ConfigProto())


def _config(options: ServerOptions) -> ModelServerConfig:
    if options.model_config_file:
        return read_models_config(options.model_config_file)
    return ModelServerConfig(options.models) if options.models else ModelServerConfig()
