"""withItems, withParam and withSequence: one call becomes many, and their outputs one list.

Source: workflow/controller/operator.go of Argo Workflows 4.0: processItem, expandSequence, processAggregateNodeOutputs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from workflows.local import when
from workflows.local.faults import Fault
from workflows.local.fields import text
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


def _items(call: Call) -> list[Any]:
    if call.with_items:
        return list(call.with_items)
    if call.with_param:
        return _parsed(call.with_param)
    assert call.with_sequence
    return _numbers(call.with_sequence)


def _parsed(text_: str) -> list[Any]:
    try:
        items = json.loads(text_)
    except ValueError:
        items = None
    if not isinstance(items, list):
        raise Fault(f"withParam value could not be parsed as a JSON list: {text_.strip()}")
    return items


def _numbers(sequence: Numbers) -> list[Any]:
    try:
        start = int(sequence.start or 0)
        if sequence.end is not None:
            end = int(sequence.end)
        elif int(sequence.count or 0) == 0:
            return []
        else:
            end = start + int(sequence.count or 0) - 1
    except ValueError as error:
        raise Fault(f"withSequence needs whole numbers: {error}") from None
    form = sequence.format or "%d"
    if not VERB.search(form):
        raise Fault(f"withSequence: format `{form}` has no %d, %x, %X or %o")
    return [form % number for number in (range(start, end + 1) if start <= end else range(start, end - 1, -1))]


def _one(call: Call, index: int, item: Any, scope: Mapping[str, str]) -> Call:
    own = {"item": text(item)}
    label = text(item)
    if isinstance(item, dict):
        own |= {f"item.{key}": text(value) for key, value in item.items()}
        label = ",".join(sorted(f"{key}:{text(value)}" for key, value in item.items()))
    elif isinstance(item, list):
        label = "[" + " ".join(text(value) for value in item) + "]"
    result = substitute(call, {**scope, **own})
    left = [tag for tag in tags(result) if tag == "item" or tag.startswith("item.")]
    if left:
        raise Fault(f"failed to resolve {{{{{left[0]}}}}}")
    return replace(result, name=f"{call.name}({index}:{label.replace('(', '').replace(')', '')})")


def aggregate(prefix: str, nodes: Sequence[Node]) -> dict[str, str]:
    """The outputs of a loop's nodes as JSON lists, under `<prefix>.outputs...`: of those that succeeded, in order."""
    done = [node for node in nodes if node.phase == SUCCEEDED and not node.hooked and not node.retried]
    done.sort(key=lambda node: int(node.name.rpartition("(")[2].partition(":")[0]))
    rows = [{item.name: item.value or "" for item in node.outputs.parameters} for node in done]
    rows = [row for row in rows if row]
    results = [_decoded(node.outputs.result) for node in done if node.outputs.result is not None]
    scope = {f"{prefix}.outputs.result": _json(results), f"{prefix}.outputs.parameters": _json(rows)}
    for name in {name: None for row in rows for name in row}:
        values = [row[name] for row in rows if name in row]
        scope[f"{prefix}.outputs.parameters.{name}"] = _json(_structures(values) or values)
    return scope


def _structures(values: list[str]) -> list[Any] | None:
    """The values as JSON where every one is a list or a mapping; otherwise they stay strings."""
    decoded = [_decoded(value) for value in values]
    return decoded if all(isinstance(value, (list, dict)) for value in decoded) else None


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
