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
from typing import TYPE_CHECKING

from serving import event_loop, interpreter
from serving.errors import ServingError
from serving.flags import parse_flags, report
from serving.options import options_from_flags
from serving.servables import tensorflow_light

if TYPE_CHECKING:
    from serving.options import ServerOptions

PROGRAM = "python -m serving"
FAILED = 255
_STDERR = 2


def main(arguments: list[str]) -> int:
    """Runs a server; returns the exit code: 0 after a graceful stop, 255 for bad flags and start-up errors."""
    parsed = parse_flags(arguments)
    if parsed.values["version"] and not (parsed.errors or parsed.help):
        _print_version()
        return 0
    if not report(parsed, PROGRAM):
        return FAILED
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    tensorflow_light.preload()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    try:
        event_loop.run(_serve(options_from_flags(parsed.values)))
    except ServingError as error:
        print(f"Failed to start server. Error: {error.status()}", flush=True)  # noqa: T201
        return FAILED
    return 0


async def _serve(options: ServerOptions) -> None:
    from serving.server import Server

    tensorflow_light.use()
    server = Server(options)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, server.request_stop)
    await server.serve(interpreter.settle)


def _print_version() -> None:
    print(f"TensorFlow ModelServer: {metadata.version('tensorflow-serving-api')}-shipway")  # noqa: T201
    print(f"TensorFlow Library: {_tensorflow_version()}")  # noqa: T201


def _tensorflow_version() -> str:
    # The wheel of tensorflow-cpu writes its own name with an underscore.
    installed = {distribution.name.replace("_", "-"): distribution.version for distribution in metadata.distributions()}
    return installed.get("tensorflow-cpu") or installed.get("tensorflow") or "none"


def _open_standard_streams() -> None:
    """A closed one's number would go to the next socket, which TensorFlow's log would then be written into."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(opened)


if __name__ == "__main__":
    _open_standard_streams()
    code = main(sys.argv[1:])
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: it was closed
        stream.flush()
    # A thread that is still loading a model must not hold up the end, nor crash in it.
    os._exit(code)
