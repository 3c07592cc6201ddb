"""row_wise_signatures: which signatures answer row by row, so that requests can be run together and taken apart again.

A signature is row-wise when dimension 0 of every input and output is the batch and row i of each output depends on row
i of the inputs only, with no state change, randomness, I/O or control flow on the way. It is proved from the graph as
it was saved, by following values from the inputs to the outputs; whatever cannot be proved is not row-wise.
What it does not promise: that the last bits are the same, since kernels may add in another order for another batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from serving.servables.row_rules import RULES, Result, apply_rule
from serving.servables.row_values import BATCH, MIXED, Kind, Value, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Array = NDArray[Any]
_CALLS = frozenset(("PartitionedCall", "StatefulPartitionedCall"))
# Ops whose outputs have names; that of any other is `<node>:<name>:<index>` with the index counting its outputs.
_OUTPUT_NAMES = {
    "TopKV2": ("values", "indices"),
    "FusedBatchNorm": ("y",),
    "FusedBatchNormV2": ("y",),
    "FusedBatchNormV3": ("y",),
}
# Functions that call functions that ... could take for ever; the largest of Keras's applications has 20,000 nodes.
_MAX_STEPS = 200_000
_MAX_DEPTH = 50


@dataclass(frozen=True)
class RowWise:
    """A row-wise signature: the shapes for which it is one, by tensor name, dimension 0 left out, None: any size."""

    inner_shapes: Mapping[str, tuple[int | None, ...]]

    def row_count(self, feeds: Sequence[str], arrays: Sequence[Array]) -> int | None:
        """How many rows are fed; None: the arrays are not of the proved shapes, or not all of the same length.

        Args:
          feeds: Tensor names; arrays: what is fed to each.
        """
        count: int | None = None
        for name, array in zip(feeds, arrays, strict=True):
            shape = array.shape
            inner = self.inner_shapes[name]
            if len(shape) != len(inner) + 1 or (count is not None and shape[0] != count):
                return None
            if shape[1:] != inner and any(
                want not in (None, have) for want, have in zip(inner, shape[1:], strict=True)
            ):
                return None
            count = shape[0]
        return count


def row_wise_signatures(meta_graph_def: Any) -> dict[str, RowWise]:
    """The row-wise signatures of a MetaGraphDef, by their keys, each with all of its outputs.

    Args:
      meta_graph_def: tensorflow.MetaGraphDef with its graph and function library.
    """
    graph = _Graph(meta_graph_def.graph_def)
    found = {key: _analyse(graph, signature) for key, signature in meta_graph_def.signature_def.items()}
    return {key: result for key, result in found.items() if result}


class _NotRowWiseError(Exception):
    """Met an op without a rule, or a graph without sense."""


class _Graph:
    """A GraphDef and its functions, by name."""

    def __init__(self, graph_def: Any) -> None:
        self.nodes = {node.name: node for node in graph_def.node}
        self.functions = {function.signature.name: function for function in graph_def.library.function}
        self.steps = 0


def _analyse(graph: _Graph, signature: Any) -> RowWise | None:
    infos = [*signature.inputs.values(), *signature.outputs.values()]
    if not signature.inputs or not signature.outputs or any(info.WhichOneof("encoding") != "name" for info in infos):
        return None
    inputs = {info.name: _fed(info.tensor_shape) for info in signature.inputs.values()}
    if MIXED in inputs.values() or any(_is_fixed(info.tensor_shape) for info in signature.outputs.values()):
        return None
    known = {_position(name): value for name, value in inputs.items()}
    try:
        values = _Body(graph, graph.nodes, known).values([info.name for info in signature.outputs.values()])
    except (_NotRowWiseError, ValueError, IndexError):
        return None
    if any(value.kind is not Kind.ROWS for value in values):
        return None
    return RowWise({name: (value.shape or ())[1:] for name, value in inputs.items()})  # type: ignore[misc]


def _fed(shape: Any) -> Value:
    """What is known of an input; MIXED: it has no batch dimension, or no known rank."""
    if shape.unknown_rank or not shape.dim or shape.dim[0].size != -1:
        return MIXED
    return rows((BATCH, *[None if dim.size < 0 else int(dim.size) for dim in shape.dim[1:]]))


def _is_fixed(shape: Any) -> bool:
    return not shape.unknown_rank and (not shape.dim or shape.dim[0].size != -1)


def _position(name: str) -> tuple[str, int]:
    node, _, index = name.partition(":")
    return node, int(index or 0)


class _Body:
    """Nodes that refer to one another: the graph itself, or one function's."""

    def __init__(
        self, graph: _Graph, nodes: Mapping[str, Any], known: Mapping[tuple[str, int], Value], depth: int = 0
    ) -> None:
        self._graph = graph
        self._nodes = nodes
        self._known = known
        self._depth = depth
        self._results: dict[str, Result] = {}

    def values(self, references: Sequence[str]) -> list[Value]:
        """What tensors hold, e.g. y:0, or in a function y:output:0. Raises _NotRowWiseError."""
        self._visit([reference for reference in references if self._locate(reference) not in self._known])
        return [self._value(reference) for reference in references]

    def visit(self, nodes: Sequence[str]) -> None:
        """Makes sure that nodes, which run for their effects, have none. Raises _NotRowWiseError."""
        self._visit([f"^{node}" for node in nodes])

    def _visit(self, references: Sequence[str]) -> None:
        """Inputs before what uses them, without recursion: graphs are deeper than Python's stack."""
        stack = [_node_name(reference) for reference in references]
        open_nodes: set[str] = set()
        while stack:
            name = stack[-1]
            if name in self._results:
                stack.pop()
                continue
            node = self._nodes.get(name)
            if node is None or (node.op not in RULES and node.op not in _CALLS):
                raise _NotRowWiseError
            missing = self._missing(node)
            if not missing:
                self._results[name] = self._apply(node)
            elif name in open_nodes or self._graph.steps > _MAX_STEPS:
                raise _NotRowWiseError
            open_nodes.add(name)
            self._graph.steps += 1
            stack += missing

    def _missing(self, node: Any) -> list[str]:
        names = []
        for reference in node.input:
            name = _node_name(reference)
            if name not in self._results and self._locate(reference) not in self._known:
                names.append(name)
        return names

    def _apply(self, node: Any) -> Result:
        args = [self._value(reference) for reference in node.input if reference[0] != "^"]
        if node.op in _CALLS:
            return self._call(node.attr["f"].func.name, args)
        result = apply_rule(node, args)
        if result is None:
            raise _NotRowWiseError
        return result

    def _call(self, name: str, args: list[Value]) -> list[Value]:
        function = self._graph.functions.get(name)
        if function is None or self._depth >= _MAX_DEPTH or len(args) != len(function.signature.input_arg):
            raise _NotRowWiseError
        known = {(arg.name, 0): value for arg, value in zip(function.signature.input_arg, args, strict=True)}
        nodes = {node.name: node for node in function.node_def}
        body = _Body(self._graph, nodes, known, self._depth + 1)
        body.visit(list(function.control_ret.values()))
        return body.values([function.ret[arg.name] for arg in function.signature.output_arg])

    def _value(self, reference: str) -> Value:
        where = self._locate(reference)
        if where in self._known:
            return self._known[where]
        result = self._results[where[0]]
        return result if isinstance(result, Value) else result[where[1]]

    def _locate(self, reference: str) -> tuple[str, int]:
        """Node and output of x, x:1 or (in a function) x:output:1."""
        name, *rest = reference.split(":")
        if len(rest) < 2:  # noqa: PLR2004
            return name, int(rest[0]) if rest else 0
        node = self._nodes.get(name)
        named = _OUTPUT_NAMES.get(node.op) if node is not None else None
        if named is None:
            return name, int(rest[1])
        return name, named.index(rest[0]) if rest[0] in named else len(named)


def _node_name(reference: str) -> str:
    return reference.lstrip("^").partition(":")[0]
