"""What is known of a tensor before anything is fed: whether it holds a row for each row that is fed, and its shape."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# The number of rows that are fed: a dimension, or an element of a vector of sizes.
BATCH = "batch"
# None: some number that does not depend on how many rows are fed.
Dim = int | str | None
Shape = tuple[Dim, ...]


class Kind(Enum):
    """How a tensor depends on what is fed."""

    CONSTANT = "not at all: a constant, a variable, or an inner dimension, which all merged requests share"
    ROWS = "row i on row i of the inputs; its dimension 0 is the number of rows"
    SIZES = "on the number of rows alone: a scalar or vector of sizes"
    MIXED = "in some other way"


@dataclass(frozen=True)
class Value:
    """One tensor, or a variable's handle (then `shape` is the variable's).

    Attributes:
      shape: None: not even the rank is known, which only a CONSTANT may be. That of ROWS begins with BATCH.
      elements: Those of a few integers, flat, where they matter; None among them: unknown, but constant.
    """

    kind: Kind
    shape: Shape | None = None
    elements: tuple[Dim, ...] | None = None

    @property
    def rank(self) -> int | None:
        """None: unknown."""
        return None if self.shape is None else len(self.shape)


MIXED = Value(Kind.MIXED)
UNKNOWN_CONSTANT = Value(Kind.CONSTANT)


def constant(shape: Shape | None) -> Value:
    """A tensor that no input has a part in."""
    return Value(Kind.CONSTANT, shape)


def rows(shape: Shape | None) -> Value:
    """A tensor with a row for each row fed; MIXED when the shape says otherwise."""
    if not shape or shape[0] != BATCH or BATCH in shape[1:]:
        return MIXED
    return Value(Kind.ROWS, shape)


def sizes(elements: tuple[Dim, ...], *, scalar: bool = False) -> Value:
    """Integers of which some may be BATCH."""
    kind = Kind.SIZES if BATCH in elements else Kind.CONSTANT
    return Value(kind, () if scalar else (len(elements),), elements)


def broadcast(shapes: list[Shape | None]) -> Shape | None:
    """The shape that numpy's rule gives; None: it is unknown, or two dimensions do not fit.

    Source: https://numpy.org/doc/stable/user/basics.broadcasting.html
    """
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    rank = max(map(len, known))
    padded = [(1,) * (rank - len(shape)) + shape for shape in known]
    dims = [_broadcast_dim(column) for column in zip(*padded, strict=True)]
    return None if "none" in dims else tuple(dims)


def _broadcast_dim(column: tuple[Dim, ...]) -> Dim:
    """One dimension; the text `none` where one meets another that is neither 1 nor itself."""
    wide = {dim for dim in column if dim != 1}
    if BATCH in wide:
        return BATCH if wide == {BATCH} else "none"
    if len(wide) > 1:
        wide.discard(None)
    if len(wide) > 1:
        return "none"
    return next(iter(wide)) if wide else 1


def product(dims: tuple[Dim, ...]) -> int | None:
    """None: a factor is unknown."""
    total = 1
    for dim in dims:
        if not isinstance(dim, int) or dim < 0:
            return None
        total *= dim
    return total
