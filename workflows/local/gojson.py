"""JSON as Go's encoding/json writes it, since Argo's JSON ends up in parameters, and in names of nodes.

A value that a document or a step gave keeps its own spelling (`1.50`, the order of a mapping's keys): it is only made
compact, so it is handled as text. Source: encoding/json of Go 1.25; wfv1.Item of Argo Workflows 4.0.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

# Harmless within JSON, and in HTML too: Go escapes these three and the two line separators of JavaScript.
ESCAPES = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
UNSAFE = re.compile(f"[{''.join(ESCAPES)}]")
LARGEST = 1e21  # from here on Go writes an exponent
SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')
SEPARATORS = re.compile(r"[\s,:]*")


def dumps(value: Any) -> str:
    """A Python value; mappings keep their order."""
    return escaped(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def number(text: str) -> int | float:
    """A number that Go read as a float64: whole ones are written without a point."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < LARGEST else value


def escaped(text: str) -> str:
    """JSON with the characters escaped that HTML would take for its own."""
    return UNSAFE.sub(lambda match: ESCAPES[match[0]], text)


def compact(text: str) -> str:
    """JSON without the spaces between its parts."""
    return SPACE.sub(lambda match: match[1] or "", text)


def unescaped(text: str) -> str:
    """`escaped` undone, for the three characters of HTML."""
    for character in "<>&":
        text = text.replace(ESCAPES[character], character)
    return text


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """The entries of a mapping: each key, and the text of its value."""
    found = parts(text)
    return ((json.loads(key), next(found)) for key in found)


def parts(text: str) -> Iterator[str]:
    """The texts of a list's items, or of a mapping's keys and values in turn. `text` is valid JSON."""
    decoder = json.JSONDecoder()
    position = text.index(text.strip()[0]) + 1
    while True:
        position = SEPARATORS.match(text, position).end()  # type: ignore[union-attr] # it matches nothing, too
        if text[position] in "]}":
            return
        _, end = decoder.raw_decode(text, position)
        yield text[position:end]
        position = end
