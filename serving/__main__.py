"""`python -m serving --port=8500 --rest_api_port=8501 --model_name=digits --model_base_path=...`.

Reads the flags, runs a server until SIGTERM or SIGINT, and turns the outcome into an exit code. Nothing heavy is
imported before the flags are read.
"""

# ruff: noqa: E402 -- signals are to be taken before the imports, which last

from __future__ import annotations

import os
import signal

STOPS = (signal.SIGINT, signal.SIGTERM)
if __name__ == "__main__":
    # While the rest is imported there is nothing to finish. Untaken, SIGINT would leave a traceback, and neither signal
    # would end the first process of a container.
    for stop in STOPS:
        signal.signal(stop, lambda *_: os._exit(0))

import asyncio
import contextlib
import logging
import sys
from importlib import metadata
from typing import TYPE_CHECKING, NoReturn

from serving import event_loop, interpreter
from serving.errors import ServingError
from serving.flags import parse_flags, report
from serving.options import options_from_flags
from serving.servables import tensorflow_light

if TYPE_CHECKING:
    from serving.options import ServerOptions

PROGRAM = "python -m serving"
FAILED = 255
# What shells add to a signal's number for a process that it has ended.
_SIGNALLED = 128
_STDERR = 2
log = logging.getLogger(__name__)


def main(arguments: list[str]) -> NoReturn:
    """Runs a server and ends the process: with 0 after a graceful stop, 255 for bad flags and start-up errors."""
    parsed = parse_flags(arguments)
    if parsed.values["version"] and not (parsed.errors or parsed.help):
        _print_version()
        _end(0)
    if not report(parsed, PROGRAM):
        _end(FAILED)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    tensorflow_light.preload()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    _run(options_from_flags(parsed.values))


def _run(options: ServerOptions) -> NoReturn:
    # Nobody closes it: that would wait for the threads of its executor, of which one may be busy for long.
    loop = event_loop.new()
    try:
        loop.run_until_complete(_serve(options))
    except ServingError as error:
        print(f"Failed to start server. Error: {error.status()}", flush=True)  # noqa: T201
        _end(FAILED)
    except Exception:
        log.exception("the server broke")
        _end(1)
    _end(0)


async def _serve(options: ServerOptions) -> None:
    from serving.server import Server

    tensorflow_light.use()
    server = Server(options)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for signum in STOPS:
            loop.remove_signal_handler(signum)
            # Not by the loop, which may be what is stuck.
            signal.signal(signum, lambda number, _: os._exit(_SIGNALLED + number))
        server.request_stop()

    for signum in STOPS:
        loop.add_signal_handler(signum, stop)
    await server.serve(interpreter.settle)


def _end(code: int) -> NoReturn:
    """At once, whatever other threads do.

    A thread inside TensorFlow, which may be running a loop without end or loading a model, cannot be ended, nor one of
    an executor, which Python would wait for; and what they use must not be taken down under them.
    """
    logging.shutdown()
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: it was closed
        with contextlib.suppress(OSError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


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
    main(sys.argv[1:])
