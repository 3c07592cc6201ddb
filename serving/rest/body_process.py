"""BodyProcess: a large body in a process of its own: with its own interpreter lock, and ended when its time is up.

Messages are pickles on the process's standard streams: the body there, whether it could be read back; then what is
asked of it there, and that or the error back.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from serving.errors import Code, DeadlineExceeded, Internal, ServingError
from serving.rest.exact_body import ParsedBody
from serving.rest.json_reader import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

# Its folder may be on this process's path for a reason that the new process does not know.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from serving.rest.body_process import main; main(float(sys.argv[2]))"
)
_ROOT = str(Path(__file__).parents[2])
_NICENESS = 10


class BodyProcess:
    """The ExactBody of a document that is there; the process ends with this object, or when its inputs are here."""

    def __init__(self, body: bytes, timeout_s: float | None) -> None:
        """Blocks until it is read. Raises InvalidArgument in upstream's words; DeadlineExceeded, Internal."""
        command = [sys.executable, "-c", _PROGRAM, _ROOT, str(timeout_s or 0)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._end = weakref.finalize(self, _end, self._process)
        self.signature_name: str = self._ask(body)

    def inputs(self, dtypes: Mapping[str, str]) -> tuple[bool, dict[str, NDArray[Any]]]:
        """As inputs_from_json; blocks."""
        row_form, tensors = self._ask(("inputs", dict(dtypes)))
        self._end()
        return row_form, tensors

    def examples(self) -> list[bytes]:
        """As examples_from_json; blocks."""
        examples: list[bytes] = self._ask(("examples",))
        self._end()
        return examples

    def _ask(self, message: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        try:
            pickle.dump(message, self._process.stdin, pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            value, error = pickle.load(self._process.stdout)  # noqa: S301 - our own process
        except (EOFError, OSError, pickle.UnpicklingError):
            self._end()
            raise self._ended() from None
        if error:
            raise ServingError(error[1], Code(error[0]))
        return value

    def _ended(self) -> ServingError:
        if self._process.returncode == -signal.SIGALRM:
            return DeadlineExceeded("Timed out waiting for notification")
        return Internal("The process that read the request's body ended; try again with a smaller body.")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:  # closes its streams, and waits
        pass


def main(timeout_s: float) -> None:
    """The process's own side; 0: no limit."""
    # Ends it, whatever it is at: the server may be gone by then.
    signal.setitimer(signal.ITIMER_REAL, timeout_s)
    os.nice(_NICENESS)  # those that answer requests go first
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    parsed: list[ParsedBody] = []

    def parse() -> str:
        parsed.append(ParsedBody(read(pickle.load(source))))  # noqa: S301 - from our own process
        return parsed[0].signature_name

    def answer() -> Any:
        kind, *arguments = pickle.load(source)  # noqa: S301
        if kind == "examples":
            from serving.servables import tensorflow_light

            tensorflow_light.use()
        return getattr(parsed[0], kind)(*arguments)

    try:
        if _reply(sink, parse):
            _reply(sink, answer)
    except EOFError:
        pass  # nobody asks any more


def _reply(sink: BinaryIO, work: Callable[[], Any]) -> bool:
    """Sends what `work` gives, or its error; False for an error."""
    message: tuple[Any, tuple[int, str] | None]
    try:
        message = (work(), None)
    except ServingError as error:
        message = (None, (error.code.value, error.message))
    except MemoryError:
        message = (None, (Code.RESOURCE_EXHAUSTED.value, "The request's body takes more memory than there is."))
    pickle.dump(message, sink, pickle.HIGHEST_PROTOCOL)
    sink.flush()
    return message[1] is None
