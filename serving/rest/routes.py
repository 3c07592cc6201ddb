"""What the URL of a request under /v1/ means. Pure.

Source: TF Serving model_servers/http_rest_api_util.cc at 2.20.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from serving.core.servable_id import MAX_VERSION
from serving.errors import InvalidArgument

_VERSION = rb"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_INFER = re.compile(rb"/v1/models/(?P<name>[^/:]+)" + _VERSION + rb":(?P<verb>classify|regress|predict)", re.IGNORECASE)
_LOOK = re.compile(rb"/v1/models(?:/(?P<name>[^/:]+))?" + _VERSION + rb"(?P<metadata>/metadata)?", re.IGNORECASE)
# What libevent's evhttp_uri_parse takes; absolute form, then path, query and fragment.
_URI = re.compile(
    rb"(?:https?://[^/?#]*)?(?=[/?#])((?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)"
    rb"((?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?(?:#.*)?)",
    re.IGNORECASE,
)
_VERBS = {b"predict", b"classify", b"regress"}
STATUS, METADATA = "status", "metadata"


class EmptyBody(InvalidArgument):
    """Refused, and the message is lost."""


@dataclass(frozen=True)
class Route:
    """What is asked: `verb` predict, classify, regress, status or metadata; of which model."""

    verb: str
    model: str
    version: int | None
    label: str | None


@lru_cache(512)
def split_target(target: bytes) -> tuple[bytes, bytes] | None:
    """The path of a request's target, still encoded, and what follows it; None if it is no URI."""
    match = _URI.fullmatch(target)
    return (match[1] or b"/", match[2]) if match else None


@lru_cache(512)
def route(method: str, target: bytes) -> Route:
    """What a request asks for; a query string is part of the path.

    Raises: InvalidArgument in upstream's words; EmptyBody.
    """
    if method == "POST" and (match := _INFER.fullmatch(target)) and match["verb"] in _VERBS:
        return _route(match["verb"].decode(), match)
    if method == "POST" and match:
        _version(match)
    if method == "GET" and (match := _LOOK.fullmatch(target)):
        if match["name"] is None:
            raise InvalidArgument("Missing model name in request.")
        return _route(METADATA if match["metadata"] else STATUS, match)
    raise InvalidArgument(f"Malformed request: {method} {_text(target)}")


def _route(verb: str, match: re.Match[bytes]) -> Route:
    """Name and label are percent-decoded only now, so that they may hold `/` and `:`."""
    label = _text(unquote_to_bytes(match["label"])) if match["label"] else None
    return Route(verb, _text(unquote_to_bytes(match["name"])), _version(match), label)


def _version(match: re.Match[bytes]) -> int | None:
    if not match["version"]:
        return None
    # More digits than Python converts are too large anyhow.
    digits = match["version"].lstrip(b"0") or b"0"
    if len(digits) > len(str(MAX_VERSION)) or int(digits) > MAX_VERSION:
        raise EmptyBody("Failed to convert version")  # upstream loses the message of this one
    return int(digits)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
