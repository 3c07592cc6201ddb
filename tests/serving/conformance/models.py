"""Builds every SavedModel of the conformance tests: `python models.py FOLDER` writes `FOLDER/<model>`.

TensorFlow is imported here and nowhere else, so that one process pays for it once.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
)

v1 = tf.compat.v1
CLASSIFY, REGRESS, PREDICT = (f"tensorflow/serving/{kind}" for kind in ("classify", "regress", "predict"))
DTYPES = [
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "string",
    "float16",
    "bfloat16",
    "complex64",
    "qint8",
    "quint8",
    "qint16",
    "quint16",
    "qint32",
]


def signature(inputs, outputs, method=PREDICT):
    """A SignatureDef from alias -> tensor."""
    info = v1.saved_model.build_tensor_info
    return v1.saved_model.build_signature_def(
        {alias: info(tensor) for alias, tensor in inputs.items()},
        {alias: info(tensor) for alias, tensor in outputs.items()},
        method,
    )


def save(path, build):
    """Writes a TF1 SavedModel of the graph and the signatures that `build` makes."""
    with tf.Graph().as_default(), v1.Session() as session:
        signatures = build()
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()


def half_plus_two():
    """Upstream's saved_model_half_plus_two: y = x/2 + 2, y2 = x/2 + 3, y3 = x2/2 + 3, and its five signatures."""
    half, two, three = (v1.Variable(value, name=name) for name, value in (("a", 0.5), ("b", 2.0), ("c", 3.0)))
    examples = v1.placeholder(tf.string, [None], name="tf_example")
    features = v1.parse_example(
        examples,
        {
            "x": tf.io.FixedLenFeature([1], tf.float32),
            "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
        },
    )
    x, x2 = tf.identity(features["x"], name="x"), tf.identity(features["x2"], name="x2")
    y = tf.add(half * x, two, name="y")
    y2 = tf.add(half * x, three, name="y2")
    y3 = tf.add(half * x2, three, name="y3")
    return {
        "serving_default": signature({"x": x}, {"y": y}),
        "classify_x_to_y": signature({"inputs": examples}, {"scores": y}, CLASSIFY),
        "regress_x_to_y": signature({"inputs": examples}, {"outputs": y}, REGRESS),
        "regress_x_to_y2": signature({"inputs": examples}, {"outputs": y2}, REGRESS),
        "regress_x2_to_y3": signature({"inputs": x2}, {"outputs": y3}, REGRESS),
    }


def echo():
    """Every dtype of unknown rank, answered as it came; and pairs, bytes, scalars and unequal batches."""
    signatures = {}
    for name in DTYPES:
        x = v1.placeholder(tf.as_dtype(name), shape=None, name=f"{name}_x")
        signatures[name] = signature({"x": x}, {"y": tf.identity(x, name=f"{name}_y")})
        if name == "float32":
            signatures["serving_default"] = signatures[name]
            everything, first = tf.identity(x, name="all"), tf.identity(x[:1], name="first")
            signatures["sizes"] = signature({"x": x}, {"all": everything, "first": first})
            signatures["total"] = signature({"x": x}, {"total": tf.reduce_sum(x, name="total")})
            signatures["complex_out"] = signature({"x": x}, {"y": tf.complex(x, x, name="complex_out")})
            odd = tf.identity(x, name="odd")
            signatures["odd_method"] = signature({"x": x}, {"y": odd}, "tensorflow/serving/other")
        if name == "string":
            signatures["raw"] = signature({"x": x}, {"y_bytes": tf.identity(x, name="raw")})
            signatures["text_and_raw"] = signature(
                {"x": x}, {"text": tf.identity(x, name="text"), "z_bytes": tf.identity(x, name="z_raw")}
            )
        if name == "int32":
            signatures["int_bytes"] = signature({"x": x}, {"y_bytes": tf.identity(x, name="int_raw")})
    a, b = v1.placeholder(tf.float32, None, name="pair_a"), v1.placeholder(tf.int32, None, name="pair_b")
    p, q = tf.identity(a, name="pair_p"), tf.identity(b, name="pair_q")
    signatures["pair"] = signature({"a": a, "b": b}, {"p": p, "q": q})
    return signatures


def matrix():
    """Y = x @ [[1], [10]], x: <float32>[?, 2]."""
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    return {"serving_default": signature({"x": x}, {"y": tf.matmul(x, [[1.0], [10.0]], name="y")})}


def defaults():
    """Z = x + y, where y need not be sent: it is 10."""
    x, y = v1.placeholder(tf.float32, [None], name="x"), v1.placeholder(tf.float32, [None], name="y")
    answer = signature({"x": x, "y": y}, {"z": tf.add(x, y, name="z")})
    answer.defaults["y"].CopyFrom(tf.make_tensor_proto([10.0]))
    return {"serving_default": answer}


def counter():
    """Upstream's saved_model_counter: state that lives as long as the version."""
    count = v1.Variable(0.0, name="counter")
    delta = v1.placeholder(tf.float32, [], name="delta")
    return {
        "get_counter": signature({}, {"output": tf.identity(count, name="get")}),
        "incr_counter": signature({}, {"output": tf.identity(v1.assign_add(count, 1.0), name="incr")}),
        "incr_counter_by": signature(
            {"delta": delta}, {"output": tf.identity(v1.assign_add(count, delta), name="incr_by")}
        ),
        "reset_counter": signature({}, {"output": tf.identity(v1.assign(count, 0.0), name="reset")}),
    }


def slow():
    """Counts to x, one loop step at a time."""
    x = v1.placeholder(tf.int32, [], name="x")
    steps = v1.while_loop(lambda i: i < x, lambda i: (i + 1,), [tf.constant(0)])
    return {"serving_default": signature({"x": x}, {"y": tf.identity(steps, name="y")})}


def examples():
    """Classifiers and regressors that are right, and each that upstream refuses."""
    serialized = v1.placeholder(tf.string, [None], name="tf_example")
    sequence = dict.fromkeys("fis")
    for key, dtype, default in (("f", tf.float32, 0.0), ("i", tf.int64, 0), ("s", tf.string, "")):
        sequence[key] = tf.io.FixedLenSequenceFeature([], dtype, allow_missing=True, default_value=default)
    features = v1.parse_example(serialized, {"x": tf.io.FixedLenFeature([1], tf.float32, [0.0]), **sequence})
    x = tf.identity(features["x"], name="x")
    rows = tf.shape(x)[0]
    scores = tf.concat([x, x * 2], 1, name="scores")
    classes = tf.tile([["a", "b"]], [rows, 1], name="classes")
    flat = tf.squeeze(x, 1, name="flat")

    def classifier(method=CLASSIFY, **outputs):
        return signature({"inputs": serialized}, outputs, method)

    def regressor(outputs, method=REGRESS):
        return signature({"inputs": serialized}, {"outputs": outputs}, method)

    return {
        "serving_default": classifier(classes=classes, scores=scores),
        "both": classifier(classes=classes, scores=scores),
        "scores": classifier(scores=scores),
        "classes": classifier(classes=classes),
        "predict_method": classifier(PREDICT, classes=classes, scores=scores),
        "floats": classifier(scores=tf.identity(features["f"], name="f")),
        "ints": classifier(classes=tf.strings.as_string(features["i"], name="i")),
        "texts": classifier(classes=tf.identity(features["s"], name="s")),
        "scores_rank_1": classifier(scores=flat),
        "classes_rank_1": classifier(classes=tf.identity(classes[:, 0], name="classes_rank_1")),
        "classes_float": classifier(classes=scores),
        "scores_double": classifier(scores=tf.cast(scores, tf.float64, name="scores_double")),
        "classes_batch": classifier(classes=tf.concat([classes, classes], 0, name="classes_batch")),
        "scores_batch": classifier(scores=tf.concat([scores, scores], 0, name="scores_batch")),
        "unequal": classifier(classes=classes, scores=x),
        "two_inputs": signature({"inputs": serialized, "other": x}, {"scores": scores}, CLASSIFY),
        "three_outputs": classifier(classes=classes, scores=scores, other=x),
        "wrong_input": signature({"x": serialized}, {"scores": scores}, CLASSIFY),
        "wrong_output": classifier(y=scores),
        "regress": regressor(x),
        "regress_flat": regressor(flat),
        "regress_predict_method": regressor(x, PREDICT),
        "regress_wide": regressor(scores),
        "regress_scalar": regressor(tf.reduce_sum(x, name="x_sum")),
        "regress_double": regressor(tf.cast(x, tf.float64, name="x_double")),
        "regress_batch": regressor(tf.concat([x, x], 0, name="x_batch")),
        "regress_two_inputs": signature({"inputs": serialized, "other": x}, {"outputs": x}, REGRESS),
        "regress_two_outputs": signature({"inputs": serialized}, {"outputs": x, "other": flat}, REGRESS),
        "regress_wrong_input": signature({"x": serialized}, {"outputs": x}, REGRESS),
        "regress_wrong_output": signature({"inputs": serialized}, {"y": x}, REGRESS),
    }


def plus(number):
    """Y = x + number, x: <float32>[?, ...]."""

    def build():
        x = v1.placeholder(tf.float32, None, name="x")
        return {"serving_default": signature({"x": x}, {"y": tf.add(x, float(number), name="y")})}

    return build


def batch():
    """What batching counts, joins and refuses: rows of x, one answer for all, none, a scalar."""
    x, z = v1.placeholder(tf.float32, None, name="x"), v1.placeholder(tf.float32, None, name="z")
    return {
        "serving_default": signature({"x": x}, {"y": tf.identity(x, name="y")}),
        "two": signature({"x": x, "z": z}, {"y": tf.add(x, tf.reduce_sum(z), name="x_z")}),
        "scalar_output": signature({"x": x}, {"y": tf.reduce_sum(x, name="total")}),
        "short_output": signature({"x": x}, {"y": tf.identity(x[:1], name="short")}),
        "no_input": signature({}, {"y": tf.constant([1.0], name="one")}),
    }


def object_based(path):
    """A TF2 SavedModel, whose signatures include the initialisation op."""

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.two = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
        def half(self, x):
            return {"y": x / 2 + self.two}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def scores(self, inputs):
            return {"scores": tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"] / 2}

    model = Model()
    tf.saved_model.save(model, str(path), {"serving_default": model.half, "classify": model.scores})


def example(**features):
    """A tf.Example of float features."""
    answer = tf.train.Example()
    for name, values in features.items():
        answer.features.feature[name].float_list.value.extend(values)
    return answer


def predict_log(values, model="ignored"):
    """A warm-up record that asks half_plus_two; its model name is not looked at."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.version.value = 99
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(values))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))


def classify_log():
    """A warm-up record for Classify."""
    request = classification_pb2.ClassificationRequest()
    request.model_spec.signature_name = "classify_x_to_y"
    request.input.example_list.examples.append(example(x=[1.0]))
    return prediction_log_pb2.PredictionLog(classify_log=prediction_log_pb2.ClassifyLog(request=request))


def regress_log():
    """A warm-up record for Regress."""
    request = regression_pb2.RegressionRequest()
    request.model_spec.signature_name = "regress_x_to_y"
    request.input.example_list.examples.append(example(x=[1.0]))
    return prediction_log_pb2.PredictionLog(regress_log=prediction_log_pb2.RegressLog(request=request))


def multi_log():
    """A warm-up record for MultiInference."""
    request = inference_pb2.MultiInferenceRequest()
    task = request.tasks.add(method_name=REGRESS)
    task.model_spec.name, task.model_spec.signature_name = "ignored", "regress_x_to_y"
    request.input.example_list.examples.append(example(x=[1.0]))
    log = prediction_log_pb2.MultiInferenceLog(request=request)
    return prediction_log_pb2.PredictionLog(multi_inference_log=log)


def warmups(folder):
    """Files of warm-up records, good and bad."""
    session_run = prediction_log_pb2.PredictionLog(session_run_log=prediction_log_pb2.SessionRunLog())
    bad_signature = predict_log([1.0])
    bad_signature.predict_log.request.model_spec.signature_name = "nope"
    files = {
        "good": [log.SerializeToString() for log in (predict_log([1.0]), classify_log(), regress_log(), multi_log())],
        "session_run": [session_run.SerializeToString()],
        "garbage": [b"\xff\xff\xff"],
        "bad_signature": [bad_signature.SerializeToString()],
        "too_many": [predict_log([1.0]).SerializeToString()] * 1001,
        "most": [predict_log([1.0]).SerializeToString()] * 1000,
    }
    folder.mkdir()
    for name, records in files.items():
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for record in records:
                writer.write(record)
    (folder / "empty").write_bytes(b"")
    (folder / "not_tfrecord").write_bytes(b"this is no TFRecord file, but longer than a header")


def build(folder):
    """Writes all of them."""
    builders = (half_plus_two, echo, matrix, defaults, counter, slow, examples, batch)
    for builder in builders:
        save(folder / builder.__name__, builder)
    for number in (1, 2, 3):
        save(folder / f"plus_{number}", plus(number))
    object_based(folder / "object_based")
    warmups(folder / "warmups")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
