"""may_never_end: whether a graph could run for ever, or wait for something, so that only a limit of time ends it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Loops of TF1 and TF2, calls elsewhere; queues, barriers, stages and locks; code and data from outside.
_ENDLESS = re.compile(
    r"While|Enter$|NextIteration|RemoteCall|Recv|Collective"
    r"|Queue|Barrier|Stage|Mutex|Accumulator|RecordInput|Reader|Iterator|Dataset"
    r"|PyFunc|EagerPyFunc|Batch(?:Function)?$|Unbatch"
)


def may_never_end(graph_def: Any) -> bool:
    """False: every run of this GraphDef ends by itself after a bounded number of operations, none of which waits."""
    bodies: Iterable[Any] = (function.node_def for function in graph_def.library.function)
    return _any_endless(graph_def.node) or any(map(_any_endless, bodies))


def _any_endless(nodes: Iterable[Any]) -> bool:
    return any(_ENDLESS.search(op) for op in {node.op for node in nodes})
