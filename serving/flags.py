"""The command line: TensorFlow Serving's flags, parsed and refused as it does. Imports nothing heavy.

Source: tsl/util/command_line_flags.cc, TF Serving model_servers/main.cc at 2.20.0.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOOLS = {"true": True, "1": True, "false": False, "0": False}
_BITS = {"int32": 31, "int64": 63}


@dataclass(frozen=True)
class Flag:
    """One flag; `supported` False: it is known, parsed, and has no effect here yet."""

    name: str
    type: str
    default: Any
    help: str
    supported: bool = True


@dataclass
class ParsedFlags:
    """The values by name, and what there is to say about the arguments."""

    values: dict[str, Any]
    errors: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    help: bool = False


def _later(name: str, kind: str, *, default: Any) -> Flag:
    return Flag(name, kind, default, "Accepted, without effect in this server.", supported=False)


FLAGS: tuple[Flag, ...] = (
    Flag("port", "int32", 8500, "TCP port to listen on for gRPC API."),
    _later("grpc_socket_path", "string", default=""),
    Flag("rest_api_port", "int32", 0, "Port to listen on for HTTP/REST API. If set to zero it is not exported."),
    _later("rest_api_num_threads", "int32", default=0),
    Flag("rest_api_timeout_in_ms", "int32", 30000, "Timeout for HTTP/REST API calls."),
    _later("rest_api_enable_cors_support", "bool", default=False),
    _later("grpc_max_threads", "int32", default=0),
    _later("grpc_channel_arguments", "string", default=""),
    Flag("model_name", "string", "default", "Name of the model; ignored with model_config_file."),
    Flag("model_base_path", "string", "", "Folder of the model's versions; ignored with model_config_file."),
    Flag("model_config_file", "string", "", "ModelServerConfig in protobuf's text format, to serve several models."),
    _later("model_config_file_poll_wait_seconds", "int32", default=0),
    Flag("file_system_poll_wait_seconds", "int32", 1, "Seconds between looks for versions; 0: once, negative: never."),
    _later("num_load_threads", "int32", default=0),
    _later("num_unload_threads", "int32", default=0),
    Flag("max_num_load_retries", "int32", 5, "How often a failed load is tried again."),
    Flag("load_retry_interval_micros", "int64", 60_000_000, "Microseconds between two tries; negative: none."),
    _later("flush_filesystem_caches", "bool", default=True),
    _later("enable_batching", "bool", default=False),
    _later("batching_parameters_file", "string", default=""),
    _later("enable_per_model_batching_parameters", "bool", default=False),
    _later("allow_version_labels_for_unavailable_models", "bool", default=False),
    Flag(
        "enable_model_warmup",
        "bool",
        default=True,
        help="Replay assets.extra/tf_serving_warmup_requests before AVAILABLE.",
    ),
    _later("num_request_iterations_for_warmup", "int32", default=0),
    _later("monitoring_config_file", "string", default=""),
    _later("ssl_config_file", "string", default=""),
    _later("use_alts_credentials", "bool", default=False),
    _later("enable_grpc_healthcheck_service", "bool", default=False),
    _later("enable_serialization_as_tensor_content", "bool", default=False),
    _later("enable_signature_method_name_check", "bool", default=False),
    _later("saved_model_tags", "string", default="serve"),
    _later("prefer_tflite_model", "bool", default=False),
    _later("num_tflite_pools", "int32", default=1),
    _later("num_tflite_interpreters_per_pool", "int32", default=1),
    _later("tensorflow_session_parallelism", "int64", default=0),
    _later("tensorflow_intra_op_parallelism", "int64", default=0),
    _later("tensorflow_inter_op_parallelism", "int64", default=0),
    _later("tensorflow_session_config_file", "string", default=""),
    _later("platform_config_file", "string", default=""),
    _later("thread_pool_factory_config_file", "string", default=""),
    _later("per_process_gpu_memory_fraction", "float", default=0.0),
    _later("remove_unused_fields_from_bundle_metagraph", "bool", default=True),
    _later("xla_cpu_compilation_enabled", "bool", default=False),
    _later("xla_gpu_compilation_enabled", "bool", default=False),
    _later("mixed_precision", "string", default=""),
    _later("skip_initialize_tpu", "bool", default=False),
    _later("enable_profiler", "bool", default=True),
    Flag("version", "bool", default=False, help="Display version."),
)


def parse_flags(arguments: Sequence[str], flags: Sequence[Flag] = FLAGS) -> ParsedFlags:
    """Reads `--name=value`; the last of repeats wins. Never raises: `errors` says what could not be read."""
    known = {flag.name: flag for flag in flags}
    parsed = ParsedFlags({flag.name: flag.default for flag in flags})
    for argument in arguments:
        name, equals, text = argument.removeprefix("--").partition("=")
        flag = known.get(name) if argument.startswith("--") else None
        if argument == "--help":
            parsed.help = True
        elif flag is None or (not equals and flag.type != "bool"):
            parsed.unknown.append(argument)
        else:
            _set(parsed, flag, text if equals else "true")
    return parsed


def usage(program: str, flags: Sequence[Flag] = FLAGS) -> str:
    """What `--help` prints."""
    lines = (f"\t{'--' + f.name + '=' + _shown(f.default):<33}\t{f.type}\t{f.help}\n" for f in flags)
    return f"usage: {program}\nFlags:\n{''.join(lines)}"


def _set(parsed: ParsedFlags, flag: Flag, text: str) -> None:
    try:
        parsed.values[flag.name] = _value(flag.type, text)
    except (ValueError, KeyError):
        parsed.errors.append(f"Couldn't interpret value {text} for flag {flag.name}.")
        return
    if not flag.supported and flag.name not in parsed.unsupported:
        parsed.unsupported.append(flag.name)


def _value(kind: str, text: str) -> Any:
    if kind == "bool":
        return _BOOLS[text.lower()]
    if kind == "float":
        return float(text)
    if kind == "string":
        return text
    if not re.fullmatch(r"\s*[+-]?[0-9]+", text, re.ASCII):
        raise ValueError(text)
    number = int(text)
    if not -(2 ** _BITS[kind]) <= number < 2 ** _BITS[kind]:
        raise ValueError(text)
    return number


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f'"{default}"' if isinstance(default, str) else str(default)


def report(parsed: ParsedFlags, program: str) -> bool:
    """Prints what there is to say, where upstream prints it; False when the server must not start."""
    for error in parsed.errors:
        print(error, file=sys.stderr)  # noqa: T201
    if parsed.errors or parsed.help:
        print(usage(program), end="")  # noqa: T201
        return False
    if parsed.unknown:
        print(f"unknown argument: {parsed.unknown[0]}\n{usage(program)}", end="")  # noqa: T201
    for name in parsed.unsupported:
        print(f"warning: --{name} is not supported by this server and is ignored", file=sys.stderr)  # noqa: T201
    return True
