"""ExactBody: a body read as upstream reads it, value by value: the way for whatever simdjson is not sure of.

Each value becomes an object of Python's, and what is malformed is walked byte by byte, so a small body is read here
and a large one in a process of its own (rest/body_process.py), which nobody else waits for and which can be ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from serving.rest.json_document import as_object, signature_name
from serving.rest.json_examples import examples_from_json
from serving.rest.json_reader import read, scan
from serving.rest.json_tensor import inputs_from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Read here, whatever it is: 0.6 s at worst.
_ANY_BYTES = 64 << 10
# Read here if Python's own scanner, in C, takes it: 50 ms.
_SCANNED_BYTES = 1 << 20
# `[1,1,...]`: two bytes of text are a float of 24 bytes and a pointer of 8.
MEMORY_FACTOR = 16


class ExactBody(Protocol):
    """One parsed body.

    Attributes:
      signature_name: What the body names; empty if it names none.
    """

    signature_name: str

    def inputs(self, dtypes: Mapping[str, str]) -> tuple[bool, dict[str, NDArray[Any]]]:
        """As inputs_from_json."""

    def examples(self) -> list[bytes]:
        """As examples_from_json."""


class ParsedBody:
    """The ExactBody of a document that is here."""

    def __init__(self, document: Any) -> None:
        """Raises InvalidArgument for what is no object, or names its signature wrongly."""
        self._document = as_object(document)
        self.signature_name = signature_name(self._document)

    def inputs(self, dtypes: Mapping[str, str]) -> tuple[bool, dict[str, NDArray[Any]]]:
        """As inputs_from_json."""
        return inputs_from_json(self._document, dtypes)

    def examples(self) -> list[bytes]:
        """As examples_from_json."""
        return examples_from_json(self._document)


def exact_body(body: bytes, timeout_s: float | None = None) -> ExactBody:
    """Parses a body; blocks.

    Args:
      timeout_s: How long a large one may take, until its inputs are asked for; None: for ever.
    Raises: InvalidArgument in upstream's words; DeadlineExceeded.
    """
    if len(body) <= _ANY_BYTES:
        return ParsedBody(read(body))
    if len(body) <= _SCANNED_BYTES and (scanned := scan(body)):
        return ParsedBody(scanned[0])
    from serving.rest.body_process import BodyProcess

    return BodyProcess(body, timeout_s)
