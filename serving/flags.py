"""The command line: TensorFlow Serving's flags, parsed and refused as it does. Imports nothing heavy.

Source: tsl/util/command_line_flags.cc, TF Serving model_servers/main.cc at 2.20.0.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOOLS = {"true": True, "1": True, "false": False, "0": False}
_BITS = {"int32": 31, "int64": 63}
_CPUS = os.cpu_count() or 1
_IGNORED = "Accepted and ignored:"
_OWN = "Shipway's own."


@dataclass(frozen=True)
class Flag:
    """One flag; with `ignored` it is parsed and checked, and its value changes nothing here: say why in `help`."""

    name: str
    type: str
    default: Any
    help: str

    @property
    def ignored(self) -> bool:
        """Whether its value changes nothing."""
        return self.help.startswith(_IGNORED)


@dataclass
class ParsedFlags:
    """The values by name, and what there is to say about the arguments."""

    values: dict[str, Any]
    errors: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)

    @property
    def help(self) -> bool:
        """Whether only the usage is asked for: the first argument that is no flag is `--help`."""
        return self.unknown[:1] == ["--help"]


def _int32(name: str, default: int, text: str) -> Flag:
    return Flag(name, "int32", default, text)


def _int64(name: str, default: int, text: str) -> Flag:
    return Flag(name, "int64", default, text)


def _string(name: str, default: str, text: str) -> Flag:
    return Flag(name, "string", default, text)


def _off(name: str, text: str) -> Flag:
    return Flag(name, "bool", default=False, help=text)


def _on(name: str, text: str) -> Flag:
    return Flag(name, "bool", default=True, help=text)


# In upstream's order.
FLAGS: tuple[Flag, ...] = (
    _int32("port", 8500, "Port for gRPC; 0: none."),
    _string("grpc_socket_path", "", "Path of a UNIX socket for gRPC, beside the port."),
    _int32("rest_api_port", 0, "Port for REST, not that of gRPC; 0: none."),
    _int32("rest_api_num_threads", 4 * _CPUS, "How many REST requests run at a time."),
    _int32("rest_api_timeout_in_ms", 30000, "Milliseconds that a REST request may take; 0 or less: no limit."),
    _off("rest_api_enable_cors_support", "Let every website ask by REST."),
    _off("enable_batching", "Run requests that arrive together as one batch."),
    _off(
        "allow_version_labels_for_unavailable_models",
        "Let an unused version label stand for a version that is not available yet.",
    ),
    _string("batching_parameters_file", "", "BatchingParameters in text format; needs --enable_batching."),
    _off(
        "enable_per_model_batching_parameters",
        "Read batching_params.pbtxt from each version's folder; versions without one are not batched.",
    ),
    _string(
        "model_config_file",
        "",
        "ModelServerConfig in text format: what to serve, in place of one model by name and path.",
    ),
    _int32("model_config_file_poll_wait_seconds", 0, "Seconds between readings of that file; 0 or less: once."),
    _string("model_name", "default", "Name of the model; ignored with --model_config_file."),
    _string("model_base_path", "", "Folder with a folder per version; ignored with --model_config_file."),
    _int32(
        "num_load_threads", 0, "Versions loaded at a time, after the first ones; 0: one, before anything else goes on."
    ),
    _int32("num_unload_threads", 0, "Versions unloaded at a time; 0: one."),
    _int32("max_num_load_retries", 5, "How often a failed load is tried again."),
    _int64("load_retry_interval_micros", 60_000_000, "Microseconds between two tries; negative: none."),
    _int32("file_system_poll_wait_seconds", 1, "Seconds between looks for versions; 0: one look, negative: none."),
    _on("flush_filesystem_caches", f"{_IGNORED} files are read without a cache of the server's own."),
    _int64(
        "tensorflow_session_parallelism", 0, "Threads of a session, within and between operations; 0: as many as CPUs."
    ),
    _string("tensorflow_session_config_file", "", "ConfigProto in text format for every session."),
    _int64("tensorflow_intra_op_parallelism", 0, "Threads of a session within an operation; 0: as many as CPUs."),
    _int64("tensorflow_inter_op_parallelism", 0, "Threads of a session between operations; 0: as many as CPUs."),
    _off("use_alts_credentials", "Google's ALTS for gRPC; needs --grpc_transport=grpcio, and not --ssl_config_file."),
    _string("ssl_config_file", "", "SSLConfig in text format: TLS for gRPC; the keys themselves, not their paths."),
    _string("platform_config_file", "", "Refused unless it is empty: the flags say what it would."),
    Flag("per_process_gpu_memory_fraction", "float", 0.0, f"{_IGNORED} it concerns GPUs."),
    _string("saved_model_tags", "serve", "Tags of the meta graph to load, with commas between."),
    _string(
        "grpc_channel_arguments",
        "",
        "Arguments of gRPC core, name=value with commas between; --grpc_transport=own takes those that are limits.",
    ),
    _int32("grpc_max_threads", 4 * _CPUS, "How many gRPC requests run at a time."),
    _on("enable_model_warmup", "Replay a version's recorded requests before it becomes available."),
    _int32("num_request_iterations_for_warmup", 0, "Above 0: how often each recorded request is replayed."),
    _off("version", "Show the version and end."),
    _string("monitoring_config_file", "", "MonitoringConfig in text format: metrics for Prometheus on the REST port."),
    _on(
        "remove_unused_fields_from_bundle_metagraph",
        f"{_IGNORED} of a loaded meta graph only its signatures are kept.",
    ),
    _off("prefer_tflite_model", f"{_IGNORED} saved_model.pb is served, model.tflite is not."),
    _int32("num_tflite_pools", _CPUS, f"{_IGNORED} it concerns model.tflite."),
    _int32("num_tflite_interpreters_per_pool", 1, f"{_IGNORED} it concerns model.tflite."),
    _off("enable_signature_method_name_check", "Refuse requests that a signature's method name is not for."),
    _off("xla_cpu_compilation_enabled", f"{_IGNORED} models run with what their graphs say of XLA."),
    _off("xla_gpu_compilation_enabled", f"{_IGNORED} it concerns GPUs."),
    _on("enable_profiler", f"{_IGNORED} there is no ProfilerService."),
    _string(
        "thread_pool_factory_config_file", "", "Refused unless it is empty: there are no factories of thread pools."
    ),
    _string("mixed_precision", "", f"{_IGNORED} models run with the precision they were saved with."),
    _off("skip_initialize_tpu", f"{_IGNORED} it concerns TPUs."),
    _off("enable_grpc_healthcheck_service", "Answer grpc.health.v1.Health."),
    _off("enable_serialization_as_tensor_content", "Put the values of a Predict answer into tensor_content."),
    _string("host", "", f"{_OWN} Address to listen on; empty: all."),
    _int32("shutdown_grace_seconds", 10, f"{_OWN} How long a stop waits for requests in flight."),
    _string("release_commit", "", f"{_OWN} What was released; part of every answer's metadata."),
    _string("grpc_transport", "own", f"{_OWN} own: the fast one; grpcio: Google's library."),
    _int32(
        "transport_processes",
        0,
        f"{_OWN} Processes that share the ports and do the protocol work for this one; 0: this one does it itself.",
    ),
    _on("enable_request_merging", f"{_OWN} Run requests that arrive in the same moment as one, without delay."),
)


def parse_flags(arguments: Sequence[str], flags: Sequence[Flag] = FLAGS) -> ParsedFlags:
    """Reads `--name=value`; the last of repeats wins. Never raises: `errors` says what could not be read.

    Nothing after a bare `--` is a flag.
    """
    known = {flag.name: flag for flag in flags}
    parsed = ParsedFlags({flag.name: flag.default for flag in flags})
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    for argument in arguments[:end]:
        name, equals, text = argument.removeprefix("--").partition("=")
        flag = known.get(name) if argument.startswith("--") else None
        if flag is None or (not equals and flag.type != "bool"):
            parsed.unknown.append(argument)
        else:
            _set(parsed, flag, text if equals else "true")
    parsed.unknown += arguments[end:]
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
    if flag.ignored and flag.name not in parsed.ignored and parsed.values[flag.name] != flag.default:
        parsed.ignored.append(flag.name)


def _value(kind: str, text: str) -> Any:
    if kind == "bool":
        return _BOOLS[text.lower()]
    if kind == "string":
        return text
    if kind == "float":
        if text != text.rstrip() or "_" in text:
            raise ValueError(text)
        return float(text)
    if not re.fullmatch(r"\s*[+-]?[0-9]+", text, re.ASCII):
        raise ValueError(text)
    number = int(text)
    if not -(2 ** _BITS[kind]) <= number < 2 ** _BITS[kind]:
        raise ValueError(text)
    return number


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:f}"
    return f'"{default}"' if isinstance(default, str) else str(default)


def report(parsed: ParsedFlags, program: str) -> bool:
    """Prints what there is to say, where upstream prints it; False when the server must not start."""
    for error in parsed.errors:
        print(error, file=sys.stderr)  # noqa: T201
    if parsed.errors or parsed.help:
        print(usage(program), end="", flush=True)  # noqa: T201
        return False
    if parsed.unknown:
        print(f"unknown argument: {parsed.unknown[0]}\n{usage(program)}", end="", flush=True)  # noqa: T201
    for name in parsed.ignored:
        print(f"warning: --{name} is not supported by this server and is ignored", file=sys.stderr)  # noqa: T201
    return True
