"""Reading configuration files in protobuf's text format, with the errors of TensorFlow Serving."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, TypeVar

from serving.errors import Code, InvalidArgument, NotFound, ServingError

T = TypeVar("T")
# How Python's parser begins its reasons; it refuses a little that the C++ parser takes.
_PLACE = re.compile(r"^(\d+):(\d+) : ('.*?': )?", re.DOTALL)

# How Python says that bytes of the file, or escapes in it, are no text; nobody who wrote the file knows Python.
_CODEC = "'utf-8' codec can't "


def read_text_proto(path: str, message: T) -> T:
    """Fills the message from a file.

    Raises: NotFound `<path>; No such file or directory`; InvalidArgument `Invalid protobuf file: '<path>'`, after a
      line on stderr with place and reason, which the C++ parser itself writes there and the status does not carry.
    Source: TF Serving model_servers/server.cc (ParseProtoTextFile), tensorflow's POSIX file system at 2.20.0.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{path}; {error.strerror}") from None
    except PermissionError as error:
        raise ServingError(f"{path}; {error.strerror}", Code.PERMISSION_DENIED) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ServingError(f"{path}; {reason}", Code.FAILED_PRECONDITION) from None
    reasons = parse_text_proto(content, message)
    if not reasons:
        return message
    name = getattr(message, "DESCRIPTOR").full_name  # noqa: B009 - generated messages have no type here
    for text in reasons:
        print(f"Error parsing text-format {name}: {text}", file=sys.stderr, flush=True)  # noqa: T201
    raise InvalidArgument(f"Invalid protobuf file: '{path}'")


def parse_text_proto(content: bytes, message: Any) -> list[str]:
    """Fills the message; returns why not, each reason as `<line>:<column>: <reason>`, both from 1; empty if it did."""
    from google.protobuf import text_format

    from serving.config.text_proto_error import complaints

    try:
        text_format.Parse(content.decode("utf-8", "surrogateescape"), message)
    except Exception as error:  # noqa: BLE001 - garbage must not end the server with a traceback
        return complaints(content, message.DESCRIPTOR) or [_python_reason(error)]
    return []


def _python_reason(error: Exception) -> str:
    text = str(error)
    place = _PLACE.match(text)
    reason = "String is not valid UTF-8." if _CODEC in text else text[place.end() if place else 0 :]
    return f"{place[1]}:{place[2]}: {reason}" if place else f"1:1: {reason}"
