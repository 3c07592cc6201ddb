"""What can go wrong while serving, each with one neutral code; every transport has one table from code to its own.

* ServingError
  - InvalidArgument      the request does not fit the signature, or a flag or config does not fit the server
  - FailedPrecondition   the request is fine, the state of the server or model is not
  - NotFound             a servable, a file or a version that is not there
  - DataLoss             files that are damaged or are not those of the manifest
  - DeadlineExceeded     no answer within the time allowed
  - Unimplemented        known, and not supported
  - ResourceExhausted    too much is asked for at once
  - Unavailable          try again later
  - Internal             a bug in the server or in the model
  - Unknown              a failure reported by something else, such as a model that did not load

Codes and their names are gRPC's canonical ones: https://grpc.io/docs/guides/status-codes/
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Code(IntEnum):
    """The canonical code of an outcome."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class ServingError(Exception):
    """Base of all: `code` and one sentence. `str(error)` is the sentence, `error.status()` has the code before it."""

    default_code: ClassVar[Code] = Code.UNKNOWN

    def __init__(self, message: str, code: Code | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = self.default_code if code is None else code

    def status(self) -> str:
        """The text as upstream writes a status, e.g. `NOT_FOUND: Servable not found for request: Latest(m)`."""
        return f"{self.code.name}: {self.message}"


class InvalidArgument(ServingError):  # noqa: N818 - the canonical code's name
    """What was asked for does not fit."""

    default_code = Code.INVALID_ARGUMENT


class FailedPrecondition(ServingError):  # noqa: N818
    """The server or the model is not in a state to do it."""

    default_code = Code.FAILED_PRECONDITION


class NotFound(ServingError):  # noqa: N818
    """A servable, a version or a file is not there."""

    default_code = Code.NOT_FOUND


class DataLoss(ServingError):  # noqa: N818
    """Files are damaged, or are not those that the manifest lists."""

    default_code = Code.DATA_LOSS


class DeadlineExceeded(ServingError):  # noqa: N818
    """There was no answer within the time allowed."""

    default_code = Code.DEADLINE_EXCEEDED


class Unimplemented(ServingError):  # noqa: N818
    """Known, and not supported."""

    default_code = Code.UNIMPLEMENTED


class ResourceExhausted(ServingError):  # noqa: N818
    """Too much is asked for at once."""

    default_code = Code.RESOURCE_EXHAUSTED


class Unavailable(ServingError):  # noqa: N818
    """Not now; the same call may succeed later."""

    default_code = Code.UNAVAILABLE


class Internal(ServingError):  # noqa: N818
    """A bug in the server or in the model."""

    default_code = Code.INTERNAL


class Unknown(ServingError):  # noqa: N818
    """A failure that something else reported."""


def from_exception(error: Exception) -> ServingError:
    """The error as a ServingError: itself, or UNKNOWN with the type's name, so that nothing is swallowed."""
    return error if isinstance(error, ServingError) else Unknown(f"{type(error).__name__}: {error}")
