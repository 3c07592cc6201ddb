"""Classify and Regress by REST and by gRPC: sections 7.3, 8.4 and 8.5. A row holds both requests and both answers."""

# ruff: noqa: E501, ISC004, PLR0917 -- a table is read row by row

from __future__ import annotations

import pytest
from google.protobuf import text_format

from tests.serving.conformance.wire import REQUESTS, error_body

ONE = 'example_list { examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } } }'
TWO = (
    'example_list { examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } } '
    'examples { features { feature { key: "x" value { float_list { value: 5.0 } } } } } }'
)
CONTEXT = (
    'example_list_with_context { context { features { feature { key: "x" value { float_list { value: 7.0 } } } } } '
    'examples { } examples { features { feature { key: "x" value { float_list { value: 2.0 } } } } } }'
)

CLASSIFIED = [
    # name, model, signature, REST body without the signature, gRPC input, REST results, gRPC (label, score) per example
    ("scores only", "half", "classify_x_to_y", '"examples": [{"x": 2.0}, {"x": 5.0}]', TWO,
     '{\n    "results": [[["", 3.0]], [["", 4.5]]\n    ]\n}', [[("", 3.0)], [("", 4.5)]]),
    ("a list of one", "half", "classify_x_to_y", '"examples": [{"x": [2.0]}]', ONE,
     '{\n    "results": [[["", 3.0]]\n    ]\n}', [[("", 3.0)]]),
    ("classes and scores", "examples", "both", '"examples": [{"x": 2.0}, {"x": 5.0}]', TWO,
     '{\n    "results": [[["a", 2.0], ["b", 4.0]], [["a", 5.0], ["b", 10.0]]\n    ]\n}',
     [[("a", 2.0), ("b", 4.0)], [("a", 5.0), ("b", 10.0)]]),
    ("the default signature", "examples", "", '"examples": [{"x": 2.0}]', ONE,
     '{\n    "results": [[["a", 2.0], ["b", 4.0]]\n    ]\n}', [[("a", 2.0), ("b", 4.0)]]),
    ("several scores, no classes", "examples", "scores", '"examples": [{"x": 2.0}]', ONE,
     '{\n    "results": [[["", 2.0], ["", 4.0]]\n    ]\n}', [[("", 2.0), ("", 4.0)]]),
    ("classes, no scores", "examples", "classes", '"examples": [{"x": 2.0}]', ONE,
     '{\n    "results": [[["a", 0.0], ["b", 0.0]]\n    ]\n}', [[("a", 0.0), ("b", 0.0)]]),
    ("method predict", "examples", "predict_method", '"examples": [{"x": 2.0}]', ONE,
     '{\n    "results": [[["a", 2.0], ["b", 4.0]]\n    ]\n}', [[("a", 2.0), ("b", 4.0)]]),
    ("TF2 SavedModel", "object_based", "classify", '"examples": [{"x": 2.0}]', ONE,
     '{\n    "results": [[["", 1.0]]\n    ]\n}', [[("", 1.0)]]),
    ("context, overridden by an example", "examples", "scores",
     '"context": {"x": 7.0}, "examples": [{}, {"x": 2.0}]', CONTEXT,
     '{\n    "results": [[["", 7.0], ["", 14.0]], [["", 2.0], ["", 4.0]]\n    ]\n}',
     [[("", 7.0), ("", 14.0)], [("", 2.0), ("", 4.0)]]),
    ("an example without features", "examples", "scores", '"examples": [{}]', "example_list { examples { } }",
     '{\n    "results": [[["", 0.0], ["", 0.0]]\n    ]\n}', [[("", 0.0), ("", 0.0)]]),
    ("an empty list is no feature", "examples", "scores", '"examples": [{"x": []}]',
     'example_list { examples { features { feature { key: "x" value { } } } } }',
     '{\n    "results": [[["", 0.0], ["", 0.0]]\n    ]\n}', [[("", 0.0), ("", 0.0)]]),
    ("the first of two equal keys", "examples", "scores", '"examples": [{"x": 2.0}], "examples": 1', ONE,
     '{\n    "results": [[["", 2.0], ["", 4.0]]\n    ]\n}', [[("", 2.0), ("", 4.0)]]),
    ("instances are not looked at", "examples", "scores", '"instances": 1, "examples": [{"x": 2.0}]', ONE,
     '{\n    "results": [[["", 2.0], ["", 4.0]]\n    ]\n}', [[("", 2.0), ("", 4.0)]]),
    ("float features", "examples", "floats", '"examples": [{"f": [1.5, -0.25]}]',
     'example_list { examples { features { feature { key: "f" value { float_list { value: [1.5, -0.25] } } } } } }',
     '{\n    "results": [[["", 1.5], ["", -0.25]]\n    ]\n}', [[("", 1.5), ("", -0.25)]]),
    ("integer features", "examples", "ints", '"examples": [{"i": [1, -2, 9223372036854775807]}]',
     'example_list { examples { features { feature { key: "i" value { int64_list { value: [1, -2, 9223372036854775807] } } } } } }',
     '{\n    "results": [[["1", 0.0], ["-2", 0.0], ["9223372036854775807", 0.0]]\n    ]\n}',
     [[("1", 0.0), ("-2", 0.0), ("9223372036854775807", 0.0)]]),
    ("boolean features are integers", "examples", "ints", '"examples": [{"i": [true, false]}]',
     'example_list { examples { features { feature { key: "i" value { int64_list { value: [1, 0] } } } } } }',
     '{\n    "results": [[["1", 0.0], ["0", 0.0]]\n    ]\n}', [[("1", 0.0), ("0", 0.0)]]),
    ("booleans and integers", "examples", "ints", '"examples": [{"i": [true, 7]}]',
     'example_list { examples { features { feature { key: "i" value { int64_list { value: [1, 7] } } } } } }',
     '{\n    "results": [[["1", 0.0], ["7", 0.0]]\n    ]\n}', [[("1", 0.0), ("7", 0.0)]]),
    ("text features", "examples", "texts", '"examples": [{"s": ["a", {"b64": "aGk="}]}]',
     'example_list { examples { features { feature { key: "s" value { bytes_list { value: ["a", "hi"] } } } } } }',
     '{\n    "results": [[["a", 0.0], ["hi", 0.0]]\n    ]\n}', [[("a", 0.0), ("hi", 0.0)]]),
    ("one text", "examples", "texts", '"examples": [{"s": "\\u00e9"}]',
     'example_list { examples { features { feature { key: "s" value { bytes_list { value: "\\303\\251" } } } } } }',
     '{\n    "results": [[["\u00e9", 0.0]]\n    ]\n}', [[("\u00e9", 0.0)]]),
    ("one base64", "examples", "texts", '"examples": [{"s": {"b64": "aGk="}}]',
     'example_list { examples { features { feature { key: "s" value { bytes_list { value: "hi" } } } } } }',
     '{\n    "results": [[["hi", 0.0]]\n    ]\n}', [[("hi", 0.0)]]),
    ("an example per row", "examples", "floats", '"examples": [{"f": 1.5}, {"f": 2.5}, {"f": 3.5}]',
     'example_list { examples { features { feature { key: "f" value { float_list { value: 1.5 } } } } } '
     'examples { features { feature { key: "f" value { float_list { value: 2.5 } } } } } '
     'examples { features { feature { key: "f" value { float_list { value: 3.5 } } } } } }',
     '{\n    "results": [[["", 1.5]], [["", 2.5]], [["", 3.5]]\n    ]\n}', [[("", 1.5)], [("", 2.5)], [("", 3.5)]]),
]  # fmt: skip

REGRESSED = [
    # name, model, signature, REST body without the signature, gRPC input, REST results, gRPC values
    ("x to y", "half", "regress_x_to_y", '"examples": [{"x": 2.0}, {"x": 5.0}]', TWO,
     '{\n    "results": [3.0, 4.5]\n}', [3.0, 4.5]),
    ("x to y2", "half", "regress_x_to_y2", '"examples": [{"x": 2.0}, {"x": 5.0}]', TWO,
     '{\n    "results": [4.0, 5.5]\n}', [4.0, 5.5]),
    ("one column", "examples", "regress", '"examples": [{"x": 2.0}]', ONE, '{\n    "results": [2.0]\n}', [2.0]),
    ("no columns", "examples", "regress_flat", '"examples": [{"x": 2.0}, {"x": 5.0}]', TWO,
     '{\n    "results": [2.0, 5.0]\n}', [2.0, 5.0]),
    ("method predict", "examples", "regress_predict_method", '"examples": [{"x": 2.0}]', ONE,
     '{\n    "results": [2.0]\n}', [2.0]),
    ("context", "examples", "regress", '"context": {"x": 7.0}, "examples": [{}, {"x": 2.0}]', CONTEXT,
     '{\n    "results": [7.0, 2.0]\n}', [7.0, 2.0]),
]  # fmt: skip

REFUSED = [
    # name, verb, model, signature, how the message starts (all of it, unless a SignatureDef follows)
    ("no such signature", "classify", "examples", "nope", "No signature was found with the name: nope"),
    ("no default signature", "classify", "counter", "", "No signature was found with the name: serving_default"),
    ("two inputs", "classify", "examples", "two_inputs", "Expected one input Tensor."),
    ("three outputs", "classify", "examples", "three_outputs", "Expected one or two output Tensors, found 3"),
    ("no inputs", "classify", "counter", "get_counter", "Expected one input Tensor."),
    ("scores of rank 1", "classify", "examples", "scores_rank_1",
     "Expected Tensor shape: [batch_size num_classes] but got [2]"),
    ("classes of rank 1", "classify", "examples", "classes_rank_1",
     "Expected Tensor shape: [batch_size num_classes] but got [2]"),
    ("classes of floats", "classify", "examples", "classes_float",
     "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
    ("scores of doubles", "classify", "examples", "scores_double",
     "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
    ("too many classes", "classify", "examples", "classes_batch", "Expected classes output batch size of 2. Got: 4"),
    ("too many scores", "classify", "examples", "scores_batch", "Expected scores output batch size of 2. Got: 4"),
    ("classes unlike scores", "classify", "examples", "unequal",
     "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
    ("no such signature", "regress", "examples", "nope", "No signature was found with the name: nope"),
    ("no default signature", "regress", "counter", "", "No signature was found with the name: serving_default"),
    ("two inputs", "regress", "examples", "regress_two_inputs", "Expected one input Tensor."),
    ("two outputs", "regress", "examples", "regress_two_outputs", "Expected one output Tensor."),
    ("scores wide", "regress", "examples", "regress_wide",
     "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]"),
    ("scalar", "regress", "examples", "regress_scalar",
     "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []"),
    ("doubles", "regress", "examples", "regress_double", "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
    ("too many", "regress", "examples", "regress_batch", "Input batch size did not match output batch size: 2 vs. 4"),
]  # fmt: skip

REFUSED_WITH_SIGNATURE = [
    # name, verb, signature, start of the message; the SignatureDef as text follows
    ("other input", "classify", "wrong_input", "No classification inputs found in SignatureDef: "),
    ("other output", "classify", "wrong_output",
     'Expected classification signature outputs to contain at least one of "classes" or "scores". Signature was: '),
    ("other input", "regress", "regress_wrong_input", "No regression inputs found in SignatureDef: "),
    ("other output", "regress", "regress_wrong_output", "No regression outputs found in SignatureDef: "),
]  # fmt: skip

BAD_EXAMPLES = [
    # name, REST body without the signature, message; the same for classify and regress
    ("no examples", "", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
    ("instances", '"instances": [1]',
     "JSON Value: {\n    \"instances\": [1]\n} When method is classify, key 'examples' is expected and was not found"),
    ("examples is an object", '"examples": {"x": 1}',
     'JSON Value: {\n    "examples": {\n        "x": 1\n    }\n} Expecting \'examples\' value to be an list/array'),
    ("examples is null", '"examples": null',
     "JSON Value: {\n    \"examples\": null\n} Expecting 'examples' value to be an list/array"),
    ("examples is empty", '"examples": []',
     "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
    ("an example is a list", '"examples": [[1]]', "Example must be JSON object but got JSON Array"),
    ("an example is a number", '"examples": [{"x": 1.0}, 1]', "Example must be JSON object but got JSON Number"),
    ("an example is a string", '"examples": ["x"]', "Example must be JSON object but got JSON String"),
    ("an example is null", '"examples": [null]', "Example must be JSON object but got JSON Null"),
    ("an example is true", '"examples": [true]', "Example must be JSON object but got JSON True"),
    ("the context is a list", '"context": [], "examples": [{}]', "Example must be JSON object but got JSON Array"),
    ("the context is looked at first", '"context": 1, "examples": 1', "Example must be JSON object but got JSON Number"),
    ("null feature", '"examples": [{"x": null}]', "Feature: x has element with unexpected JSON type: Null"),
    ("null in a list", '"examples": [{"x": [1, null]}]', "Feature: x has element with unexpected JSON type: Null"),
    ("list in a list", '"examples": [{"x": [[1]]}]', "Feature: x has element with unexpected JSON type: Array"),
    ("object feature", '"examples": [{"x": {"a": 1}}]', "Feature: x has element with unexpected JSON type: Object"),
    ("b64 of a number", '"examples": [{"x": {"b64": 1}}]', "Feature: x has element with unexpected JSON type: Object"),
    ("bad base64", '"examples": [{"x": {"b64": "***"}}]', "Unable to base64 decode"),
    ("integer, then decimal", '"examples": [{"x": [1, 1.5]}]', "Unexpected element type in feature: x expecting type: int64"),
    ("decimal, then integer", '"examples": [{"x": [1.5, 1]}]', "Unexpected element type in feature: x expecting type: float"),
    ("decimal, then bool", '"examples": [{"x": [1.5, true]}]', "Unexpected element type in feature: x expecting type: float"),
    ("integer, then string", '"examples": [{"x": [1, "a"]}]', "Unexpected element type in feature: x expecting type: int64"),
    ("string, then integer", '"examples": [{"x": ["a", 1]}]', "Unexpected element type in feature: x expecting type: bytes"),
    ("string, then decimal", '"examples": [{"x": ["a", 1.0]}]', "Unexpected element type in feature: x expecting type: bytes"),
    ("decimal, then base64", '"examples": [{"x": [1.5, {"b64": "aGk="}]}]',
     "Unexpected element type in feature: x expecting type: float"),
    ("uint64", '"examples": [{"x": 9223372036854775808}]', "Feature: x has uint64_t element. Only int64_t is supported."),
    ("uint64 in a list", '"examples": [{"x": [1, 18446744073709551615]}]',
     "Feature: x has uint64_t element. Only int64_t is supported."),
]  # fmt: skip

EMPTY = [
    # name, gRPC input
    ("no input", ""),
    ("empty list", "example_list { }"),
    ("empty list with context", "example_list_with_context { }"),
    ("context only", 'example_list_with_context { context { features { feature { key: "x" value { } } } } }'),
]


def rows(table):
    """Each row as a parameter set, named by its first column, and by its second where that is the verb."""
    return [
        pytest.param(*row[1:], id=f"{row[0]}, {row[1]}" if row[1] in ("classify", "regress") else row[0])
        for row in table
    ]


def body(signature, rest):
    """The REST body."""
    return "{" + ", ".join(filter(None, (f'"signature_name": "{signature}"' if signature else "", rest))) + "}"


def request(method, model, signature, examples):
    """The gRPC message."""
    text = f'model_spec {{ name: "{model}" signature_name: "{signature}" }} '
    return text_format.Parse(text + (f"input {{ {examples} }}" if examples else ""), REQUESTS[method]())


COLUMNS = ("model", "signature", "rest", "examples", "results", "expected")


@pytest.mark.parametrize(COLUMNS, rows(CLASSIFIED))
def test_classify_by_rest(main, model, signature, rest, examples, results, expected):
    """The exact bytes."""
    answer = main.post(f"/v1/models/{model}:classify", body(signature, rest))

    assert (200, results.encode()) == (answer.status, answer.body)


@pytest.mark.parametrize(COLUMNS, rows(CLASSIFIED))
def test_classify_by_grpc(main, model, signature, rest, examples, results, expected):
    """The same labels and scores."""
    reply = main.call("Classify", request("Classify", model, signature, examples))

    assert "OK" == reply.code, reply.message
    classifications = reply.response.result.classifications
    assert expected == [[(one.label, one.score) for one in many.classes] for many in classifications]
    spec = reply.response.model_spec
    assert (model, 123, signature or "serving_default") == (spec.name, spec.version.value, spec.signature_name)


@pytest.mark.parametrize(COLUMNS, rows(REGRESSED))
def test_regress_by_rest(main, model, signature, rest, examples, results, expected):
    """The exact bytes."""
    answer = main.post(f"/v1/models/{model}:regress", body(signature, rest))

    assert (200, results.encode()) == (answer.status, answer.body)


@pytest.mark.parametrize(COLUMNS, rows(REGRESSED))
def test_regress_by_grpc(main, model, signature, rest, examples, results, expected):
    """The same values."""
    reply = main.call("Regress", request("Regress", model, signature, examples))

    assert "OK" == reply.code, reply.message
    assert expected == [one.value for one in reply.response.result.regressions]
    spec = reply.response.model_spec
    assert (model, 123, signature or "serving_default") == (spec.name, spec.version.value, spec.signature_name)


@pytest.mark.parametrize(("verb", "model", "signature", "message"), rows(REFUSED))
def test_a_signature_that_does_not_fit_by_rest(main, verb, model, signature, message):
    """400 and upstream's words."""
    answer = main.post(f"/v1/models/{model}:{verb}", body(signature, '"examples": [{"x": 2.0}, {"x": 5.0}]'))

    assert (400, error_body(message)) == (answer.status, answer.body)


@pytest.mark.parametrize(("verb", "model", "signature", "message"), rows(REFUSED))
def test_a_signature_that_does_not_fit_by_grpc(main, verb, model, signature, message):
    """INVALID_ARGUMENT and upstream's words."""
    method = verb.capitalize()
    reply = main.call(method, request(method, model, signature, TWO))

    assert ("INVALID_ARGUMENT", message) == (reply.code, reply.message)


@pytest.mark.parametrize(("verb", "signature", "beginning"), rows(REFUSED_WITH_SIGNATURE))
def test_a_signature_with_other_names_by_rest(main, verb, signature, beginning):
    """400, and the signature is shown."""
    answer = main.post(f"/v1/models/examples:{verb}", body(signature, '"examples": [{"x": 2.0}]'))

    assert 400 == answer.status
    assert answer.body.startswith(error_body(beginning)[: -len('"\n}')])


@pytest.mark.parametrize(("verb", "signature", "beginning"), rows(REFUSED_WITH_SIGNATURE))
def test_a_signature_with_other_names_by_grpc(main, verb, signature, beginning):
    """INVALID_ARGUMENT, and the signature is shown."""
    method = verb.capitalize()
    reply = main.call(method, request(method, "examples", signature, ONE))

    assert ("INVALID_ARGUMENT", beginning) == (reply.code, reply.message[: len(beginning)])
    assert "tf_example:0" in reply.message


@pytest.mark.parametrize("verb", ["classify", "regress"])
@pytest.mark.parametrize(("rest", "message"), rows(BAD_EXAMPLES))
def test_bad_examples_are_refused_in_words(main, verb, rest, message):
    """Before the model is looked up, and for both verbs alike."""
    answer = main.post(f"/v1/models/examples:{verb}", body("", rest))

    assert (400, error_body(message)) == (answer.status, answer.body)


@pytest.mark.parametrize("method", ["Classify", "Regress"])
@pytest.mark.parametrize("examples", rows(EMPTY))
def test_no_examples_by_grpc(main, method, examples):
    """Nothing to classify."""
    signature = {"Classify": "scores", "Regress": "regress"}[method]
    reply = main.call(method, request(method, "examples", signature, examples))

    assert ("INVALID_ARGUMENT", "Input is empty.") == (reply.code, reply.message)
