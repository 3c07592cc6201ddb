"""One rule per TensorFlow op that row_wise.py knows: what its output is, given what its inputs are.

An op without a rule is never row-wise. A rule that meets an arrangement it cannot answer for says MIXED. Whatever has
state, randomness, I/O or control flow has no rule, except reading variables.
Source: TensorFlow core/ops/*.cc at 2.20.0 (shape functions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from serving.servables.row_values import (
    BATCH,
    MIXED,
    UNKNOWN_CONSTANT,
    Dim,
    Kind,
    Shape,
    Value,
    broadcast,
    constant,
    product,
    rows,
    sizes,
)

# A list: one value for each output. A single value stands for all outputs.
Result = Value | list[Value]
Rule = Callable[[Any, list[Value]], Result]
RULES: dict[str, Rule] = {}


def apply_rule(node: Any, args: list[Value]) -> Result | None:
    """What a NodeDef gives for its inputs; None: no rule for such an op."""
    rule = RULES.get(node.op)
    if rule is None or any(arg.kind is Kind.MIXED for arg in args):
        return rule and MIXED
    if any(arg.kind is Kind.SIZES for arg in args) and node.op not in _TAKES_SIZES:
        return MIXED
    return rule(node, args)


def _rule(*ops: str) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(ops, rule))
        return rule

    return add


def _int(node: Any, name: str, default: int = 0) -> int:
    return int(node.attr[name].i) if name in node.attr else default


def _flag(node: Any, name: str, *, default: bool = False) -> bool:
    return bool(node.attr[name].b) if name in node.attr else default


def _ints(node: Any, name: str) -> list[int]:
    return [int(item) for item in node.attr[name].list.i] if name in node.attr else []


def _text(node: Any, name: str, default: str) -> str:
    return str(node.attr[name].s.decode()) if name in node.attr else default


def _known(value: Value) -> list[int] | None:
    """The elements of a vector or scalar of which all are known."""
    elements = value.elements
    if elements is None or not all(isinstance(element, int) for element in elements):
        return None
    return [int(element) for element in elements if element is not None]


def _axes(value: Value, rank: int | None) -> list[int] | None:
    """Known axes, counted from the front; None: unknown, or out of range."""
    axes = _known(value)
    if axes is None or rank is None or any(not -rank <= axis < rank for axis in axes):
        return None
    return [axis % rank for axis in axes]


def _like(args: Sequence[Value], shape: Shape | None) -> Value:
    """ROWS of this shape if any input is ROWS, else a constant."""
    if any(arg.kind is Kind.SIZES for arg in args):
        return MIXED
    return rows(shape) if any(arg.kind is Kind.ROWS for arg in args) else constant(shape)


@_rule("Identity", "Snapshot", "StopGradient", "PreventGradient", "Cast")
def _same(_: Any, args: list[Value]) -> Value:
    return args[0]


@_rule("IdentityN")
def _same_list(_: Any, args: list[Value]) -> list[Value]:
    return args


@_rule("Placeholder")
def _placeholder(_: Any, __: list[Value]) -> Value:
    """One that is not fed; to wait for one that is fed does no harm."""
    return MIXED


@_rule("NoOp")
def _nothing(_: Any, __: list[Value]) -> list[Value]:
    return []


@_rule("VarHandleOp", "VariableV2", "Variable")
def _variable(node: Any, _: list[Value]) -> Value:
    shape = node.attr["shape"].shape
    return UNKNOWN_CONSTANT if shape.unknown_rank else constant(tuple(_static(dim.size) for dim in shape.dim))


def _static(size: int) -> int | None:
    return None if size < 0 else int(size)


@_rule("ReadVariableOp")
def _read_variable(_: Any, args: list[Value]) -> Value:
    return args[0]


# fmt: off
_UNARY = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Conj", "Cos", "Cosh", "Digamma", "Elu", "Erf",
    "Erfc", "Erfinv", "Exp", "Expm1", "Floor", "Inv", "Invert", "IsFinite", "IsInf", "IsNan", "LeakyRelu", "Lgamma",
    "Log", "Log1p", "LogicalNot", "Ndtri", "Neg", "OnesLike", "Reciprocal", "Relu", "Relu6", "Rint", "Round", "Rsqrt",
    "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Square", "Tan", "Tanh", "ZerosLike",
    "StringLength", "StringLower", "StringUpper", "StringStrip", "StringToHashBucketFast", "StringToHashBucketStrong",
    "StringToNumber", "AsString", "Bucketize",
)
# fmt: on


@_rule(*_UNARY)
def _unary(_: Any, args: list[Value]) -> Value:
    return _like(args, args[0].shape)


# fmt: off
_ELEMENTWISE = (
    "Add", "AddV2", "Sub", "Mul", "MulNoNan", "Div", "DivNoNan", "RealDiv", "FloorDiv", "FloorMod", "Mod",
    "TruncateDiv", "TruncateMod", "Pow", "Maximum", "Minimum", "SquaredDifference", "Xdivy", "Xlogy", "Xlog1py",
    "Atan2", "NextAfter", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd",
    "LogicalOr", "ApproximateEqual", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "LeftShift", "RightShift", "SelectV2",
    "ClipByValue", "AddN",
)
# fmt: on


@_rule(*_ELEMENTWISE)
def _elementwise(_: Any, args: list[Value]) -> Result:
    return _like(args, broadcast([arg.shape for arg in args]))


@_rule("Select")
def _select(node: Any, args: list[Value]) -> Result:
    """The first version: the condition has the shape of the others, or is a vector of whole rows."""
    condition, then, other = args
    if condition.rank == 1 and then.kind is other.kind is condition.kind is Kind.ROWS and then.rank == other.rank:
        return then
    return _elementwise(node, args) if condition.rank == then.rank == other.rank else MIXED


@_rule("Softmax", "LogSoftmax")
def _softmax(_: Any, args: list[Value]) -> Value:
    shape = args[0].shape
    return MIXED if args[0].kind is Kind.ROWS and len(shape or ()) < 2 else _like(args, shape)  # noqa: PLR2004


@_rule("BiasAdd", "BiasAddV1")
def _bias_add(_: Any, args: list[Value]) -> Value:
    """Over the last dimension or dimension 1, never 0."""
    if args[1].kind is not Kind.CONSTANT or (args[0].rank or 0) < 2:  # noqa: PLR2004
        return MIXED
    return _like(args, args[0].shape)


@_rule("MatMul")
def _matmul(node: Any, args: list[Value]) -> Value:
    left, right = args
    if right.kind is Kind.ROWS or (left.kind is Kind.ROWS and _flag(node, "transpose_a")):
        return MIXED
    columns = _dim(right, 0 if _flag(node, "transpose_b") else 1)
    return _like(args, (_dim(left, 1 if _flag(node, "transpose_a") else 0), columns))


def _dim(value: Value, axis: int) -> Dim:
    """None: unknown."""
    return value.shape[axis] if value.shape is not None and -len(value.shape) <= axis < len(value.shape) else None


@_rule("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def _batch_matmul(node: Any, args: list[Value]) -> Value:
    """Dimension 0 must be one of the batch's, or the left side's rows."""
    if any(arg.shape is None or len(arg.shape) < 2 for arg in args):  # noqa: PLR2004
        return MIXED if any(arg.kind is Kind.ROWS for arg in args) else UNKNOWN_CONSTANT
    left, right = (
        _adjoint(arg.shape or (), adjoint=_flag(node, name)) for arg, name in zip(args, ("adj_x", "adj_y"), strict=True)
    )
    if BATCH in (left[-1], right[-1], right[-2]) or (left[-2] == BATCH and len(right) > 2):  # noqa: PLR2004
        return MIXED
    batch = broadcast([left[:-2], right[:-2]])
    return _like(args, None if batch is None else (*batch, left[-2], right[-1]))


def _adjoint(shape: Shape, *, adjoint: bool) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if adjoint else shape


@_rule("Einsum")
def _einsum(node: Any, args: list[Value]) -> Value:
    """The rows' label must come first in each ROWS input and in the output, and in no constant."""
    left, arrow, right = _text(node, "equation", "").replace(" ", "").partition("->")
    terms = left.split(",")
    if (
        not arrow
        or "." in left
        or len(terms) != len(args)
        or any(arg.rank != len(t) for arg, t in zip(args, terms, strict=True))
    ):
        return MIXED
    dims: dict[str, Dim] = {}
    for arg, term in zip(args, terms, strict=True):
        for label, dim in zip(term, arg.shape or (), strict=True):
            if dims.setdefault(label, dim) != dim:
                if BATCH in (dim, dims[label]):
                    return MIXED
                dims[label] = None
    if list(dims.values()).count(BATCH) > 1 or not dims.keys() >= set(right):
        return MIXED
    return _like(args, tuple(dims[label] for label in right))


def _spatial(node: Any, default: str = "NHWC") -> tuple[int, slice]:
    """Where the channels are, and the dimensions that a window slides over."""
    last = _text(node, "data_format", default).endswith("C")
    return (-1, slice(1, -1)) if last else (1, slice(2, None))


@_rule("Conv2D", "Conv3D")
def _conv(node: Any, args: list[Value]) -> Value:
    return _windows(node, args, _dim(args[1], -1), (args[1].shape or ())[:-2])


@_rule("DepthwiseConv2dNative")
def _depthwise(node: Any, args: list[Value]) -> Value:
    kernel = args[1].shape or ()
    return _windows(node, args, product(kernel[-2:]) if kernel else None, kernel[:-2])


@_rule("MaxPool", "AvgPool", "MaxPool3D", "AvgPool3D")
def _pool(node: Any, args: list[Value]) -> Value:
    channel, spatial = _spatial(node)
    ksize = _ints(node, "ksize")
    if len(ksize) < 3 or ksize[0] != 1 or ksize[channel] != 1:  # noqa: PLR2004
        return MIXED
    return _windows(node, args, _dim(args[0], channel), tuple(ksize[spatial]))


def _windows(node: Any, args: list[Value], channels: Dim, kernel: Shape) -> Value:
    """A window that slides over the inner dimensions only."""
    data, (channel, spatial), strides = args[0], _spatial(node), _ints(node, "strides")
    if any(arg.kind is Kind.ROWS for arg in args[1:]) or data.shape is None or len(strides) != len(data.shape):
        return MIXED
    dilations = _ints(node, "dilations") or [1] * len(strides)
    if strides[0] != 1 or dilations[0] != 1 or _text(node, "data_format", "NHWC") not in _DATA_FORMATS:
        return MIXED
    shape = list(data.shape)
    inner = shape[spatial]
    kernel = kernel if len(kernel) == len(inner) else (None,) * len(inner)
    padding = _text(node, "padding", "VALID")
    shape[spatial] = [
        _window_count(*dims, padding) for dims in zip(inner, kernel, strides[spatial], dilations[spatial], strict=True)
    ]
    shape[channel] = channels
    return _like(args, tuple(shape))


def _window_count(size: Dim, kernel: Dim, stride: int, dilation: int, padding: str) -> int | None:
    """How many windows fit. Source: TensorFlow core/framework/kernel_shape_util.cc, GetWindowedOutputSize."""
    if not isinstance(size, int) or not isinstance(kernel, int) or padding not in ("SAME", "VALID"):
        return None
    reach = (kernel - 1) * dilation if padding == "VALID" else 0
    return -(-(size - reach) // stride)


@_rule("Conv2DBackpropInput", "Conv3DBackpropInputV2")
def _transposed_conv(node: Any, args: list[Value]) -> Value:
    shape, kernel, data = args
    strides = _ints(node, "strides")
    if kernel.kind is not Kind.CONSTANT or data.kind is not Kind.ROWS or not strides or strides[0] != 1:
        return MIXED
    return rows(shape.elements)


@_rule("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def _batch_norm(node: Any, args: list[Value]) -> Result:
    """In training the mean is that of the whole batch, and that is the default."""
    if _flag(node, "is_training", default=True) or any(arg.kind is Kind.ROWS for arg in args[1:]):
        return MIXED
    return [args[0], *[MIXED] * 5]


@_rule("LRN")
def _lrn(_: Any, args: list[Value]) -> Value:
    return args[0]


@_rule("Const")
def _const(node: Any, _: list[Value]) -> Value:
    tensor = node.attr["value"].tensor
    shape = tuple(int(dim.size) for dim in tensor.tensor_shape.dim)
    if tensor.dtype not in _INTEGERS or (product(shape) or 0) > _MAX_ELEMENTS:
        return constant(shape)
    return Value(Kind.CONSTANT, shape, _elements(tensor))


def _elements(tensor: Any) -> tuple[int, ...]:
    from serving.servables.tensor_proto import to_array

    return tuple(to_array(tensor).ravel().tolist())


@_rule("Shape")
def _shape(_: Any, args: list[Value]) -> Value:
    return UNKNOWN_CONSTANT if args[0].shape is None else sizes(args[0].shape)


@_rule("ShapeN")
def _shapes(node: Any, args: list[Value]) -> list[Value]:
    return [value for arg in args for value in [_shape(node, [arg])] if isinstance(value, Value)]


@_rule("Rank")
def _rank(_: Any, args: list[Value]) -> Value:
    return sizes((args[0].rank,), scalar=True)


@_rule("Reshape")
def _reshape(_: Any, args: list[Value]) -> Value:
    """Dimension 0 must be the rows: by name, or as what is left when the inner sizes have the same product."""
    data, target = args
    wanted = target.elements
    if data.kind is Kind.CONSTANT:
        return _reshape_constant(data, target)
    if data.kind is Kind.SIZES:
        return data if data.elements and wanted == (len(data.elements),) else MIXED
    inner = (data.shape or ())[1:]
    if not wanted or BATCH in wanted[1:] or None in wanted[:1] or wanted[0] not in (BATCH, -1):
        return MIXED
    known = wanted[1:]
    if wanted[0] == -1 and (not product(inner) or product(inner) != product(known)):
        return MIXED
    return rows((BATCH, *_filled_in(known, product(inner))))


def _reshape_constant(data: Value, target: Value) -> Value:
    wanted = target.elements
    if wanted is None:
        return UNKNOWN_CONSTANT
    if BATCH in wanted:
        return MIXED
    count = None if data.shape is None else product(data.shape)
    return Value(Kind.CONSTANT, tuple(_filled_in(wanted, count)), data.elements)


def _filled_in(wanted: tuple[Dim, ...], count: int | None) -> list[Dim]:
    """The sizes, -1 replaced by what is left of `count` elements (None where that is unknown)."""
    others = product(tuple(dim for dim in wanted if dim != -1))
    rest = count // others if count is not None and others else None
    return [rest if dim == -1 else dim for dim in wanted]


@_rule("ExpandDims")
def _expand_dims(_: Any, args: list[Value]) -> Value:
    data, axis = args
    if data.shape is None:
        return UNKNOWN_CONSTANT
    at = _axes(axis, len(data.shape) + 1)
    if at is None or len(at) != 1:
        return _unknown(*args)
    if data.kind is Kind.SIZES:
        return sizes(data.elements or ()) if data.shape == () else MIXED
    return _like([data], (*data.shape[: at[0]], 1, *data.shape[at[0] :]))


def _unknown(*args: Value) -> Value:
    """Nothing more can be said."""
    return UNKNOWN_CONSTANT if all(arg.kind is Kind.CONSTANT for arg in args) else MIXED


@_rule("Squeeze")
def _squeeze(node: Any, args: list[Value]) -> Value:
    """Without axes a single row would be squeezed out."""
    data, axes = args[0], _ints(node, "squeeze_dims")
    if data.shape is None or (data.kind is Kind.ROWS and not axes) or (not axes and None in data.shape):
        return _unknown(data)
    gone = {axis % len(data.shape) for axis in axes} or {at for at, dim in enumerate(data.shape) if dim == 1}
    return _like(args, tuple(dim for at, dim in enumerate(data.shape) if at not in gone))


@_rule("Transpose")
def _transpose(_: Any, args: list[Value]) -> Value:
    data, order = args[0], _axes(args[1], args[0].rank)
    if order is None or data.shape is None or len(order) != len(data.shape):
        return _unknown(*args)
    if data.kind is Kind.ROWS and order[0] != 0:
        return MIXED
    return _like(args, tuple(data.shape[axis] for axis in order))


@_rule("ConcatV2")
def _concat(_: Any, args: list[Value]) -> Value:
    parts, rank = args[:-1], args[0].rank
    if any(part.kind is Kind.SIZES for part in parts):
        return _joined(parts)
    axis = _axes(args[-1], rank)
    if not axis or rank is None or any(part.rank != rank for part in parts):
        return _unknown(*args)
    if axis[0] == 0 and all(part.elements is not None for part in parts) and rank == 1:
        return _joined(parts)
    if len({part.kind for part in parts}) > 1 or (parts[0].kind is Kind.ROWS and axis[0] == 0):
        return MIXED
    shape = list(parts[0].shape or ())
    shape[axis[0]] = _sum([_dim(part, axis[0]) for part in parts])
    return _like(args, tuple(shape))


def _joined(parts: list[Value]) -> Value:
    if any(part.elements is None or part.rank != 1 for part in parts):
        return MIXED
    return sizes(tuple(element for part in parts for element in part.elements or ()))


def _sum(dims: list[Dim]) -> Dim:
    known = [dim for dim in dims if isinstance(dim, int)]
    return sum(known) if len(known) == len(dims) else None


@_rule("Pack")
def _pack(node: Any, args: list[Value]) -> Value:
    axis, shape = _int(node, "axis"), args[0].shape
    if all(arg.shape == () and arg.kind is not Kind.ROWS for arg in args):
        return sizes(tuple((arg.elements or (None,))[0] for arg in args))
    if shape is None or any(arg.kind is not args[0].kind or arg.rank != args[0].rank for arg in args):
        return _unknown(*args)
    axis %= len(shape) + 1
    if args[0].kind is not Kind.CONSTANT and (axis == 0 or args[0].kind is Kind.SIZES):
        return MIXED
    return _like(args, (*shape[:axis], len(args), *shape[axis:]))


@_rule("Unpack")
def _unpack(node: Any, args: list[Value]) -> Result:
    data, axis = args[0], _int(node, "axis")
    if data.kind is Kind.SIZES:
        return [sizes((element,), scalar=True) for element in data.elements or ()]
    if data.shape is None or (data.kind is Kind.ROWS and axis % len(data.shape) == 0):
        return _unknown(data)
    axis %= len(data.shape)
    return [_like(args, data.shape[:axis] + data.shape[axis + 1 :])] * _int(node, "num")


@_rule("Split")
def _split(node: Any, args: list[Value]) -> Result:
    count = _int(node, "num_split", 1)
    dim, data = args
    axis = _axes(dim, data.rank)
    size = _dim(data, axis[0]) if axis else None
    return _parts(data, axis, [size // count if isinstance(size, int) else None] * count)


@_rule("SplitV")
def _split_v(node: Any, args: list[Value]) -> Result:
    data, lengths, dim = args
    known = _known(lengths) or []
    lost = len(known) != _int(node, "num_split", 1) or -1 in known
    return _parts(data, _axes(dim, data.rank), [None] * _int(node, "num_split", 1) if lost else list(known))


def _parts(data: Value, axis: list[int] | None, lengths: Sequence[Dim]) -> Result:
    if not axis or data.shape is None:
        return _unknown(data)
    if data.kind is Kind.ROWS and axis[0] == 0:
        return MIXED
    return [_like([data], (*data.shape[: axis[0]], length, *data.shape[axis[0] + 1 :])) for length in lengths]


@_rule("Slice")
def _slice(_: Any, args: list[Value]) -> Value:
    """On rows: from the first to the last."""
    data, begin, size = args
    if data.kind is Kind.SIZES:
        start, count = _known(begin), _known(size)
        if not start or not count or data.elements is None:
            return MIXED
        return sizes(data.elements[start[0] : None if count[0] < 0 else start[0] + count[0]])
    if data.shape is None or size.elements is None or not begin.elements or data.kind is Kind.CONSTANT:
        return _unknown(*args)
    if begin.kind is not Kind.CONSTANT:
        return MIXED
    if begin.elements[0] != 0 or size.elements[0] not in (-1, BATCH):
        return MIXED
    return rows((BATCH, *[dim if dim != -1 else None for dim in size.elements[1:]]))


@_rule("StridedSlice")
def _strided_slice(node: Any, args: list[Value]) -> Value:
    data = args[0]
    begin, end, stride = (arg.elements for arg in args[1:])
    lost = data.kind is Kind.CONSTANT and any(arg.kind is Kind.SIZES for arg in args)
    if begin is None or end is None or stride is None or data.shape is None or lost:
        return _unknown(*args)
    if data.rank == 1 and data.elements is not None:
        return _sliced_elements(node, data, begin, end, stride)
    return _like([data], _sliced_shape(node, data.shape, begin, end, stride))


def _sliced_elements(node: Any, data: Value, *spec: tuple[Dim, ...]) -> Value:
    """A slice of a vector of sizes, as Python would slice it."""
    if any(len(part) != 1 or not isinstance(part[0], int) for part in spec) or _int(node, "new_axis_mask"):
        return _unknown(data)
    begin, end, stride = (part[0] for part in spec)
    elements = data.elements or ()
    if _int(node, "shrink_axis_mask"):
        inside = isinstance(begin, int) and -len(elements) <= begin < len(elements)
        return sizes((elements[begin],), scalar=True) if inside else _unknown(data)  # type: ignore[index]
    first = None if _int(node, "begin_mask") else begin
    last = None if _int(node, "end_mask") else end
    return sizes(elements[first:last:stride])  # type: ignore[index]


def _sliced_shape(
    node: Any, shape: Shape, begin: tuple[Dim, ...], end: tuple[Dim, ...], stride: tuple[Dim, ...]
) -> Shape | None:
    """The shape of x[begin:end:stride, ...]; BATCH stays in it only where its dimension is taken whole and in order."""
    masks = {name: _int(node, f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    plain = sum(not (masks["ellipsis"] | masks["new_axis"]) >> at & 1 for at in range(len(begin)))
    out: list[Dim] = []
    axis = 0
    for at in range(len(begin)):
        on = {name for name, mask in masks.items() if mask >> at & 1}
        if "ellipsis" in on:
            skipped = max(len(shape) - plain, 0)
            out += shape[axis : axis + skipped]
            axis += skipped
        elif "new_axis" in on:
            out.append(1)
        elif axis >= len(shape):
            return None
        else:
            if "shrink_axis" not in on:
                out.append(_sliced_dim(shape[axis], begin[at], end[at], stride[at], on))
            elif shape[axis] == BATCH:
                return None
            axis += 1
    return (*out, *shape[axis:])


def _sliced_dim(dim: Dim, begin: Dim, end: Dim, stride: Dim, on: set[str]) -> Dim:
    if {"begin", "end"} <= on and stride == 1:
        return dim
    if dim == BATCH:
        whole = ("begin" in on or begin == 0) and ("end" in on or end == BATCH) and stride == 1
        return BATCH if whole else None
    if BATCH in (begin, end, stride):
        return BATCH  # where it must not be, so that nobody takes it for rows
    if not all(isinstance(part, int) for part in (dim, begin, end, stride)):
        return None
    span = slice(None if "begin" in on else begin, None if "end" in on else end, stride)
    return len(range(*span.indices(dim)))  # type: ignore[arg-type]


@_rule("Mean", "Sum", "Max", "Min", "Prod", "All", "Any", "EuclideanNorm", "ArgMax", "ArgMin")
def _reduce(node: Any, args: list[Value]) -> Value:
    data, axes = args[0], _axes(args[1], args[0].rank)
    if axes is None or data.shape is None or (data.kind is Kind.ROWS and 0 in axes):
        return _unknown(*args)
    keep = [1] if _flag(node, "keep_dims") else []
    return _like(args, tuple(d for at, dim in enumerate(data.shape) for d in ([dim] if at not in axes else keep)))


@_rule("Cumsum", "Cumprod", "CumulativeLogsumexp", "ReverseV2")
def _along(_: Any, args: list[Value]) -> Value:
    axes = _axes(args[1], args[0].rank)
    if axes is None or (args[0].kind is Kind.ROWS and 0 in axes):
        return _unknown(*args)
    return _like(args, args[0].shape)


@_rule("GatherV2", "ResourceGather", "Gather")
def _gather(node: Any, args: list[Value]) -> Value:  # noqa: PLR0911 - one for each way to gather
    """Rows of a table by row-wise numbers, or the same entries of every row."""
    table, index = args[:2]
    batch_dims = _int(node, "batch_dims")
    axis = _axes(args[2], table.rank) if len(args) > 2 else [batch_dims]  # noqa: PLR2004 - GatherV2
    if table.kind is Kind.SIZES:
        return _gathered_sizes(table, index)
    if not axis or table.shape is None or index.shape is None:
        return _unknown(*args)
    if batch_dims and not table.kind is index.kind is Kind.ROWS:
        return _unknown(*args)
    if not batch_dims and table.kind is Kind.ROWS and (axis[0] == 0 or index.kind is Kind.ROWS):
        return MIXED
    if index.kind is Kind.ROWS and table.kind is Kind.CONSTANT and axis[0] != 0:
        return MIXED
    if batch_dims > axis[0]:
        return MIXED
    return _like(args, (*table.shape[: axis[0]], *index.shape[batch_dims:], *table.shape[axis[0] + 1 :]))


def _gathered_sizes(table: Value, index: Value) -> Value:
    at, elements = _known(index), table.elements or ()
    if at is None or any(not 0 <= item < len(elements) for item in at) or index.rank not in (0, 1):
        return MIXED
    return sizes(tuple(elements[item] for item in at), scalar=index.rank == 0)


@_rule("OneHot")
def _one_hot(node: Any, args: list[Value]) -> Value:
    index, depth = args[:2]
    if index.shape is None or any(arg.kind is not Kind.CONSTANT for arg in args[1:]):
        return _unknown(*args)
    axis = _int(node, "axis", -1) % (len(index.shape) + 1)
    size = (depth.elements or (None,))[0]
    return _like(args, (*index.shape[:axis], size, *index.shape[axis:]))


@_rule("Pad", "PadV2", "MirrorPad")
def _pad(_: Any, args: list[Value]) -> Value:
    data, paddings = args[0], args[1].elements
    if data.shape is None or paddings is None or any(arg.kind is not Kind.CONSTANT for arg in args[1:]):
        return _unknown(*args)
    pairs = list(zip(paddings[::2], paddings[1::2], strict=True))
    if len(pairs) != len(data.shape):
        return MIXED
    shape = [dim if pair == (0, 0) else _sum([dim, *pair]) for dim, pair in zip(data.shape, pairs, strict=True)]
    return _like(args, tuple(shape))


@_rule("Tile")
def _tile(_: Any, args: list[Value]) -> Value:
    data, multiples = args[0], args[1].elements
    if data.shape is None or multiples is None or len(multiples) != len(data.shape) or data.kind is Kind.SIZES:
        return _unknown(*args)
    if BATCH in (*data.shape, *multiples):
        first = {data.shape[0], multiples[0]} == {BATCH, 1}
        inner = zip(data.shape[1:], multiples[1:], strict=True)
        return rows((BATCH, *(_times(dim, by) for dim, by in inner))) if first and BATCH not in multiples[1:] else MIXED
    return constant(tuple(_times(dim, by) for dim, by in zip(data.shape, multiples, strict=True)))


def _times(dim: Dim, by: Dim) -> Dim:
    return dim * by if isinstance(dim, int) and isinstance(by, int) else None


@_rule("Fill", "BroadcastTo")
def _fill(node: Any, args: list[Value]) -> Value:
    """The same for every row, as many as are fed."""
    target, data = args if node.op == "Fill" else args[::-1]
    wanted = target.elements
    if wanted is None or data.kind is Kind.SIZES:
        return _unknown(*args)
    if BATCH not in wanted:
        return constant(wanted) if data.kind is Kind.CONSTANT else MIXED
    return rows(broadcast([data.shape, wanted]))


@_rule("ResizeBilinear", "ResizeNearestNeighbor", "ResizeBicubic", "ResizeArea")
def _resize(_: Any, args: list[Value]) -> Value:
    size = (args[1].elements or (None, None))[:2]
    return _like(args, None if args[0].rank != 4 else (_dim(args[0], 0), *size, _dim(args[0], 3)))  # noqa: PLR2004


@_rule("DepthToSpace", "SpaceToDepth")
def _depth(_: Any, args: list[Value]) -> Value:
    return _like(args, None if args[0].shape is None else (args[0].shape[0], *[None] * (len(args[0].shape) - 1)))


@_rule("TopKV2")
def _top_k(_: Any, args: list[Value]) -> Value:
    data, count = args
    if (data.kind is Kind.ROWS and len(data.shape or ()) < 2) or data.shape is None:  # noqa: PLR2004
        return _unknown(data)
    return _like(args, (*data.shape[:-1], (count.elements or (None,))[0]))


@_rule("EnsureShape")
def _ensure_shape(node: Any, args: list[Value]) -> Value:
    wanted = node.attr["shape"].shape
    fixed = args[0].kind is Kind.ROWS and not wanted.unknown_rank and (not wanted.dim or wanted.dim[0].size != -1)
    return MIXED if fixed else args[0]


@_rule("Range", "LinSpace")
def _range(_: Any, __: list[Value]) -> Value:
    return constant((None,))


@_rule("PlaceholderWithDefault")
def _default(_: Any, args: list[Value]) -> Value:
    return _unknown(*args)


_MAX_ELEMENTS = 64
_DATA_FORMATS = frozenset(("NHWC", "NCHW", "NDHWC", "NCDHW"))
_INTEGERS = frozenset((3, 9))  # DT_INT32, DT_INT64
# Every other op makes of a number of rows something that is no row.
_TAKES_SIZES = frozenset(
    ("Identity", "IdentityN", "StopGradient", "Cast", "NoOp", "Pack", "Unpack", "ConcatV2", "Slice", "StridedSlice",
     "GatherV2", "Reshape", "ExpandDims", "Fill", "BroadcastTo", "Tile", "Shape", "Conv2DBackpropInput",
     "Conv3DBackpropInputV2")
)  # fmt: skip
