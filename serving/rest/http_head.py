"""The head of one HTTP/1 request: its line, its headers, and how its body is framed. Parsed by llhttp; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

import httptools

# The length of a body that comes in chunks.
CHUNKED = -1
MAX_HEAD_BYTES = 64 << 10
MAX_HEADERS = 256
_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_REQUEST_LINE = re.compile(rb"[\r\n]*(" + _TOKEN + rb"+) [^\r\n]+ HTTP/\d\.\d\r\n")
# What the beginning of a request may look like; anything else (TLS, bare line feeds) never becomes one.
_BEGINNING = re.compile(rb"(?:\r|" + _TOKEN + rb"+(?: [^\r\n]*(?:\r|\r\n(?:[^\r\n]+\r\n)*[^\r\n]*\r?)?)?)?")


class Refused(Exception):  # noqa: N818 - an outcome
    """A request that HTTP itself does not let through; the connection ends with it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Head:
    """What comes before a request's body.

    Attributes:
      method: One of those that the server knows.
      target: As it was sent.
      headers: Names in lower case.
      length: Of the body in bytes, or CHUNKED.
      keep_alive: Whether the client may send another request.
      minor: Of the version, HTTP/1.<minor>.
      expects_continue: Whether the client waits for `100 Continue` before it sends the body.
    """

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    length: int
    keep_alive: bool
    minor: int
    expects_continue: bool


def parse_head(raw: bytes) -> Head:
    """The head that `raw` is, the empty line at its end included.

    Raises: Refused: 400 malformed, or framed in two ways; 417 an expectation other than 100-continue; 431 too many
      headers; 501 a method or a transfer coding that is not supported; 505 another version than 1.0 and 1.1.
    """
    found = _Found()
    parser = httptools.HttpRequestParser(found)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # the upgrade is not taken; the request is answered as it is
    except httptools.HttpParserError:
        raise Refused(_why_malformed(raw)) from None
    if not found.complete:
        raise Refused(400)
    return _checked(parser, found)


def may_become_head(data: bytes) -> bool:
    """Whether bytes without an empty line may still be the beginning of a request."""
    return _BEGINNING.fullmatch(data) is not None


class _Found:
    """What the parser calls."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True

    def values(self, name: bytes) -> list[bytes]:
        return [value.strip().lower() for key, value in self.headers if key == name]


def _checked(parser: httptools.HttpRequestParser, found: _Found) -> Head:
    method, version = parser.get_method().decode("ascii"), parser.get_http_version()
    if version not in ("1.0", "1.1"):
        raise Refused(505)
    if method not in _METHODS:
        raise Refused(501)
    if len(found.headers) > MAX_HEADERS:
        raise Refused(431)
    minor = int(version[2])
    tokens = {token.strip() for value in found.values(b"connection") for token in value.split(b",")}
    return Head(
        method,
        found.target,
        tuple(found.headers),
        _body_length(found, minor),
        b"close" not in tokens and (minor == 1 or b"keep-alive" in tokens),
        minor,
        _expects_continue(found, minor),
    )


def _body_length(found: _Found, minor: int) -> int:
    lengths, codings = found.values(b"content-length"), found.values(b"transfer-encoding")
    if codings:
        if lengths or minor == 0:
            raise Refused(400)
        if codings != [b"chunked"]:
            raise Refused(501)
        return CHUNKED
    if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
        raise Refused(400)
    return int(lengths[0]) if lengths else 0


def _expects_continue(found: _Found, minor: int) -> bool:
    expected = found.values(b"expect")
    if minor == 0 or not expected:
        return False
    if expected != [b"100-continue"]:
        raise Refused(417)
    return True


def _why_malformed(raw: bytes) -> int:
    """A well-formed line with a method that llhttp does not know is 501, as upstream's libevent has it."""
    line = _REQUEST_LINE.match(raw)
    return 501 if line and line[1].decode("ascii") not in _METHODS else 400
