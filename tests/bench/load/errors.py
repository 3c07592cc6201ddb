"""What can be wrong with an answer."""

from __future__ import annotations


class BadAnswer(Exception):  # noqa: N818 - it is an answer, and a bad one
    """The server refused, answered something else, or broke the protocol; the connection can go on unless `fatal`."""

    def __init__(self, message: str, *, fatal: bool = False) -> None:
        super().__init__(message)
        self.fatal = fatal


class WrongNumbers(BadAnswer):
    """The answer is well formed and says something else: such a server is not measured at all."""
