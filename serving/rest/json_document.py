"""A request's document as a JSON object. Pure."""

from __future__ import annotations

from typing import Any

from serving.errors import InvalidArgument
from serving.rest.json_text import shown


def as_object(document: Any) -> dict[str, Any]:
    """The document, which must be an object. Raises InvalidArgument in upstream's words."""
    if not isinstance(document, dict):
        raise InvalidArgument(f"JSON Value: {shown(document)} Is not object")
    return document


def signature_name(document: dict[str, Any]) -> str:
    """The signature that the body names; empty if it names none. Raises InvalidArgument."""
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise InvalidArgument(
            f"JSON Value: {shown(document)} not formatted correctly. 'signature_name' key must be a string value."
        )
    return name
