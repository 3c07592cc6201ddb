"""An HttpResponse as bytes, and libevent's page for what the handler never sees."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from serving.exchange import HttpResponse

_REASONS = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request"}
_CLOSE, _KEEP_ALIVE = b"Connection: close\r\n", b"Connection: keep-alive\r\n"
_MAX_CACHED = 512
_lines: dict[tuple[int, tuple[tuple[bytes, bytes], ...]], bytes] = {}
_date = (0, b"")


def encoded(response: HttpResponse, *, minor: int, keep_alive: bool) -> bytes:
    """The status line and the headers, the empty line included; the body follows them.

    Args:
      minor: The version of the request, HTTP/1.<minor>.
      keep_alive: Whether the connection stays open.
    """
    lines = _lines_of(response.status, tuple(response.headers))
    connection = _CLOSE if not keep_alive else b"" if minor else _KEEP_ALIVE
    return b"%s%sContent-Length: %d\r\n%s\r\n" % (lines, _date_line(), len(response.body), connection)


def page(status: int) -> HttpResponse:
    """The page of libevent 2.1.12, upstream's HTTP layer."""
    reason = _REASONS[status]
    html = f"<HTML><HEAD>\n<TITLE>{status} {reason}</TITLE>\n</HEAD><BODY>\n<H1>{reason}</H1>\n</BODY></HTML>\n"
    return HttpResponse(status, ((b"Content-Type", b"text/html"),), html.encode())


def _lines_of(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    lines = _lines.get((status, headers))
    if lines is None:
        named = b"".join(b"%s: %s\r\n" % (name, _one_line(value)) for name, value in headers)
        lines = f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n".encode() + named
        if len(_lines) >= _MAX_CACHED:
            _lines.clear()
        _lines[status, headers] = lines
    return lines


def _one_line(value: bytes) -> bytes:
    return value.replace(b"\r", b" ").replace(b"\n", b" ")


def _date_line() -> bytes:
    """RFC 9110 asks for it; it is made once a second."""
    global _date  # noqa: PLW0603
    now = int(time.time())
    if now != _date[0]:
        _date = (now, f"Date: {formatdate(now, usegmt=True)}\r\n".encode())
    return _date[1]
