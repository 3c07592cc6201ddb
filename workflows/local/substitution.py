"""`{{...}}` tags: found in any string of a template and replaced from a scope.

Not here: which tags there are (scope.py makes scopes, check.py refuses a tag that no scope will have).
Source: util/template/simple_template.go of Argo Workflows 4.0; a tag that is not in the scope yet stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
T = TypeVar("T")


def substitute_text(text: str, scope: Mapping[str, str]) -> str:
    """Replaces every tag that `scope` has; leaves the others. What a tag gives is not looked at again."""
    if "{{" not in text:
        return text
    return TAG.sub(lambda match: scope.get(match[1].strip(), match[0]), text)


def substitute(value: T, scope: Mapping[str, str]) -> T:
    """Replaces the tags in every string within `value`: strings, lists, mappings and dataclasses, at any depth."""
    result: Any = value
    if isinstance(value, str):
        result = substitute_text(value, scope)
    elif isinstance(value, (list, tuple)):
        result = type(value)(substitute(item, scope) for item in value)
    elif isinstance(value, dict):
        result = {key: substitute(item, scope) for key, item in value.items()}
    elif is_dataclass(value) and not isinstance(value, type):
        changed = {item.name: substitute(getattr(value, item.name), scope) for item in fields(value)}
        changed = {name: new for name, new in changed.items() if new != getattr(value, name)}
        result = replace(value, **changed) if changed else value
    return result  # type: ignore[no-any-return]


def tags(value: object) -> Iterator[str]:
    """Every tag in every string within `value`, without its braces."""
    if isinstance(value, str):
        yield from (match.strip() for match in TAG.findall(value))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tags(item)
    elif isinstance(value, dict):
        yield from tags(list(value.values()))
    elif is_dataclass(value) and not isinstance(value, type):
        for item in fields(value):
            yield from tags(getattr(value, item.name))
