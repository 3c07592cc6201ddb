"""Random graphs: whatever is called row-wise answers the same merged and apart, however its ops were put together."""

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, note, reject, settings
from hypothesis import strategies as st

from serving.servables.row_wise import row_wise_signatures

tf = pytest.importorskip("tensorflow")

axes = st.integers(-3, 3)
sizes = st.sampled_from([-1, 1, 2, 3, 6, "rows", "inner"])
# Each takes a value of the pool, another one, and numbers to choose with.
STEPS = {
    "unary": lambda x, _, __: tf.tanh(x),
    "add": lambda x, y, _: x + y,
    "multiply": lambda x, y, _: x * y,
    "matmul": lambda x, y, d: tf.matmul(x, y, transpose_a=d(st.booleans()), transpose_b=d(st.booleans())),
    "softmax": lambda x, _, __: tf.nn.softmax(x),
    "softmax_axis": lambda x, _, d: tf.nn.softmax(x, axis=d(axes)),
    "mean": lambda x, _, d: tf.reduce_mean(x, d(axes), keepdims=d(st.booleans())),
    "sum_axes": lambda x, _, d: tf.reduce_sum(x, d(st.lists(axes, max_size=2, unique=True))),
    "argmax": lambda x, _, d: tf.cast(tf.argmax(x, d(axes)), tf.float32),
    "cumsum": lambda x, _, d: tf.cumsum(x, d(axes)),
    "reverse": lambda x, _, d: tf.reverse(x, [d(axes)]),
    "transpose": lambda x, _, d: tf.transpose(x, d(st.permutations(range(len(x.shape))))),
    "expand": lambda x, _, d: tf.expand_dims(x, d(axes)),
    "squeeze": lambda x, _, d: tf.squeeze(x, d(st.lists(axes, max_size=1))),
    "concat": lambda x, y, d: tf.concat([x, y], d(axes)),
    "stack": lambda x, y, d: tf.stack([x, y], d(axes)),
    "unstack": lambda x, _, d: tf.unstack(x, axis=d(axes))[0],
    "slice_old": lambda x, _, d: tf.slice(x, size_vector(x, d(old_begin)), size_vector(x, d(old_size))),
    "table": lambda x, _, d: tf.constant(np.ones((4, 2, 2), np.float32))[tuple(slice_of(x, d) for _ in range(2))],
    "split": lambda x, _, d: tf.split(x, 2, axis=d(axes))[d(st.integers(0, 1))],
    "reshape": lambda x, _, d: tf.reshape(x, size_vector(x, d(st.lists(sizes, min_size=1, max_size=3)))),
    "tile": lambda x, _, d: tf.tile(x, d(st.lists(st.integers(1, 2), min_size=len(x.shape), max_size=len(x.shape)))),
    "tile_rows": lambda x, _, d: tf.tile(x, size_vector(x, d(st.lists(st.sampled_from([1, 2, "rows"]), max_size=3)))),
    "fill": lambda x, _, d: tf.fill(size_vector(x, d(st.lists(sizes, max_size=3))), 0.5),
    "pad": lambda x, _, d: tf.pad(x, d(st.lists(pads, min_size=len(x.shape), max_size=len(x.shape)))),
    "slice": lambda x, _, d: x[tuple(slice_of(x, d) for _ in range(d(st.integers(1, 3))))],
    "gather": lambda x, y, d: tf.gather(
        x, tf.cast(tf.abs(y), tf.int32) * 0, axis=d(axes), batch_dims=d(st.integers(0, 1))
    ),
    "gather_one": lambda x, _, d: tf.gather(x, d(st.sampled_from([0, [0], [1, 0]])), axis=d(axes)),
    "one_hot": lambda x, _, d: tf.one_hot(tf.cast(x, tf.int32), 3, axis=d(st.integers(-1, 2))),
    "top_k": lambda x, _, __: tf.math.top_k(x, 2).values,
    "select": lambda x, y, _: tf.where(x > 0.0, x, y),
    "row_count": lambda x, _, d: tf.cast(tf.shape(x)[d(st.integers(0, 2))], tf.float32),
    "einsum": lambda x, y, d: tf.einsum(
        d(st.sampled_from(["ab,cb->ac", "ab,ab->a", "abc,cd->abd", "ab->ba", "ab,cd->a"])), x, y
    ),
    "constant": lambda _, __, d: tf.constant(np.ones(d(st.lists(st.integers(1, 3), max_size=3)), np.float32)),
}
old_begin = st.lists(st.sampled_from([0, 0, 1, "rows", "inner"]), min_size=2, max_size=3)
old_size = st.lists(st.sampled_from([-1, -1, 1, "rows", "inner"]), min_size=2, max_size=3)
pads = st.sampled_from([[0, 0], [0, 0], [1, 0]])


def size_vector(x, entries):
    """A shape; `rows` is the number of rows of x, `inner` its second size."""
    shape = tf.shape(x)
    return tf.stack([shape[0] if entry == "rows" else shape[1] if entry == "inner" else entry for entry in entries])


def slice_of(x, draw):
    """One entry of an index."""
    bound = st.sampled_from([None, None, 0, 1, -1])
    shape = tf.shape(x)[0]
    choices = [slice(None), slice(draw(bound), draw(bound)), slice(None, None, -1), slice(0, shape), 0, -1, None, ...]
    return choices[draw(st.integers(0, len(choices) - 1))]


@st.composite
def graphs(draw):
    """A graph of a few random ops from x: <float32>[rows, ...] to y, and its MetaGraphDef."""
    from tensorflow.core.protobuf import meta_graph_pb2

    inner = draw(st.lists(st.integers(1, 3), max_size=2))
    with tf.Graph().as_default() as graph:
        pool = [tf.compat.v1.placeholder(tf.float32, [None, *inner], name="x")]
        for _ in range(draw(st.integers(1, 4))):
            step = STEPS[draw(st.sampled_from(sorted(STEPS)))]
            # The newest more often than the others, so that the ops are in a row.
            one, other = draw(st.sampled_from([*pool, pool[-1]])), draw(st.sampled_from(pool))
            try:
                pool.append(step(one, other, draw))
            except (ValueError, TypeError, tf.errors.OpError):
                reject()
        answer = tf.identity(pool[-1], name="y")
    meta_graph = meta_graph_pb2.MetaGraphDef(graph_def=graph.as_graph_def())
    for info, shape in (
        (meta_graph.signature_def["s"].inputs["x"], inner),
        (meta_graph.signature_def["s"].outputs["y"], None),
    ):
        info.name = "y:0" if shape is None else "x:0"
        info.tensor_shape.unknown_rank = shape is None
        for size in [] if shape is None else [-1, *shape]:
            info.tensor_shape.dim.add().size = size
    note(graph.as_graph_def())
    return meta_graph, graph, answer, inner


@given(graphs(), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_no_random_graph_is_called_row_wise_that_is_not(built, first, second, seed):
    """Two requests in one run get what they get in a run of their own."""
    meta_graph, graph, answer, inner = built
    if "s" not in row_wise_signatures(meta_graph):
        return
    event("row-wise")
    values = np.random.default_rng(seed).normal(size=(first + second, *inner)).astype(np.float32)
    with tf.compat.v1.Session(graph=graph) as session:
        try:
            merged = session.run(answer, {"x:0": values})
            apart = [session.run(answer, {"x:0": part}) for part in (values[:first], values[first:])]
        except tf.errors.InvalidArgumentError:
            return  # such a run falls back to single ones

    assert [first, second] == [len(part) for part in apart]
    np.testing.assert_allclose(merged, np.concatenate(apart), rtol=1e-4, atol=1e-5)
