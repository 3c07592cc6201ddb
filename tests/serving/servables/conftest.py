"""SavedModels of every odd kind, each built once."""

from pathlib import Path

import pytest

VOCABULARY = ["apple", "pear"]
RARE = ("half", "bfloat16", "complex64", "complex128", "bool", "int8", "uint8", "uint32", "uint64", "double")


def rewrite(path: Path, change) -> None:
    """Changes the one meta graph of a SavedModel on disk."""
    from tensorflow.core.protobuf import saved_model_pb2

    file = path / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    change(saved.meta_graphs[0])
    file.write_bytes(saved.SerializeToString())


@pytest.fixture(scope="session")
def odd_tf2(tmp_path_factory) -> Path:
    """A tf.Module with a vocabulary file, a counter, ragged inputs, an optional input and more, a signature each."""
    import tensorflow as tf

    root = tmp_path_factory.mktemp("odd")
    vocabulary = root / "vocabulary.txt"
    vocabulary.write_text("\n".join(VOCABULARY))

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.counter = tf.Variable(0, dtype=tf.int64)
            init = tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.table = tf.lookup.StaticVocabularyTable(init, 1)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="word")])
        def lookup(self, word):
            return {"index": self.table.lookup(word), "word_bytes": word}

        @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="step")])
        def count(self, step):
            return {"count": self.counter.assign_add(step)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int64)])
        def ragged(self, values, lengths):
            rows = tf.RaggedTensor.from_row_lengths(values, lengths)
            return {"sums": tf.reduce_sum(rows, 1)}

        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="any")])
        def shape(self, any):  # noqa: A002
            return {"shape": tf.shape(any), "same": any + 0}

        @tf.function(
            input_signature=[tf.TensorSpec([None], tf.float32, name="x"), tf.TensorSpec([], tf.float32, name="scale")]
        )
        def scaled(self, x, scale):
            return {"y": x * scale}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def parse(self, examples):
            spec = {"x": tf.io.FixedLenFeature([2], tf.float32), "tags": tf.io.VarLenFeature(tf.string)}
            parsed = tf.io.parse_example(examples, spec)
            return {"sum": tf.reduce_sum(parsed["x"], 1), "tags": tf.sparse.to_dense(parsed["tags"], default_value="")}

        @tf.function(input_signature=[tf.TensorSpec([], tf.int32, name="start")])
        def endless(self, start):
            return {"never": tf.while_loop(lambda i: i > -1, lambda i: (i * 0,), [start])[0]}

    model = Model()
    names = ("lookup", "count", "ragged", "shape", "scaled", "parse", "endless")
    signatures = {name: getattr(model, name) for name in names}
    specs = {dtype.name: tf.TensorSpec([None], dtype) for dtype in map(tf.as_dtype, RARE)}
    rare = tf.function(lambda **inputs: {f"o_{name}": tf.identity(value) for name, value in inputs.items()})
    signatures["rare"] = rare.get_concrete_function(**specs)
    tf.saved_model.save(model, str(root / "1"), signatures=signatures)

    def default_scale(meta_graph):
        meta_graph.signature_def["scaled"].defaults["scale"].CopyFrom(tf.make_tensor_proto(2.0, tf.float32))

    rewrite(root / "1", default_scale)
    vocabulary.unlink()
    return root / "1"


@pytest.fixture(scope="session")
def odd_tf1(tmp_path_factory) -> Path:
    """A SavedModel as TensorFlow 1 wrote them: reference variables, a main op, an asset in a collection."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    root = tmp_path_factory.mktemp("odd_tf1")
    vocabulary = root / "vocabulary.txt"
    vocabulary.write_text("\n".join(VOCABULARY))
    with tf.Graph().as_default(), tf1.Session() as session:
        x = tf1.placeholder(tf.float32, [2, 2], name="x")
        weight = tf1.get_variable("weight", initializer=3.0, use_resource=False)
        counter = tf1.get_variable("counter", initializer=0.0, use_resource=False)
        word = tf1.placeholder(tf.string, [None], name="word")
        asset = tf.constant(str(vocabulary))
        tf1.add_to_collection(tf1.GraphKeys.ASSET_FILEPATHS, asset)
        init = tf.lookup.TextFileInitializer(
            asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        table = tf.lookup.StaticHashTable(init, -1)
        queue = tf.queue.FIFOQueue(1, [tf.float32], shapes=[[]])
        signatures = {
            "serving_default": ({"x": x}, {"y": x * weight, "twice": x * weight}),
            "count": ({"step": tf1.placeholder(tf.float32, [], name="step")}, {}),
            "lookup": ({"word": word}, {"index": table.lookup(word)}),
            "echo": ({"x": x}, {"x": x, "y": x * weight}),
            "block": ({"x": x}, {"y": queue.dequeue()}),
        }
        signatures["count"][1]["count"] = tf1.assign_add(counter, signatures["count"][0]["step"])
        session.run(tf1.global_variables_initializer())
        session.run(tf1.tables_initializer())
        builder = tf1.saved_model.Builder(str(root / "1"))
        info = tf1.saved_model.build_tensor_info
        builder.add_meta_graph_and_variables(
            session,
            ["serve", "cpu"],
            signature_def_map={
                name: tf1.saved_model.build_signature_def(
                    {alias: info(tensor) for alias, tensor in inputs.items()},
                    {alias: info(tensor) for alias, tensor in outputs.items()},
                    "custom",
                )
                for name, (inputs, outputs) in signatures.items()
            },
            main_op=tf1.tables_initializer(),
            assets_collection=tf1.get_collection(tf1.GraphKeys.ASSET_FILEPATHS),
        )
        builder.save()
    vocabulary.unlink()
    return root / "1"
