"""The tokens of protobuf's text format, with the places and errors of the C++ tokenizer. Pure.

Source: protobuf io/tokenizer.cc at 5.28, which TensorFlow 2.20 is built with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAB = 8
_SKIPPED = re.compile(rb"(?:[ \t\r\n\v\f]|#[^\n]*)+")
_TOKENS = re.compile(
    rb"(?P<identifier>[A-Za-z_]\w*)"
    rb"|(?P<float>(?:\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?|\d+(?:[eE][+-]?\d+[fF]?|[fF]))"
    rb"|(?P<integer>0[xX][0-9a-fA-F]+|\d+)"
    rb"|(?P<string>\"(?:[^\"\\\n]|\\[^\n])*\"|'(?:[^'\\\n]|\\[^\n])*')"
    rb"|(?P<open>\"(?:[^\"\\\n]|\\[^\n])*|'(?:[^'\\\n]|\\[^\n])*)"
    rb"|(?P<symbol>[^\x00-\x20])"
    rb"|(?P<control>[\x00-\x20]+)",
    re.ASCII,
)


@dataclass(frozen=True)
class Token:
    """`kind` is a group's name above or `end`; line and column count from 1, a tab to the next multiple of 8."""

    kind: str
    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Complaint:
    """What is wrong, and where."""

    line: int
    column: int
    reason: str

    def __str__(self) -> str:
        """As it stands behind the type's name."""
        return f"{self.line}:{self.column}: {self.reason}"


def tokenize(content: bytes) -> tuple[list[Token], dict[int, Complaint]]:
    """All tokens, the last of kind `end`; and complaints by index of the token that was being read."""
    tokens: list[Token] = []
    complaints: dict[int, Complaint] = {}
    at = _skip(content, 0)
    while at < len(content):
        match = _TOKENS.match(content, at)
        assert match
        kind, text = str(match.lastgroup), match[0].decode("utf-8", "replace")
        line, column = _place(content, at)
        if kind == "open":
            reason = "String literals cannot cross line boundaries." if match.end() < len(content) else None
            complaints[len(tokens)] = Complaint(*_place(content, match.end()), reason or "Unexpected end of string.")
            kind = "string"
        elif kind == "control":
            complaints[len(tokens)] = Complaint(line, column, "Invalid control characters encountered in text.")
        elif match[0][0] >= 0x80:  # noqa: PLR2004 - not ASCII
            complaints[len(tokens)] = Complaint(line, column, f"Interpreting non ascii codepoint {match[0][0]}.")
        if kind != "control":
            tokens.append(Token(kind, text, line, column))
        at = _skip(content, match.end())
    return [*tokens, Token("end", "", *_place(content, at))], complaints


def _skip(content: bytes, at: int) -> int:
    match = _SKIPPED.match(content, at)
    return match.end() if match else at


def _place(content: bytes, at: int) -> tuple[int, int]:
    start = content.rfind(b"\n", 0, at) + 1
    column = 0
    for byte in content[start:at]:
        column += _TAB - column % _TAB if byte == ord("\t") else 1
    return content.count(b"\n", 0, at) + 1, column + 1
