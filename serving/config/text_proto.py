"""Reading configuration files in protobuf's text format, with the errors of TensorFlow Serving."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeVar

from serving.errors import Code, InvalidArgument, NotFound, ServingError

T = TypeVar("T")


def read_text_proto(path: str, message: T) -> T:
    """Fills the message from a file.

    Raises: NotFound `<path>; No such file or directory`; InvalidArgument `Invalid protobuf file: '<path>'`, after one
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
    reason = parse_text_proto(content, message)
    if reason is None:
        return message
    name = getattr(message, "DESCRIPTOR").full_name  # noqa: B009 - generated messages have no type here
    print(f"Error parsing text-format {name}: {reason}", file=sys.stderr, flush=True)  # noqa: T201
    raise InvalidArgument(f"Invalid protobuf file: '{path}'")


def parse_text_proto(content: bytes, message: Any) -> str | None:
    """Fills the message; returns `<line>:<column>: <reason>` if the content is no such message, both from 1."""
    from google.protobuf import text_format

    from serving.config.text_proto_error import cpp_reason

    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        return f"{before.count(10) + 1}:{column}: Invalid control characters encountered in text."
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        return cpp_reason(error)
    except Exception as error:  # noqa: BLE001 - garbage must not end the server with a traceback
        return f"1:1: {error}"
    return None
