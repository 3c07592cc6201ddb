"""withItems, withParam and withSequence: one call becomes many, and their outputs one list.

Source: workflow/controller/operator.go of Argo Workflows 4.0: processItem, expandSequence, processAggregateNodeOutputs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from workflows.local import gojson, when
from workflows.local.faults import Fault
from workflows.local.model import Call
from workflows.local.model import Sequence as Numbers
from workflows.local.status import SUCCEEDED, Node
from workflows.local.substitution import substitute, tags

VERB = re.compile(r"%0?\d*[dxXo]")


def expand(call: Call, scope: Mapping[str, str]) -> list[Call]:
    """The calls that `call` stands for, named `name(0:item)`; itself where it has no loop.

    Raises: Fault where the list cannot be read, or an item's tag is not there.
    """
    if not call.expands:
        return [call]
    try:
        items = _items(call)
    except Fault:
        if _runs(call):
            raise
        items = []
    body = replace(call, with_items=None, with_param=None, with_sequence=None)
    return [_one(body, index, item, scope) for index, item in enumerate(items)]


def _runs(call: Call) -> bool:
    try:
        return when.evaluate(call.when)
    except Fault:
        return True


def _items(call: Call) -> list[str]:
    """The items as JSON."""
    if call.with_items:
        return [_json(item) for item in call.with_items]
    if call.with_param:
        return _parsed(call.with_param)
    assert call.with_sequence
    return [_json(number) for number in _numbers(call.with_sequence)]


def _json(item: Any) -> str:
    return json.dumps(item, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _parsed(text: str) -> list[str]:
    try:
        items = json.loads(text)
    except ValueError:
        items = text
    if not isinstance(items, (list, type(None))):
        raise Fault(f"withParam value could not be parsed as a JSON list: {text.strip()}")
    return list(gojson.parts(text)) if items else []


def _numbers(sequence: Numbers) -> list[str]:
    start = _whole(sequence.start or "0")
    if sequence.end is not None:
        end = _whole(sequence.end)
    else:
        count = _whole(sequence.count or "0")
        if count == 0:
            return []
        end = start + count - 1
    form = sequence.format or "%d"
    if not VERB.search(form):
        raise Fault(f"withSequence: format `{form}` has no %d, %x, %X or %o")
    return [form % number for number in (range(start, end + 1) if start <= end else range(start, end - 1, -1))]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Fault(f'strconv.Atoi: parsing "{text}": invalid syntax') from None


def _one(call: Call, index: int, item: str, scope: Mapping[str, str]) -> Call:
    own, label = _tags(item)
    result = substitute(call, {**scope, **own})
    left = [tag for tag in tags(result) if tag == "item" or tag.startswith("item.")]
    if left:
        raise Fault(f"failed to resolve {{{{{left[0]}}}}}")
    return replace(result, name=f"{call.name}({index}:{label.replace('(', '').replace(')', '')})")


def _tags(item: str) -> tuple[dict[str, str], str]:
    """What the tags of an item stand for, and what the name of its node says of it."""
    value = json.loads(item)
    if isinstance(value, dict):
        pairs = dict(sorted(gojson.pairs(item)))
        entries = [f"{gojson.dumps(key)}:{gojson.escaped(gojson.compact(part))}" for key, part in pairs.items()]
        own = {f"item.{key}": _shown(part) for key, part in pairs.items()}
        label = ",".join(sorted(f"{key}:{_shown(part)}" for key, part in pairs.items()))
        return {**own, "item": "{" + ",".join(entries) + "}"}, label
    if isinstance(value, list):
        parts = list(gojson.parts(item))
        whole = ",".join(gojson.escaped(gojson.compact(part)) for part in parts)
        return {"item": f"[{whole}]"}, "[" + " ".join(_shown(part) for part in parts) + "]"
    if value is None:
        return {"item": "null"}, "[]"  # Argo takes null for a list without items
    return {"item": value if isinstance(value, str) else _shown(item)}, _shown(item)


def _shown(item: str) -> str:
    """JSON as Argo shows it within a text: a string without its quotes, but with its escapes."""
    result = gojson.compact(item)
    return gojson.unescaped(result[1:-1] if result.startswith('"') else result)


def aggregate(prefix: str, nodes: Sequence[Node]) -> dict[str, str]:
    """The outputs of a loop's nodes as JSON lists, under `<prefix>.outputs...`: of those that succeeded, in order.

    Raises: Fault where a result is not JSON.
    """
    done = [node for node in nodes if node.phase == SUCCEEDED and not node.hooked and not node.retried]
    done.sort(key=lambda node: int(node.name.rpartition("(")[2].partition(":")[0]))
    rows = [{item.name: item.value or "" for item in node.outputs.parameters} for node in done]
    rows = [dict(sorted(row.items())) for row in rows if row]
    results = ",".join(_result(node) for node in done if node.outputs.result is not None)
    scope = {f"{prefix}.outputs.result": f"[{results}]", f"{prefix}.outputs.parameters": gojson.dumps(rows)}
    for name in {name: None for row in rows for name in row}:
        values = [row[name] for row in rows if name in row]
        scope[f"{prefix}.outputs.parameters.{name}"] = gojson.dumps(_structures(values) or values)
    return scope


def _result(node: Node) -> str:
    result = node.outputs.result or ""
    try:
        json.loads(result)
    except ValueError:
        raise Fault(f"invalid character in the result of {node.display_name}, which must be JSON: {result}") from None
    return gojson.escaped(gojson.compact(result))


def _structures(values: list[str]) -> list[Any] | None:
    """The values as JSON where every one is a list or a mapping; otherwise they stay strings."""
    try:
        decoded = [json.loads(value, parse_float=gojson.number, parse_int=gojson.number) for value in values]
    except ValueError:
        return None
    return [_sorted(value) for value in decoded] if all(isinstance(value, (list, dict)) for value in decoded) else None


def _sorted(value: Any) -> Any:
    """The value with every mapping's keys in order."""
    return json.loads(json.dumps(value, sort_keys=True))
