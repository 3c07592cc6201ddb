"""run_classify, run_regress and run_multi_inference on SignatureDefs with a session that returns fixed tensors."""

from types import SimpleNamespace

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import inference_pb2

from serving.errors import InvalidArgument, ServingError, Unimplemented
from serving.servables.classify import run_classify
from serving.servables.multi_inference import run_multi_inference
from serving.servables.regress import run_regress
from serving.servables.signature import from_proto

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
SCORES = np.array([[0.5, 0.25], [1, 0]], np.float32)
CLASSES = np.array([[b"a", b"b"], [b"c", b"\xff"]], object)
VALUES = np.array([1.5, 2.5], np.float32)


def signature(inputs="inputs", outputs="classes scores", method="tensorflow/serving/predict"):
    """A SignatureDef whose alias `a` is the tensor `a:0`."""
    proto = meta_graph_pb2.SignatureDef(method_name=method)
    for alias in inputs.split():
        proto.inputs[alias].name = f"{alias}:0"
        proto.inputs[alias].dtype = types_pb2.DT_STRING
    for alias in outputs.split():
        proto.outputs[alias].name = f"{alias}:0"
        proto.outputs[alias].dtype = types_pb2.DT_FLOAT
    return proto


class Runner:
    """Answers with fixed tensors and remembers what it was asked."""

    def __init__(self, outputs):
        self.outputs = outputs
        self.calls = []

    def run(self, feeds, fetches, timeout_s=None):
        """The fixed tensors that were asked for."""
        self.calls.append((feeds, list(fetches), timeout_s))
        return {name: self.outputs[name] for name in fetches}


def bundle(outputs=None, **signatures):
    """A loaded model with these SignatureDefs."""
    given = outputs or {"classes:0": CLASSES, "scores:0": SCORES, "outputs:0": VALUES}
    return SimpleNamespace(
        runner=Runner(given),
        signatures={name: from_proto(proto) for name, proto in signatures.items()},
        signature_def=signatures,
    )


def test_classes_and_scores_make_rows():
    """One row per example; labels are text, whatever their bytes; the default signature is serving_default."""
    model = bundle(serving_default=signature())

    assert [[("a", 0.5), ("b", 0.25)], [("c", 1.0), ("\udcff", 0.0)]] == run_classify(model, "", [b"1", b"2"])
    ((feeds, fetches, timeout_s),) = model.runner.calls
    assert [b"1", b"2"] == feeds["inputs:0"].tolist()
    assert (["classes:0", "scores:0"], None) == (fetches, timeout_s)


@pytest.mark.parametrize(
    ("outputs", "row"),
    [
        ("scores", [("", 0.5), ("", 0.25)]),
        ("classes", [("a", 0.0), ("b", 0.0)]),
        ("scores extra", [("", 0.5), ("", 0.25)]),
    ],
)
def test_either_output_is_enough(outputs, row):
    """The other one is empty or 0; a further output is not fetched."""
    model = bundle(s=signature(outputs=outputs))

    assert row == run_classify(model, "s", [b"1", b"2"], timeout_s=1.5)[0]
    assert 1.5 == model.runner.calls[0][2]


def test_one_tensor_under_both_aliases_is_classes():
    """As upstream, which looks at classes first."""
    proto = signature()
    proto.outputs["scores"].name = "classes:0"

    assert [("a", 0.0), ("b", 0.0)] == run_classify(bundle(s=proto), "s", [b"1", b"2"])[0]


SIGNATURE_TEXT = (
    'inputs {{\n  key: "{0}"\n  value {{\n    name: "{0}:0"\n    dtype: DT_STRING\n  }}\n}}\n'
    'outputs {{\n  key: "{1}"\n  value {{\n    name: "{1}:0"\n    dtype: DT_FLOAT\n  }}\n}}\n'
    'method_name: "tensorflow/serving/predict"\n'
)


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (signature(inputs="inputs more"), "Expected one input Tensor."),
        (signature(inputs=""), "Expected one input Tensor."),
        (signature(outputs="a b c"), "Expected one or two output Tensors, found 3"),
        (signature(outputs=""), "Expected one or two output Tensors, found 0"),
        (
            signature(inputs="x", outputs="scores"),
            "No classification inputs found in SignatureDef: " + SIGNATURE_TEXT.format("x", "scores"),
        ),
        (
            signature(outputs="y"),
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            "Signature was: " + SIGNATURE_TEXT.format("inputs", "y"),
        ),
    ],
)
def test_a_signature_that_cannot_classify_is_refused_before_the_examples_are_looked_at(proto, message):
    """In upstream's order and words, the SignatureDef as DebugString prints it."""
    with pytest.raises(InvalidArgument) as raised:
        run_classify(bundle(s=proto), "s", [])

    assert message == str(raised.value)


def test_map_entries_of_a_shown_signature_are_sorted():
    """As C++ prints maps."""
    with pytest.raises(InvalidArgument) as raised:
        run_classify(bundle(s=signature(outputs="zeta alpha")), "s", [b""])

    text = str(raised.value)
    assert text.index('key: "alpha"') < text.index('key: "zeta"')


@pytest.mark.parametrize("run", [run_classify, run_regress])
def test_an_unknown_signature_is_named(run):
    """The default's name if none was given."""
    for name, shown in {"": "serving_default", "no": "no"}.items():
        with pytest.raises(InvalidArgument, match=f"^No signature was found with the name: {shown}$"):
            run(bundle(s=signature()), name, [b""])


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (run_classify, f"Expected classification signature method_name to be {CLASSIFY}. Was: other"),
        (run_regress, f"Expected regression signature method_name to be {REGRESS}. Was: other"),
    ],
)
def test_method_names_count_only_when_they_are_checked(run, message):
    """The check comes before all others."""
    model = bundle(s=signature(inputs="", method="other"))

    with pytest.raises(InvalidArgument, match=r"^Expected one input Tensor\.$"):
        run(model, "s", [b""])
    with pytest.raises(InvalidArgument) as raised:
        run(model, "s", [b""], check_method_name=True)

    assert message == str(raised.value)


@pytest.mark.parametrize(("run", "outputs"), [(run_classify, "scores"), (run_regress, "outputs")])
def test_no_examples_are_refused(run, outputs):
    """After the signature was found good."""
    with pytest.raises(InvalidArgument, match=r"^Input is empty\.$"):
        run(bundle(s=signature(outputs=outputs)), "s", [])


@pytest.mark.parametrize(
    ("classes", "scores", "message"),
    [
        (CLASSES[0], SCORES, "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        (CLASSES, SCORES[None], "Expected Tensor shape: [batch_size num_classes] but got [1,2,2]"),
        (CLASSES, np.float32(1), "Expected Tensor shape: [batch_size num_classes] but got []"),
        (SCORES, SCORES, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        (CLASSES, SCORES.astype(np.float64), "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        (CLASSES, CLASSES, "Expected scores Tensor of DT_FLOAT. Got: DT_STRING"),
        (CLASSES[:1], SCORES, "Expected classes output batch size of 2. Got: 1"),
        (CLASSES, SCORES[:1], "Expected scores output batch size of 2. Got: 1"),
        (CLASSES, SCORES[:, :1], "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
    ],
)
def test_outputs_of_another_form_are_refused(classes, scores, message):
    """After the run."""
    model = bundle({"classes:0": classes, "scores:0": np.asarray(scores)}, s=signature())

    with pytest.raises(InvalidArgument) as raised:
        run_classify(model, "s", [b"1", b"2"])

    assert message == str(raised.value)


@pytest.mark.parametrize("values", [VALUES, VALUES[:, None]])
def test_regression_takes_one_value_per_example(values):
    """As [n] or [n, 1]."""
    model = bundle({"outputs:0": values}, serving_default=signature(outputs="outputs"))

    assert [1.5, 2.5] == run_regress(model, "", [b"1", b"2"], timeout_s=2)
    assert 2 == model.runner.calls[0][2]


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (signature(inputs="a b", outputs="outputs"), "Expected one input Tensor."),
        (signature(outputs="outputs more"), "Expected one output Tensor."),
        (
            signature(inputs="x", outputs="outputs"),
            "No regression inputs found in SignatureDef: " + SIGNATURE_TEXT.format("x", "outputs"),
        ),
        (
            signature(outputs="scores"),
            "No regression outputs found in SignatureDef: " + SIGNATURE_TEXT.format("inputs", "scores"),
        ),
    ],
)
def test_a_signature_that_cannot_regress_is_refused(proto, message):
    """In upstream's order and words."""
    with pytest.raises(InvalidArgument) as raised:
        run_regress(bundle(s=proto), "s", [])

    assert message == str(raised.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (SCORES, "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]"),
        (np.array(1.0), "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []"),
        (VALUES[:1], "Input batch size did not match output batch size: 2 vs. 1"),
        (VALUES.astype(np.int64), "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_regression_outputs_of_another_form_are_refused(values, message):
    """After the run."""
    with pytest.raises(InvalidArgument) as raised:
        run_regress(bundle({"outputs:0": values}, s=signature(outputs="outputs")), "s", [b"1", b"2"])

    assert message == str(raised.value)


def task(signature_name="", method=CLASSIFY, model="m"):
    """An InferenceTask."""
    proto = inference_pb2.InferenceTask(method_name=method)
    proto.model_spec.name, proto.model_spec.signature_name = model, signature_name
    return proto


def test_all_tasks_share_one_run():
    """Results come in the tasks' order; every input tensor is fed the same examples."""
    model = bundle(serving_default=signature(outputs="scores"), r=signature(outputs="outputs"))
    model.signature_def["r"].inputs["inputs"].name = "other:0"
    model.signatures["r"] = from_proto(model.signature_def["r"])

    results = run_multi_inference(model, [task("r", REGRESS), task()], [b"1", b"2"], timeout_s=3)

    assert [[1.5, 2.5], [[("", 0.5), ("", 0.25)], [("", 1.0), ("", 0.0)]]] == results
    ((feeds, fetches, timeout_s),) = model.runner.calls
    assert {"inputs:0": [b"1", b"2"], "other:0": [b"1", b"2"]} == {name: feed.tolist() for name, feed in feeds.items()}
    assert (["outputs:0", "scores:0"], 3) == (fetches, timeout_s)


@pytest.mark.parametrize(
    ("tasks", "kind", "message"),
    [
        ([task("c", model="")], InvalidArgument, "Found ModelSpec with an empty model name."),
        ([task("c"), task("r", model="")], InvalidArgument, "Found ModelSpec with an empty model name."),
        (
            [task("c"), task("r", model="n")],
            InvalidArgument,
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        ([task("c"), task("c")], InvalidArgument, "Duplicate evaluation of signature: c"),
        (
            [task(), task("serving_default", REGRESS)],
            InvalidArgument,
            "Requested signature not found in model graph: serving_default",
        ),
        ([task("no"), task(model="")], InvalidArgument, "Requested signature not found in model graph: no"),
        (
            [task("c", "tensorflow/serving/predict")],
            Unimplemented,
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        ([task("c", REGRESS)], InvalidArgument, "Expected one output Tensor."),
        ([task("c"), task("r", REGRESS)], InvalidArgument, "Input is empty."),
    ],
)
def test_tasks_are_checked_one_after_another(tasks, kind, message):
    """All checks of a task come before those of the next, and the examples last."""
    with pytest.raises(ServingError) as raised:
        run_multi_inference(bundle(c=signature(), r=signature(outputs="outputs")), tasks, [])

    assert (kind, message) == (type(raised.value), str(raised.value))


def test_method_names_of_tasks_are_checked_on_demand():
    """Against the signature's, as Classify does."""
    with pytest.raises(InvalidArgument, match=f"^Expected classification signature method_name to be {CLASSIFY}. Was:"):
        run_multi_inference(bundle(c=signature()), [task("c")], [b""], check_method_name=True)
