"""ServerOptions: everything a server needs to know, built once; and how the command line's flags say it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from serving.config.model_config import ModelConfig
from serving.core.loader_harness import RetryOptions
from serving.core.manager_options import ManagerOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

_CPUS = os.cpu_count() or 1


@dataclass(frozen=True)
class ServerOptions:
    """Defaults are upstream's. A field with `_file` is the path of a protobuf in text format, empty: none."""

    # Where to listen; port 0 or an empty path: not there. The gRPC socket's file is made anew.
    grpc_port: int = 8500
    grpc_socket_path: str = ""
    rest_api_port: int = 0
    # The address of both ports; None stands for every interface.
    host: str | None = None
    use_alts_credentials: bool = False
    ssl_config_file: str = ""

    # What to serve: the models, unless a file says it. With a source of one's own both may be empty.
    models: tuple[ModelConfig, ...] = ()
    model_config_file: str = ""
    # Seconds between two readings of model_config_file; 0 or less: it is read once.
    model_config_file_poll_wait_s: float = 0
    # Seconds between looks for versions; 0: once for every configuration, negative: never.
    file_system_poll_wait_s: float = 1
    allow_version_labels_for_unavailable_models: bool = False

    # How versions are loaded.
    num_load_threads: int = 0
    num_unload_threads: int = 0
    retries: RetryOptions = field(default_factory=RetryOptions)
    saved_model_tags: tuple[str, ...] = ("serve",)
    enable_model_warmup: bool = True
    # Above 0: how often each warm-up record is replayed.
    num_request_iterations_for_warmup: int = 0
    # Threads of a session; 0: as many as there are CPUs.
    tensorflow_session_parallelism: int = 0
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
    tensorflow_session_config_file: str = ""
    platform_config_file: str = ""
    thread_pool_factory_config_file: str = ""

    # How requests are answered.
    enable_batching: bool = False
    batching_parameters_file: str = ""
    enable_per_model_batching_parameters: bool = False
    # Whether requests that arrive together run as one, with batching off.
    enable_request_merging: bool = True
    enable_signature_method_name_check: bool = False
    enable_serialization_as_tensor_content: bool = False
    # For a whole REST request, in milliseconds; 0 or less: no limit.
    rest_api_timeout_ms: int = 30000
    rest_api_enable_cors_support: bool = False
    # Requests that run at a time, for each transport.
    rest_api_num_threads: int = 4 * _CPUS
    grpc_max_threads: int = 4 * _CPUS
    # "own", or "grpcio", which alone takes every channel argument, and ALTS.
    grpc_transport: str = "own"
    grpc_channel_arguments: tuple[tuple[str, int | str], ...] = ()
    # Processes that share the ports and hand requests to this one, which has the models; 0: it does it all.
    transport_processes: int = 0
    enable_grpc_healthcheck_service: bool = False
    monitoring_config_file: str = ""
    # What the answers' metadata says was released; empty: nothing.
    release_commit: str = ""

    # Whether the ports open only after every model has a version that is available (else the server does not start).
    wait_for_models: bool = True
    # How long a stop waits for requests in flight, in seconds.
    shutdown_grace_s: float = 10

    @property
    def core(self) -> ServerCoreOptions:
        """Those of ServerCore."""
        return ServerCoreOptions(
            manager=ManagerOptions(self.retries, self.num_load_threads, self.num_unload_threads),
            file_system_poll_wait_s=self.file_system_poll_wait_s,
            allow_version_labels_for_unavailable_models=self.allow_version_labels_for_unavailable_models,
        )


@dataclass(frozen=True)
class ServerCoreOptions:
    """What ServerCore is built with; defaults are upstream's."""

    manager: ManagerOptions = field(default_factory=ManagerOptions)
    file_system_poll_wait_s: float = 1
    allow_version_labels_for_unavailable_models: bool = False


# Flags whose value goes as it is into the field of the same name.
_SAME = (
    "grpc_socket_path",
    "rest_api_port",
    "use_alts_credentials",
    "ssl_config_file",
    "model_config_file",
    "allow_version_labels_for_unavailable_models",
    "num_load_threads",
    "num_unload_threads",
    "enable_model_warmup",
    "num_request_iterations_for_warmup",
    "tensorflow_session_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
    "tensorflow_session_config_file",
    "platform_config_file",
    "thread_pool_factory_config_file",
    "enable_batching",
    "batching_parameters_file",
    "enable_per_model_batching_parameters",
    "enable_request_merging",
    "enable_signature_method_name_check",
    "enable_serialization_as_tensor_content",
    "rest_api_enable_cors_support",
    "rest_api_num_threads",
    "grpc_max_threads",
    "grpc_transport",
    "transport_processes",
    "enable_grpc_healthcheck_service",
    "monitoring_config_file",
    "release_commit",
)


def options_from_flags(values: Mapping[str, Any]) -> ServerOptions:
    """The options that the flags' values (ParsedFlags.values) mean. Reads no file and checks nothing."""
    base_path = values["model_base_path"]
    return ServerOptions(
        **{name: values[name] for name in _SAME},
        grpc_port=values["port"],
        host=values["host"] or None,
        models=(ModelConfig(values["model_name"], base_path),) if base_path else (),
        model_config_file_poll_wait_s=values["model_config_file_poll_wait_seconds"],
        file_system_poll_wait_s=values["file_system_poll_wait_seconds"],
        retries=RetryOptions(values["max_num_load_retries"], values["load_retry_interval_micros"] / 1e6),
        saved_model_tags=tuple(values["saved_model_tags"].split(",")),
        rest_api_timeout_ms=values["rest_api_timeout_in_ms"],
        grpc_channel_arguments=channel_arguments(values["grpc_channel_arguments"]),
        shutdown_grace_s=values["shutdown_grace_seconds"],
    )


def channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """`a=1,b=x` as gRPC takes it, what reads as an int32 as one; an argument without a value is left out.

    Source: TF Serving model_servers/server.cc (parseGrpcChannelArgs) at 2.20.0.
    """
    pairs = (item.split("=") for item in text.split(","))
    return tuple((pair[0], _int32_or_text(pair[1])) for pair in pairs if len(pair) > 1)


def _int32_or_text(text: str) -> int | str:
    try:
        number = int(text)
    except ValueError:
        return text
    return number if -(2**31) <= number < 2**31 and "_" not in text else text
