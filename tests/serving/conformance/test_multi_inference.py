"""MultiInference: section 7.4 (servables/tensorflow/multi_inference.cc of TF Serving 2.20.0). gRPC only."""

# ruff: noqa: ISC004 -- a table is read row by row

from __future__ import annotations

import pytest

CLASSIFY = 'method_name: "tensorflow/serving/classify"'
REGRESS = 'method_name: "tensorflow/serving/regress"'
INPUT = (
    'input { example_list { examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } } '
    'examples { features { feature { key: "x" value { float_list { value: 5.0 } } } } } } }'
)


def task(name, signature, method):
    """One task as protobuf text."""
    return f'tasks {{ model_spec {{ name: "{name}" signature_name: "{signature}" }} {method} }}'


X_TO_Y, X_TO_Y2 = task("half", "regress_x_to_y", REGRESS), task("half", "regress_x_to_y2", REGRESS)
CLASS = task("half", "classify_x_to_y", CLASSIFY)

ANSWERED = [
    # name, tasks, per task (signature, kind, values)
    ("one regression", X_TO_Y, [("regress_x_to_y", "regression_result", [3.0, 4.5])]),
    ("one classification", CLASS, [("classify_x_to_y", "classification_result", [3.0, 4.5])]),
    ("both", X_TO_Y + CLASS,
     [("regress_x_to_y", "regression_result", [3.0, 4.5]), ("classify_x_to_y", "classification_result", [3.0, 4.5])]),
    ("both, other order", CLASS + X_TO_Y,
     [("classify_x_to_y", "classification_result", [3.0, 4.5]), ("regress_x_to_y", "regression_result", [3.0, 4.5])]),
    ("three", X_TO_Y2 + CLASS + X_TO_Y,
     [("regress_x_to_y2", "regression_result", [4.0, 5.5]), ("classify_x_to_y", "classification_result", [3.0, 4.5]),
      ("regress_x_to_y", "regression_result", [3.0, 4.5])]),
]  # fmt: skip

REFUSED = [
    # name, tasks, input, code, message
    ("no name", task("", "regress_x_to_y", REGRESS), INPUT, "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    ("no name in the second task", X_TO_Y + task("", "classify_x_to_y", CLASSIFY), INPUT, "INVALID_ARGUMENT",
     "Found ModelSpec with an empty model name."),
    ("two models", X_TO_Y + task("examples", "both", CLASSIFY), INPUT, "INVALID_ARGUMENT",
     "All ModelSpecs in a MultiInferenceRequest must access the same model name."),
    ("one signature twice", X_TO_Y + X_TO_Y, INPUT, "INVALID_ARGUMENT",
     "Duplicate evaluation of signature: regress_x_to_y"),
    ("no such signature", task("half", "nope", REGRESS), INPUT, "INVALID_ARGUMENT",
     "Requested signature not found in model graph: nope"),
    ("no such signature, second", X_TO_Y + task("half", "nope", REGRESS), INPUT, "INVALID_ARGUMENT",
     "Requested signature not found in model graph: nope"),
    ("no such default", task("counter", "", REGRESS), INPUT, "INVALID_ARGUMENT",
     "Requested signature not found in model graph: serving_default"),
    ("no examples", X_TO_Y, "", "INVALID_ARGUMENT", "Input is empty."),
    ("empty list", X_TO_Y, "input { example_list { } }", "INVALID_ARGUMENT", "Input is empty."),
    ("predict", task("half", "regress_x_to_y", 'method_name: "tensorflow/serving/predict"'), INPUT, "UNIMPLEMENTED",
     "Unsupported signature method_name: tensorflow/serving/predict"),
    ("no method", task("half", "regress_x_to_y", ""), INPUT, "UNIMPLEMENTED", "Unsupported signature method_name: "),
    ("two outputs", task("examples", "regress_two_outputs", REGRESS), INPUT, "INVALID_ARGUMENT",
     "Expected one output Tensor."),
    ("wrong shape", task("examples", "regress_wide", REGRESS), INPUT, "INVALID_ARGUMENT",
     "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]"),
    ("no such model", task("nope", "regress_x_to_y", REGRESS), INPUT, "NOT_FOUND",
     "Servable not found for request: Latest(nope)"),
    ("no such version",
     'tasks { model_spec { name: "half" version { value: 7 } signature_name: "regress_x_to_y" } '
     'method_name: "tensorflow/serving/regress" }', INPUT, "NOT_FOUND",
     "Servable not found for request: Specific(half, 7)"),
]  # fmt: skip


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def values(result):
    """The numbers of one result."""
    if result.WhichOneof("result") == "regression_result":
        return [one.value for one in result.regression_result.regressions]
    return [many.classes[0].score for many in result.classification_result.classifications]


@pytest.mark.parametrize(("tasks", "expected"), rows(ANSWERED))
def test_tasks_are_answered_in_their_order(main, tasks, expected):
    """One run for all, each with its model_spec."""
    reply = main.call("MultiInference", tasks + INPUT)

    assert "OK" == reply.code, reply.message
    results = reply.response.results
    assert expected == [(one.model_spec.signature_name, one.WhichOneof("result"), values(one)) for one in results]
    assert {("half", 123)} == {(one.model_spec.name, one.model_spec.version.value) for one in results}


@pytest.mark.parametrize(("tasks", "examples", "code", "message"), rows(REFUSED))
def test_tasks_are_refused_in_words(main, tasks, examples, code, message):
    """Code and message."""
    reply = main.call("MultiInference", tasks + examples)

    assert (code, message) == (reply.code, reply.message)
