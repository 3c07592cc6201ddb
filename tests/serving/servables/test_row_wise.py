"""What is called row-wise gives the same answers merged and apart; what depends on other rows is never called so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.servables.row_wise import RowWise, row_wise_signatures

tf = pytest.importorskip("tensorflow")

FLAT, ROWS3, IMAGE = [None, 4], [None, 3, 4], [None, 6, 6, 2]
RANDOM = np.random.default_rng(7)


def const(*shape):
    """The same numbers in every run of the tests."""
    return tf.constant(np.random.default_rng(sum(shape)).normal(size=shape), tf.float32)


def batch_norm(x, *, training):
    """The fused kernel."""
    return tf.compat.v1.nn.fused_batch_norm(
        x, const(2), const(2), *(() if training else (const(2), tf.abs(const(2)))), is_training=training
    )[0]


def flatten(x):
    """As Keras does: the batch by its size, the rest by its product."""
    return tf.reshape(x, [tf.shape(x)[0], -1])


# Name: input shape, function.
ROW_WISE = {
    "identity": (FLAT, tf.identity),
    "dense": (FLAT, lambda x: tf.nn.relu(x @ const(4, 5) + const(5))),
    "dense_transposed": (FLAT, lambda x: tf.matmul(x, const(5, 4), transpose_b=True)),
    "bias": (FLAT, lambda x: tf.nn.bias_add(x, const(4))),
    "softmax": (FLAT, tf.nn.softmax),
    "log_softmax": (ROWS3, tf.nn.log_softmax),
    "unary": (FLAT, lambda x: tf.tanh(tf.nn.elu(tf.nn.leaky_relu(tf.exp(-tf.abs(x)))))),
    "broadcast": (ROWS3, lambda x: (x * const(4) + const(3, 1)) / (1.0 + const(1, 3, 4) ** 2)),
    "outer": (FLAT, lambda x: x[:, :, None] * x[:, None, :]),
    "compare": (FLAT, lambda x: tf.where(x > 0.0, x, tf.zeros_like(x))),
    "clip": (FLAT, lambda x: tf.clip_by_value(x, -1.0, 1.0)),
    "vector": ([None], lambda x: x * 2.0 + 1.0),
    "vector_to_column": ([None], lambda x: tf.reshape(x, [-1, 1])),
    "column_to_vector": ([None, 1], lambda x: tf.squeeze(x, [1])),
    "conv": (IMAGE, lambda x: tf.nn.conv2d(x, const(3, 3, 2, 5), 1, "SAME")),
    "conv_flat": (IMAGE, lambda x: tf.reshape(tf.nn.conv2d(x, const(3, 3, 2, 5), 2, "VALID"), [-1, 2 * 2 * 5])),
    "depthwise": (IMAGE, lambda x: tf.nn.depthwise_conv2d(x, const(3, 3, 2, 2), [1, 1, 1, 1], "SAME")),
    "conv_transposed": (
        IMAGE,
        lambda x: tf.nn.conv2d_transpose(x, const(3, 3, 5, 2), [tf.shape(x)[0], 12, 12, 5], 2, "SAME"),
    ),
    "max_pool": (IMAGE, lambda x: flatten(tf.nn.max_pool2d(x, 2, 2, "VALID"))),
    "avg_pool": (IMAGE, lambda x: tf.reshape(tf.nn.avg_pool2d(x, 3, 2, "SAME"), [-1, 3 * 3 * 2])),
    "batch_norm_inference": (IMAGE, lambda x: batch_norm(x, training=False)),
    "resize": (IMAGE, lambda x: tf.image.resize(x, [3, 3])),
    "depth_to_space": ([None, 2, 2, 4], lambda x: tf.nn.depth_to_space(x, 2)),
    "flatten": (IMAGE, flatten),
    "reshape_by_product": (IMAGE, lambda x: tf.reshape(x, [-1, 9, 8])),
    "reshape_by_sizes": (ROWS3, lambda x: tf.reshape(x, [tf.shape(x)[0], tf.shape(x)[1] * 4])),
    "expand_squeeze": (FLAT, lambda x: tf.squeeze(tf.expand_dims(x, 1), 1)),
    "transpose": (ROWS3, lambda x: tf.transpose(x, [0, 2, 1])),
    "concat": (FLAT, lambda x: tf.concat([x, x * 2.0], -1)),
    "stack": (FLAT, lambda x: tf.stack([x, x * 2.0], 1)),
    "unstack": (ROWS3, lambda x: tf.add_n(tf.unstack(x, axis=1))),
    "split": (FLAT, lambda x: tf.split(x, 2, axis=1)[1]),
    "split_sizes": (FLAT, lambda x: tf.split(x, [1, 3], axis=1)[1]),
    "slice_inner": (ROWS3, lambda x: x[:, 1:, ::-1]),
    "slice_ellipsis": (ROWS3, lambda x: x[..., 0]),
    "slice_shrink": (ROWS3, lambda x: x[:, -1]),
    "slice_old": (ROWS3, lambda x: tf.slice(x, [0, 1, 0], [-1, 2, -1])),
    "mean": (ROWS3, lambda x: tf.reduce_mean(x, [1, 2])),
    "sum_kept": (ROWS3, lambda x: tf.reduce_sum(x, -1, keepdims=True)),
    "argmax": (FLAT, lambda x: tf.argmax(x, 1)),
    "cumsum_inner": (FLAT, lambda x: tf.cumsum(x, 1)),
    "reverse_inner": (FLAT, lambda x: tf.reverse(x, [1])),
    "gather_table": (FLAT, lambda x: tf.gather(const(4, 3), tf.argmax(x, 1))),
    "gather_columns": (FLAT, lambda x: tf.gather(x, [2, 0], axis=1)),
    "gather_own": (FLAT, lambda x: tf.gather(x, tf.argmax(x, 1)[:, None], batch_dims=1)),
    "one_hot": (FLAT, lambda x: tf.one_hot(tf.argmax(x, 1), 4)),
    "top_k": (FLAT, lambda x: tf.math.top_k(x, 2).values + tf.cast(tf.math.top_k(x, 2).indices, tf.float32)),
    "pad": (FLAT, lambda x: tf.pad(x, [[0, 0], [1, 2]])),
    "tile": (FLAT, lambda x: tf.tile(x, [1, 2])),
    "class_token": (ROWS3, lambda x: tf.concat([tf.tile(const(1, 1, 4), [tf.shape(x)[0], 1, 1]), x], 1)),
    "start_state": (FLAT, lambda x: x + tf.zeros([tf.shape(x)[0], 4])),
    "batch_matmul": (ROWS3, lambda x: tf.matmul(x, x, transpose_b=True)),
    "batch_matmul_const": (ROWS3, lambda x: tf.matmul(tf.nn.softmax(x), const(1, 4, 2))),
    "einsum": (ROWS3, lambda x: tf.einsum("abc,cd->abd", x, const(4, 5))),
    "einsum_attention": (ROWS3, lambda x: tf.einsum("abc,adc->abd", x, x)),
    "layer_norm": (
        FLAT,
        lambda x: (
            (x - tf.reduce_mean(x, 1, keepdims=True)) * tf.math.rsqrt(tf.math.reduce_variance(x, 1)[:, None] + 1.0)
        ),
    ),
    "inner_size_unknown": ([None, None], lambda x: tf.reduce_sum(x, 1) / tf.cast(tf.shape(x)[1], tf.float32)),
    "nested_function": (FLAT, tf.function(lambda x: tf.function(lambda z: z + 1.0, autograph=False)(x) * 2.0)),
}
NOT_ROW_WISE = {
    "softmax_over_rows": (FLAT, lambda x: tf.nn.softmax(x, axis=0)),
    "softmax_of_vector": ([None], tf.nn.softmax),
    "mean_over_rows": (FLAT, lambda x: x - tf.reduce_mean(x, 0)),
    "mean_over_all": (FLAT, lambda x: x - tf.reduce_mean(x)),
    "max_over_rows": (FLAT, lambda x: x / tf.reduce_max(x, 0, keepdims=True)),
    "cumsum_over_rows": (FLAT, tf.cumsum),
    "reverse_rows": (FLAT, lambda x: tf.reverse(x, [0])),
    "reverse_rows_slice": (FLAT, lambda x: x[::-1]),
    "sort_rows": (FLAT, lambda x: tf.sort(x, axis=0)),
    "batch_norm_training": (IMAGE, lambda x: batch_norm(x, training=True)),
    "gram": (FLAT, lambda x: x @ tf.transpose(x)),
    "gram_transposed": (FLAT, lambda x: tf.matmul(x, x, transpose_b=True)),
    "row_count": (FLAT, lambda x: x * tf.cast(tf.shape(x)[0], tf.float32)),
    "row_count_returned": (FLAT, lambda x: tf.fill([tf.shape(x)[0]], tf.shape(x)[0])),
    "row_numbers": (FLAT, lambda x: x + tf.cast(tf.range(tf.shape(x)[0]), tf.float32)[:, None]),
    "shape": (FLAT, tf.shape),
    "first_row": (FLAT, lambda x: x - x[0]),
    "first_row_kept": (FLAT, lambda x: x - x[:1]),
    "all_but_first": (FLAT, lambda x: x[1:]),
    "every_other": (FLAT, lambda x: x[::2]),
    "columns_by_row_count": (FLAT, lambda x: x[:, : tf.shape(x)[0]]),
    "table_by_row_count": (FLAT, lambda x: x + const(9)[: tf.shape(x)[0], None]),
    "table_entry_by_row_count": (FLAT, lambda x: x + tf.gather(const(99), tf.shape(x)[0])),
    "constant_rows": (FLAT, lambda x: x + const(2, 4)),
    "constant_rows_above": (FLAT, lambda x: x + const(2, 1, 4)),
    "vector_meets_matrix": ([None], lambda x: x + x[:, None]),
    "matrix_meets_vector": (FLAT, lambda x: x + x[:, 0]),
    "concat_rows": (FLAT, lambda x: tf.concat([x, x], 0)),
    "concat_constant": (FLAT, lambda x: tf.concat([x, const(1, 4)], 0)),
    "stack_first": (FLAT, lambda x: tf.stack([x, x], 0)),
    "tile_rows": (FLAT, lambda x: tf.tile(x, [2, 1])),
    "tile_columns_by_row_count": (FLAT, lambda x: tf.tile(x, [1, tf.shape(x)[0]])),
    "tile_constant_rows": (FLAT, lambda x: tf.tile(const(2, 4), [tf.shape(x)[0], 1])),
    "slice_from_row_count": (FLAT, lambda x: tf.slice(x, [0, tf.shape(x)[0] // 9], [-1, 1])),
    "repeat_rows": (FLAT, lambda x: tf.repeat(x, 2, axis=0)),
    "pad_rows": (FLAT, lambda x: tf.pad(x, [[1, 0], [0, 0]])),
    "transpose": (FLAT, tf.transpose),
    "reshape_to_vector": (FLAT, lambda x: tf.reshape(x, [-1])),
    "reshape_other_product": (FLAT, lambda x: tf.reshape(x, [-1, 2])),
    "reshape_unknown_product": ([None, None], lambda x: tf.reshape(x, [-1, 4])),
    "reshape_rows_to_columns": (FLAT, lambda x: tf.reshape(x, [4, tf.shape(x)[0]])),
    "squeeze_everything": ([None, 1], tf.squeeze),
    "argmax_over_rows": (FLAT, lambda x: x + tf.cast(tf.argmax(x, 0), tf.float32)),
    "one_hot_first": (FLAT, lambda x: tf.one_hot(tf.argmax(x, 1), 4, axis=0)),
    "gather_rows": (FLAT, lambda x: tf.gather(x, tf.argmax(x, 1))),
    "gather_first_row": (FLAT, lambda x: x * tf.gather(x, [0])),
    "top_k_of_vector": ([None], lambda x: x - tf.math.top_k(x, 1).values),
    "einsum_over_rows": (FLAT, lambda x: tf.einsum("ab,cb->ac", x, x)),
    "einsum_rows_summed": (FLAT, lambda x: tf.einsum("ab,cb->a", x, x)),
    "einsum_rows_last": (FLAT, lambda x: tf.einsum("ab->ba", x)),
    "random": (FLAT, lambda x: x + tf.random.uniform(tf.shape(x))),
    "random_seeded": (FLAT, lambda x: x + tf.random.stateless_uniform(tf.shape(x), [1, 2])),
    "dropout": (FLAT, lambda x: tf.nn.dropout(x, 0.5)),
    "while": (FLAT, lambda x: tf.while_loop(lambda z: tf.reduce_sum(z) < 9.0, lambda z: (z + 1.0,), [tf.abs(x)])[0]),
    "cond": (FLAT, lambda x: tf.cond(tf.reduce_sum(x) > 0.0, lambda: x, lambda: -x)),
    "map": (FLAT, lambda x: tf.map_fn(lambda row: row * 2.0, x)),
    "print": (FLAT, lambda x: (tf.print(x), x)[1]),
    "python": (FLAT, lambda x: tf.numpy_function(lambda z: z, [x], tf.float32) + x),
    "time": (FLAT, lambda x: x + tf.cast(tf.timestamp(), tf.float32)),
    "unique": ([None], lambda x: tf.unique(x)[0]),
    "mask": (FLAT, lambda x: tf.boolean_mask(x, x[:, 0] > 0.0)),
    "segment": (FLAT, lambda x: tf.math.unsorted_segment_sum(x, tf.zeros([tf.shape(x)[0]], tf.int32), 3)),
    "normalise_everything": (FLAT, tf.nn.l2_normalize),
    "space_to_batch": (IMAGE, lambda x: tf.nn.space_to_batch(x, [2, 2], [[0, 0], [0, 0]])),
    "one_row_only": ([1, 4], tf.identity),
    "no_rows": ([], tf.identity),
    "assert": (FLAT, lambda x: (tf.debugging.assert_greater(tf.reduce_sum(x), 0.0), x)[1]),
}


class Model(tf.Module):
    """Every case is a signature; what has a part in more than its answer is written out below."""

    def __init__(self):
        super().__init__()
        self.table = tf.Variable(const(5, 3))
        self.weights = tf.Variable(const(4, 3))
        self.counter = tf.Variable(0.0)
        keys = tf.lookup.KeyValueTensorInitializer(["a"], [1.0])
        self.words = tf.lookup.StaticHashTable(keys, 0.0)

    def with_variables(self):
        """Row-wise ones and others that use variables, tables and several inputs."""
        flat, number = tf.TensorSpec(FLAT, name="x"), tf.TensorSpec([None], tf.int64, name="number")
        text = tf.TensorSpec([None], tf.string, name="x")
        fixed = tf.TensorSpec([3], tf.int64, name="number")
        return {
            "variable": ([flat], lambda x: {"y": x @ self.weights}),
            "embedding": ([number], lambda number: {"y": tf.nn.embedding_lookup(self.table, number % 5)}),
            "two_inputs": (
                [flat, number],
                lambda x, number: {"y": x * tf.cast(number, tf.float32)[:, None], "z": number},
            ),
            "text_length": ([text], lambda x: {"y": tf.strings.length(x)}),
            "count": ([flat], lambda x: {"y": x + self.counter.assign_add(1.0)}),
            "count_beside": ([flat], self.count_beside),
            "lookup": ([text], lambda x: {"y": self.words.lookup(x)}),
            "one_of_two": ([flat], lambda x: {"y": x, "z": tf.reduce_sum(x, 0)}),
            "fixed_beside": ([flat, fixed], lambda x, number: {"y": x + tf.cast(tf.reduce_sum(number), tf.float32)}),
            "two_products": (
                [flat, tf.TensorSpec(FLAT, name="w")],
                lambda x, w: {"y": tf.matmul(x, w, transpose_b=True)},
            ),
        }

    def count_beside(self, x):
        """The answer does not depend on the effect."""
        self.counter.assign_add(1.0)
        return {"y": x * 2.0}


WITH_VARIABLES = {"variable", "embedding", "two_inputs", "text_length"}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The MetaGraphDef of a SavedModel with every case, and its signatures to run them."""
    from tensorflow.core.protobuf import saved_model_pb2

    path = tmp_path_factory.mktemp("row_wise") / "1"
    model = Model()
    cases = {
        name: ([tf.TensorSpec(shape, name="x")], lambda x, case=case: {"y": case(x)})
        for name, (shape, case) in (ROW_WISE | {f"not_{key}": value for key, value in NOT_ROW_WISE.items()}).items()
    }
    signatures = {
        name: tf.function(case, input_signature=specs, autograph=False)
        for name, (specs, case) in (cases | model.with_variables()).items()
    }
    tf.saved_model.save(model, str(path), signatures=signatures)
    meta_graph = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs[0]
    return row_wise_signatures(meta_graph), tf.saved_model.load(str(path)).signatures


def test_every_case_that_is_row_wise_is_called_so(saved):
    """Every rule has a case."""
    assert (set(ROW_WISE) | WITH_VARIABLES) - set(saved[0]) == set()


def test_no_case_that_depends_on_other_rows_is_called_row_wise(saved):
    """Nor one with an effect, a loop, a random number, a look-up, a fixed size."""
    assert set(saved[0]) - set(ROW_WISE) - WITH_VARIABLES == set()


@pytest.mark.parametrize("name", ROW_WISE)
@settings(max_examples=5, deadline=None)
@given(counts=st.lists(st.integers(1, 4), min_size=2, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_row_wise_answers_are_the_same_merged_and_apart(saved, name, counts, seed):
    """Up to rounding, which may differ with the size of a batch."""
    _, signatures = saved
    shape = [3 if size is None else size for size in ROW_WISE[name][0][1:]]
    values = np.random.default_rng(seed).normal(size=(sum(counts), *shape)).astype(np.float32)
    ends = np.cumsum(counts)

    merged = signatures[name](x=tf.constant(values))["y"].numpy()
    apart = [signatures[name](x=tf.constant(part))["y"].numpy() for part in np.split(values, ends[:-1])]

    assert len(values) == len(merged)
    for one, other in zip(np.split(merged, ends[:-1]), apart, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["conv", "class_token", "inner_size_unknown", "gather_own"])
def test_no_rows_give_no_rows(saved, name):
    """A request for nothing may be merged too."""
    shape = [3 if size is None else size for size in ROW_WISE[name][0][1:]]

    assert 0 == len(saved[1][name](x=tf.zeros([0, *shape]))["y"])


def test_only_the_proved_shapes_may_be_merged():
    """Any shape can be fed, but the proof holds for the signature's."""
    row_wise = RowWise({"x:0": (4,), "n:0": (), "free:0": (None, 2)})

    assert 3 == row_wise.row_count(["x:0"], [np.ones((3, 4))])
    assert 0 == row_wise.row_count(["x:0"], [np.ones((0, 4))])
    assert row_wise.row_count(["x:0"], [np.ones((3, 5))]) is None
    assert row_wise.row_count(["x:0"], [np.ones(4)]) is None
    assert row_wise.row_count(["x:0"], [np.ones((3, 4, 1))]) is None
    assert 3 == row_wise.row_count(["n:0", "x:0"], [np.ones(3), np.ones((3, 4))])
    assert row_wise.row_count(["n:0", "x:0"], [np.ones(2), np.ones((3, 4))]) is None
    assert 1 == row_wise.row_count(["free:0"], [np.ones((1, 9, 2))])
    assert row_wise.row_count(["n:0"], [np.array(3.0)]) is None
    assert row_wise.row_count([], []) is None


def test_the_shapes_proved_are_those_of_the_signature(saved):
    """By tensor name, dimension 0 left out."""
    assert {"two_inputs_number:0": (), "two_inputs_x:0": (4,)} == dict(saved[0]["two_inputs"].inner_shapes)


def keras_models():
    """By name: a model, and whether it is row-wise."""
    import keras

    layers = keras.layers
    token = layers.Input((5, 8))
    attended = layers.LayerNormalization()(token + layers.MultiHeadAttention(2, 4)(token, token))
    return {
        "cnn": (
            keras.Sequential(
                [
                    layers.Input((12, 12, 1)),
                    layers.Rescaling(1 / 255),
                    layers.Conv2D(4, 3, activation="relu"),
                    layers.BatchNormalization(),
                    layers.MaxPooling2D(),
                    layers.DepthwiseConv2D(3),
                    layers.Dropout(0.5),
                    layers.Flatten(),
                    layers.Dense(10, activation="softmax"),
                ]
            ),
            True,
        ),
        "text": (
            keras.Sequential(
                [
                    layers.Input((6,), dtype="int32"),
                    layers.Embedding(20, 8),
                    layers.GlobalAveragePooling1D(),
                    layers.Dense(4, activation="gelu"),
                    layers.Reshape((2, 2)),
                ]
            ),
            True,
        ),
        "attention": (keras.Model(token, layers.Dense(3)(layers.GlobalMaxPooling1D()(attended))), True),
        "recurrent": (keras.Sequential([layers.Input((5, 3)), layers.GRU(4)]), False),
    }


@pytest.mark.parametrize("name", ["cnn", "text", "attention", "recurrent"])
def test_keras_models_are_row_wise_but_for_loops(name, tmp_path):
    """As `model.export` writes them."""
    from tensorflow.core.protobuf import saved_model_pb2

    model, expected = keras_models()[name]
    model.export(str(tmp_path / "1"), verbose=False)
    meta_graph = saved_model_pb2.SavedModel.FromString((tmp_path / "1" / "saved_model.pb").read_bytes()).meta_graphs[0]

    assert ("serving_default" in row_wise_signatures(meta_graph)) == expected


def test_a_damaged_graph_is_not_row_wise():
    """A cycle, a missing node, a function without end, an input that does not exist."""
    from google.protobuf import text_format
    from tensorflow.core.protobuf import meta_graph_pb2

    signature = """
      signature_def { key: "s" value {
        inputs { key: "x" value { name: "x:0" tensor_shape { dim { size: -1 } } } }
        outputs { key: "y" value { name: "y:0" tensor_shape { dim { size: -1 } } } } } }
    """
    call = 'attr { key: "f" value { func { name: "f" } } }'
    endless = f"""library {{ function {{ signature {{ name: "f" input_arg {{ name: "a" }} output_arg {{ name: "b" }} }}
      node_def {{ name: "c" op: "PartitionedCall" input: "a" {call} }} ret {{ key: "b" value: "c:output:0" }} }} }}"""
    graphs = {
        'node { name: "y" op: "Identity" input: "x" }': True,
        'node { name: "y" op: "Identity" input: "y" }': False,
        'node { name: "y" op: "Identity" input: "z" }': False,
        'node { name: "y" op: "Identity" }': False,
        'node { name: "y" op: "Add" input: "x" }': True,
        'node { name: "y" op: "MatMul" input: "x" }': False,
        'node { name: "y" op: "Split" input: "x" }': False,
        'node { name: "y" op: "Identity" input: "x" input: "^z" } node { name: "z" op: "AssignAddVariableOp" }': False,
        "": False,
        f'node {{ name: "y" op: "PartitionedCall" input: "x" {call} }} {endless}': False,
        f'node {{ name: "y" op: "PartitionedCall" input: "x" {call} }}': False,
    }
    for graph, expected in graphs.items():
        meta_graph = text_format.Parse(f"graph_def {{ {graph} }} {signature}", meta_graph_pb2.MetaGraphDef())
        assert ("s" in row_wise_signatures(meta_graph)) == expected, graph
