"""`python -m serving --port=8500 --rest_api_port=8501 --model_name=digits --model_base_path=...`.

Reads the flags, runs a server until SIGTERM or SIGINT, and turns the outcome into an exit code. Nothing heavy is
imported before the flags are read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

from serving.errors import ServingError
from serving.flags import parse_flags, report

if TYPE_CHECKING:
    from serving.options import ServerOptions

PROGRAM = "python -m serving"
FAILED = 255


def main(arguments: list[str]) -> int:
    """Runs a server; returns the exit code: 0 after a graceful stop, 255 for bad flags and start-up errors."""
    parsed = parse_flags(arguments)
    if not report(parsed, PROGRAM):
        return FAILED
    if parsed.values["version"]:
        _print_version()
        return 0
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    # A server needs no Keras, and `import tensorflow` loads Keras 3 unless told that the old one is meant: 2 s of 5.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    try:
        asyncio.run(_serve(_options(parsed.values)))
    except ServingError as error:
        print(f"Failed to start server. Error: {error.status()}", flush=True)  # noqa: T201
        return FAILED
    return 0


async def _serve(options: ServerOptions) -> None:
    from serving.server import Server

    server = Server(options)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, server.request_stop)
    await server.serve()


def _options(values: dict[str, Any]) -> ServerOptions:
    """The options that the flags' values mean. Raises ServingError for a model_config_file that cannot be used."""
    from serving.config.model_config import ModelConfig, read_models_config
    from serving.core.loader_harness import RetryOptions
    from serving.options import ServerOptions

    models: tuple[ModelConfig, ...] = ()
    if values["model_config_file"]:
        models = read_models_config(values["model_config_file"])
    elif values["model_base_path"]:
        models = (ModelConfig(values["model_name"], values["model_base_path"]),)
    return ServerOptions(
        grpc_port=values["port"],
        rest_api_port=values["rest_api_port"],
        models=models,
        file_system_poll_wait_s=values["file_system_poll_wait_seconds"],
        retries=RetryOptions(values["max_num_load_retries"], values["load_retry_interval_micros"] / 1e6),
        enable_model_warmup=values["enable_model_warmup"],
        rest_api_timeout_ms=values["rest_api_timeout_in_ms"],
    )


def _print_version() -> None:
    print(f"TensorFlow ModelServer: {metadata.version('tensorflow-serving-api')}-shipway")  # noqa: T201
    print(f"TensorFlow Library: {_tensorflow_version()}")  # noqa: T201


def _tensorflow_version() -> str:
    # The wheel of tensorflow-cpu writes its own name with an underscore.
    installed = {distribution.name.replace("_", "-"): distribution.version for distribution in metadata.distributions()}
    return installed.get("tensorflow-cpu") or installed.get("tensorflow") or "none"


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that is still loading a model must not hold up the end, nor crash in it.
    os._exit(code)
