"""Edits of a YAML text that leave every other byte alone: comments, quotes, order, blank lines.

ruamel.yaml tells where each node stands and the text is cut there; nothing is dumped again. Not here: what the
nodes mean (overlay.py), or whether the outcome is the one that was wanted (overlay.py reads it again).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@lru_cache(maxsize=32)  # an edit and a history read the same texts several times; nobody changes the nodes
def compose(text: str) -> Node | None:
    """The node tree of a YAML text, with positions. Raises: YAMLError (malformed, or several documents)."""
    node: Node | None = YAML(typ="rt", pure=True).compose(text)
    return node


def plain(node: Node | None) -> object:
    """The values below a node; a scalar that is no string is a pair (tag, text).

    Raises: YAMLError (a key stands twice, which parsers read differently).
    """
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    if isinstance(node, MappingNode):
        pairs = [(str(key.value), plain(value)) for key, value in node.value]
        if len(dict(pairs)) < len(pairs):
            raise YAMLError(f"a key stands twice in line {node.start_mark.line + 1} or below")
        return dict(pairs)
    if isinstance(node, ScalarNode):
        tag = str(node.tag).rpartition(":")[2]
        return node.value if tag == "str" else (tag, node.value)
    return None


def child(node: Node | None, name: str) -> Node | None:
    """The value of a key of a mapping; None where there is no such key or no mapping."""
    pairs = node.value if isinstance(node, MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


@dataclass
class Edits:
    """Cuts and insertions in one text, by position; `apply` makes them together."""

    text: str
    _cuts: list[tuple[int, int, str]] = field(default_factory=list)

    def apply(self) -> str:
        """The text with every edit made; those at one position stand in the order they were asked for."""
        parts, at = [], 0
        for start, end, new in sorted(self._cuts, key=lambda cut: cut[0]):
            parts += [self.text[at:start], new]
            at = end
        return "".join([*parts, self.text[at:]])

    def replace(self, node: Node, value: str) -> None:
        """Puts another value into a scalar and keeps its quotes; a bare one gets them if it could be a number."""
        old = self.text[node.start_mark.index : node.end_mark.index]
        quote = old[0] if old[:1] in {"'", '"'} else '"' if value.isdigit() else ""
        self._cuts.append((node.start_mark.index, node.end_mark.index, quote + value + quote))

    def set_keys(self, mapping: MappingNode, values: Mapping[str, str]) -> None:
        """Sets scalar keys of a mapping; those it lacks come after its last one."""
        missing = []
        for name, value in values.items():
            node = child(mapping, name)
            if node is None:
                missing.append(f"{name}: {_scalar(value)}")
            else:
                self.replace(node, value)
        if missing and mapping.flow_style:
            self._extend_flow(mapping, ", ".join(missing))
        elif missing:
            indent = " " * mapping.start_mark.column
            self._insert_lines(self._line_end(mapping), [indent + line for line in missing])

    def append(self, root: MappingNode, name: str, item: str | Mapping[str, str]) -> None:
        """Puts an item at the end of the sequence `name` of the root, which may be empty or missing."""
        sequence = child(root, name)
        if sequence is None:
            end = self._line_end(root)
            self._insert_lines(end, [f"{name}:", *_block(item, " " * self._indent(root))])
        elif isinstance(sequence, SequenceNode) and sequence.value and sequence.flow_style:
            self._extend_flow(sequence, _flow(item))
        elif isinstance(sequence, SequenceNode) and sequence.value:
            self._insert_lines(self._line_end(sequence), _block(item, " " * sequence.start_mark.column))
        else:
            end = self._line_end(sequence)
            self._blank(sequence)
            self._insert_lines(end, _block(item, " " * self._indent(root)))

    def remove(self, sequence: SequenceNode, item: Node) -> None:
        """Takes an item's lines out of a block sequence; the last one leaves `[]`."""
        start = self.text.rfind("\n", 0, self.text.rfind("-", 0, item.start_mark.index + 1)) + 1
        self._cuts.append((start, self._line_end(item), ""))
        if len(sequence.value) == 1:
            colon = self.text.rfind(":", 0, start)
            self._cuts.append((colon + 1, colon + 1, " []"))

    def _blank(self, node: Node) -> None:
        """Takes out an empty value (`[]`, `null`) with the space before it."""
        start = len(self.text[: node.start_mark.index].rstrip(" "))
        self._cuts.append((start, node.end_mark.index, ""))

    def _extend_flow(self, node: Node, new: str) -> None:
        """Writes something before the closing bracket of a flow collection."""
        end = len(self.text[: node.end_mark.index - 1].rstrip())
        self._cuts.append((end, end, (" " if self.text[end - 1] == "," else ", ") + new))

    def _insert_lines(self, position: int, lines: list[str]) -> None:
        newline = "\r\n" if "\r\n" in self.text else "\n"
        before = newline if position and self.text[position - 1] != "\n" else ""
        self._cuts.append((position, position, before + newline.join(lines) + newline))

    def _line_end(self, node: Node) -> int:
        """The position after the line in which a node's last value ends."""
        end = list(_leaves(node))[-1].end_mark.index
        if end and self.text[end - 1] == "\n":
            return int(end)
        found = self.text.find("\n", end)
        return len(self.text) if found < 0 else found + 1

    @staticmethod
    def _indent(root: MappingNode) -> int:
        """How far this file sets its sequences in, in columns."""
        blocks = (value for _, value in root.value if isinstance(value, SequenceNode) and not value.flow_style)
        return next((block.start_mark.column for block in blocks), 2)


def _leaves(node: Node) -> Iterator[Node]:
    """The scalars and flow collections below a node, in the order of the text."""
    if isinstance(node, SequenceNode) and node.value and not node.flow_style:
        children = node.value
    elif isinstance(node, MappingNode) and node.value and not node.flow_style:
        children = [value for _, value in node.value]
    else:
        yield node
        return
    for item in children:
        yield from _leaves(item)


def _scalar(value: str) -> str:
    return f'"{value}"' if value.isdigit() else value


def _block(item: str | Mapping[str, str], indent: str) -> list[str]:
    if isinstance(item, str):
        return [f"{indent}- {_scalar(item)}"]
    lines = [f"{name}: {_scalar(value)}" for name, value in item.items()]
    return [indent + ("  " if number else "- ") + line for number, line in enumerate(lines)]


def _flow(item: str | Mapping[str, str]) -> str:
    if isinstance(item, str):
        return _scalar(item)
    return "{" + ", ".join(f"{name}: {_scalar(value)}" for name, value in item.items()) + "}"
