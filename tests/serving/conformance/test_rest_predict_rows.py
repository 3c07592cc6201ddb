"""`instances`, row by row: section 8.4, and the answers of section 8.5 byte by byte (util/json_tensor.cc, 2.20.0)."""

# ruff: noqa: E501, ISC004 -- a table is read row by row

from __future__ import annotations

import pytest

from tests.serving.conformance.wire import error_body

ANSWERED = [
    # name, model, body, expected body
    ("floats", "half", '{"instances": [1.0, 2.0, 5.0]}', b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'),
    ("one row", "half", '{"instances": [1.0]}', b'{\n    "predictions": [2.5\n    ]\n}'),
    ("rows of one", "half", '{"instances": [[1.0], [2.0]]}', b'{\n    "predictions": [[2.5], [3.0]\n    ]\n}'),
    ("named input", "half", '{"instances": [{"x": 1.0}, {"x": 2.0}]}', b'{\n    "predictions": [2.5, 3.0\n    ]\n}'),
    ("named lists", "half", '{"instances": [{"x": [1.0]}, {"x": [2.0]}]}',
     b'{\n    "predictions": [[2.5], [3.0]\n    ]\n}'),
    ("named twice, the first counts", "half", '{"instances": [{"x": 1.0, "x": 2.0}]}',
     b'{\n    "predictions": [2.5\n    ]\n}'),
    ("matrix", "matrix", '{"instances": [[1.0, 2.0], [3.0, 4.0]]}', b'{\n    "predictions": [[21.0], [43.0]\n    ]\n}'),
    ("rank 3", "echo", '{"signature_name": "int32", "instances": [[[1], [2]], [[3], [4]]]}',
     b'{\n    "predictions": [[[1], [2]], [[3], [4]]\n    ]\n}'),
    ("rank 2", "echo", '{"instances": [[1, 2], [3, 4]]}', b'{\n    "predictions": [[1.0, 2.0], [3.0, 4.0]\n    ]\n}'),
    ("empty rows", "echo", '{"instances": [[], []]}', b'{\n    "predictions": [[], []\n    ]\n}'),
    ("empty deeper", "echo", '{"instances": [[[]], [[]]]}', b'{\n    "predictions": [[[]], [[]]\n    ]\n}'),
    ("int8", "echo", '{"signature_name": "int8", "instances": [-128, 127]}',
     b'{\n    "predictions": [-128, 127\n    ]\n}'),
    ("int16", "echo", '{"signature_name": "int16", "instances": [-32768, 32767]}',
     b'{\n    "predictions": [-32768, 32767\n    ]\n}'),
    ("int32", "echo", '{"signature_name": "int32", "instances": [-2147483648, 2147483647]}',
     b'{\n    "predictions": [-2147483648, 2147483647\n    ]\n}'),
    ("int64", "echo", '{"signature_name": "int64", "instances": [-9223372036854775808, 9223372036854775807]}',
     b'{\n    "predictions": [-9223372036854775808, 9223372036854775807\n    ]\n}'),
    ("uint8", "echo", '{"signature_name": "uint8", "instances": [0, 255]}', b'{\n    "predictions": [0, 255\n    ]\n}'),
    ("uint32", "echo", '{"signature_name": "uint32", "instances": [0, 4294967295]}',
     b'{\n    "predictions": [0, 4294967295\n    ]\n}'),
    ("uint64", "echo", '{"signature_name": "uint64", "instances": [0, 18446744073709551615]}',
     b'{\n    "predictions": [0, 18446744073709551615\n    ]\n}'),
    ("bool", "echo", '{"signature_name": "bool", "instances": [true, false]}',
     b'{\n    "predictions": [true, false\n    ]\n}'),
    ("float64", "echo", '{"signature_name": "float64", "instances": [0.1, 1, 1e300]}',
     b'{\n    "predictions": [0.1, 1.0, 1e+300\n    ]\n}'),
    ("NaN and infinities", "echo", '{"instances": [NaN, Inf, -Infinity]}',
     b'{\n    "predictions": [NaN, Infinity, -Infinity\n    ]\n}'),
    ("strings", "echo", '{"signature_name": "string", "instances": ["a", "", "b c"]}',
     b'{\n    "predictions": ["a", "", "b c"\n    ]\n}'),
    ("base64", "echo", '{"signature_name": "string", "instances": [{"b64": "aGk="}, {"b64": ""}]}',
     b'{\n    "predictions": ["hi", ""\n    ]\n}'),
    ("base64 and text", "echo", '{"signature_name": "string", "instances": ["a", {"b64": "aGk="}]}',
     b'{\n    "predictions": ["a", "hi"\n    ]\n}'),
    ("base64 in lists", "echo", '{"signature_name": "string", "instances": [[{"b64": "aGk="}, "x"]]}',
     b'{\n    "predictions": [["hi", "x"]\n    ]\n}'),
    ("base64 in named", "echo", '{"signature_name": "string", "instances": [{"x": {"b64": "aGk="}}]}',
     b'{\n    "predictions": ["hi"\n    ]\n}'),
    ("base64 without padding", "echo", '{"signature_name": "string", "instances": [{"b64": "aGk"}]}',
     b'{\n    "predictions": ["hi"\n    ]\n}'),
    ("base64 with white space", "echo", '{"signature_name": "string", "instances": [{"b64": " aG k=\\n"}]}',
     b'{\n    "predictions": ["hi"\n    ]\n}'),
    ("bytes out", "echo", '{"signature_name": "raw", "instances": ["hi", ""]}',
     b'{\n    "predictions": [{\n            "b64": "aGk="\n        }, {\n            "b64": ""\n        }\n    ]\n}'),
    ("bytes out in lists", "echo", '{"signature_name": "raw", "instances": [["hi"], ["a"]]}',
     b'{\n    "predictions": [[{\n                "b64": "aGk="\n            }], [{\n                "b64": "YQ=="\n'
     b"            }]\n    ]\n}"),
    ("bytes that are no text", "echo", '{"signature_name": "raw", "instances": [{"b64": "//79AA=="}]}',
     b'{\n    "predictions": [{\n            "b64": "//79AA=="\n        }\n    ]\n}'),
    ("_bytes of integers", "echo", '{"signature_name": "int_bytes", "instances": [1, 2]}',
     b'{\n    "predictions": [1, 2\n    ]\n}'),
    ("text and bytes", "echo", '{"signature_name": "text_and_raw", "instances": ["a"]}',
     b'{\n    "predictions": [\n        {\n            "text": "a",\n            "z_bytes": {\n                "b64": "YQ=="'
     b"\n            }\n        }\n    ]\n}"),
    ("text and bytes in lists", "echo", '{"signature_name": "text_and_raw", "instances": [["a", "b"]]}',
     b'{\n    "predictions": [\n        {\n            "text": ["a", "b"],\n            "z_bytes": [{\n'
     b'                    "b64": "YQ=="\n                }, {\n                    "b64": "Yg=="\n                }]\n'
     b"        }\n    ]\n}"),
    ("two outputs", "echo", '{"signature_name": "pair", "instances": [{"a": 1, "b": 1}, {"a": 2.0, "b": 2}]}',
     b'{\n    "predictions": [\n        {\n            "p": 1.0,\n            "q": 1\n        },\n        {\n'
     b'            "p": 2.0,\n            "q": 2\n        }\n    ]\n}'),
    ("two outputs, other order", "echo", '{"signature_name": "pair", "instances": [{"b": 1, "a": 1}]}',
     b'{\n    "predictions": [\n        {\n            "p": 1.0,\n            "q": 1\n        }\n    ]\n}'),
    ("two outputs, nested", "echo", '{"signature_name": "pair", "instances": [{"a": [1, 2], "b": [[1], [2]]}]}',
     b'{\n    "predictions": [\n        {\n            "p": [1.0, 2.0],\n            "q": [[1], [2]]\n        }\n    ]\n}'),
    ("several batch sizes that agree", "echo", '{"signature_name": "sizes", "instances": [7]}',
     b'{\n    "predictions": [\n        {\n            "all": 7.0,\n            "first": 7.0\n        }\n    ]\n}'),
    ("TF2 SavedModel", "object_based", '{"instances": [1.0, 2.0, 5.0]}',
     b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'),
    ("a signature for Classify", "half", '{"signature_name": "regress_x2_to_y3", "instances": [[2.0]]}',
     b'{\n    "predictions": [[4.0]\n    ]\n}'),
    ("escapes in", "echo", r'{"signature_name": "string", "instances": ["\u00e9\n\ud83d\ude00\/"]}',
     '{\n    "predictions": ["\u00e9\\n\U0001f600/"\n    ]\n}'.encode()),
    ("escapes out", "echo", r'{"signature_name": "string", "instances": ["\"\\\b\f\n\r\t\u0001\u001f"]}',
     b'{\n    "predictions": ["\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001F"\n    ]\n}'),
    ("delete and beyond", "echo", '{"signature_name": "string", "instances": ["\x7f\u2028"]}',
     b'{\n    "predictions": ["\x7f\xe2\x80\xa8"\n    ]\n}'),
    ("NUL in a string", "echo", r'{"signature_name": "string", "instances": ["a\u0000b"]}',
     b'{\n    "predictions": ["a\\u0000b"\n    ]\n}'),
]  # fmt: skip

REFUSED = [
    # name, model, body, message
    ("neither key", "half", "{}", "Missing 'inputs' or 'instances' key"),
    ("other keys only", "half", '{"Instances": [1]}', "Missing 'inputs' or 'instances' key"),
    ("both keys", "half", '{"instances": [1], "inputs": [1]}',
     'JSON Value: {\n    "instances": [1],\n    "inputs": [1]\n} Not formatted correctly expecting only one of '
     "'inputs' or 'instances' keys to exist "),
    ("both keys, other order", "half", '{"inputs": [1], "instances": [1]}',
     'JSON Value: {\n    "inputs": [1],\n    "instances": [1]\n} Not formatted correctly expecting only one of '
     "'inputs' or 'instances' keys to exist "),
    ("instances is a number", "half", '{"instances": 1}',
     "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array"),
    ("instances is an object", "half", '{"instances": {"x": [1]}}',
     'JSON Value: {\n    "instances": {\n        "x": [1]\n    }\n} Expecting \'instances\' to be an list/array'),
    ("instances is null", "half", '{"instances": null}',
     "JSON Value: {\n    \"instances\": null\n} Expecting 'instances' to be an list/array"),
    ("no instances", "half", '{"instances": []}',
     "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
    ("string for float", "half", '{"instances": ["a"]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: "a" Type: String is not of expected type: float'),
    ("null for float", "half", '{"instances": [1, null]}',
     "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: null Type: Null is not of expected type: float"),
    ("true for float", "half", '{"instances": [true]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: true Type: True is not of expected type: float"),
    ("false for float, nested", "half", '{"instances": [[1], [false]]}',
     "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: false Type: False is not of expected type: float"),
    ("b64 for float", "half", '{"instances": [{"b64": "aGk="}]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: {\n    "b64": "aGk="\n} Type: Object is not of expected type: float'),
    ("object within a list for float", "half", '{"instances": [[{"a": 1}]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: {\n    "a": 1\n} Type: Object is not of expected type: float'),
    ("string for float, named", "half", '{"instances": [{"x": "a"}]}',
     "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: "a" Type: String is not of expected type: float'),
    ("unknown name", "half", '{"instances": [{"z": 1}]}',
     "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON object: does not have named input: z"),
    ("unknown name beside", "half", '{"instances": [{"x": 1}, {"x": 1, "z": 1}]}',
     "Failed to process element: 1 key: z of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON object: does not have named input: z"),
    ("empty object", "half", '{"instances": [{}]}',
     "Failed to process element: 0 of 'instances' list. JSON object: {} keys must be equal to: x"),
    ("missing name", "echo", '{"signature_name": "pair", "instances": [{"a": 1, "b": 2}, {"a": 3}]}',
     "Failed to process element: 1 of 'instances' list. JSON object: {\n    \"a\": 3\n} keys must be equal to: a,b"),
    ("bigger rows", "half", '{"instances": [[1, 2], [1, 2, 3]]}',
     "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
     "Expecting tensor size: 2 but got: 3"),
    ("bigger rows, named", "half", '{"instances": [{"x": [1, 2]}, {"x": [1]}]}',
     "Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
     "Expecting tensor size: 2 but got: 1"),
    ("other shape", "half", '{"instances": [[1, 2], [[1, 2]]]}',
     "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
     "Expecting shape [2] but got: [1,2]"),
    ("scalar, then list of one", "half", '{"instances": [1, [2]]}',
     "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [] but got: [1]"),
    ("two empties of other shape", "half", '{"instances": [[], [[]]]}',
     "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [0] but got: [1,0]"),
    ("object, then list", "half", '{"instances": [{"x": 1}, [1]]}',
     "Expecting object but got list at item 1 of input list"),
    ("object, then value", "half", '{"instances": [{"x": 1}, 1]}',
     "Expecting object but got list at item 1 of input list"),
    ("object, then string", "half", '{"instances": [{"x": 1}, "a"]}',
     "Expecting object but got list at item 1 of input list"),
    ("object, then null", "half", '{"instances": [{"x": 1}, null]}',
     "Expecting object but got list at item 1 of input list"),
    ("two objects, then bool", "half", '{"instances": [{"x": 1}, {"x": 2}, true]}',
     "Expecting object but got list at item 2 of input list"),
    ("object, then value, several inputs", "echo",
     '{"signature_name": "pair", "instances": [{"a": 1, "b": 2}, 3]}',
     "Expecting object but got list at item 1 of input list"),
    ("b64, then object", "echo", '{"signature_name": "string", "instances": [{"b64": "aGk="}, {"x": "a"}]}',
     "Expecting value/list but got object at item 1 of input list"),
    ("null only", "half", '{"instances": [null]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: null Type: Null is not of expected type: float"),
    ("several inputs, null", "echo", '{"signature_name": "pair", "instances": [null]}',
     "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
     "tensorinfo_map"),
    ("the first fault counts", "half", '{"instances": ["a", {"x": 1}, [1]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: "a" Type: String is not of expected type: float'),
    ("wrong keys beside a wrong value", "half", '{"instances": [{"x": "a", "z": 1}]}',
     "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: "a" Type: String is not of expected type: float'),
    ("object, then b64", "echo", '{"signature_name": "string", "instances": [{"x": "a"}, {"b64": "aGk="}]}',
     "Expecting object but got list at item 1 of input list"),
    ("value, then object", "half", '{"instances": [1, {"x": 1}]}',
     "Expecting value/list but got object at item 1 of input list"),
    ("list, then object", "half", '{"instances": [[1], [2], {"x": [1]}]}',
     "Expecting value/list but got object at item 2 of input list"),
    ("several inputs, plain values", "echo", '{"signature_name": "pair", "instances": [1, 2]}',
     "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
     "tensorinfo_map"),
    ("several inputs, plain lists", "echo", '{"signature_name": "pair", "instances": [[1, 2]]}',
     "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
     "tensorinfo_map"),
    ("ragged, too long", "echo", '{"instances": [[[1], [2, 3]]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
    ("ragged, too short", "echo", '{"instances": [[[1, 2], [3]]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
    ("too deep", "echo", '{"instances": [[1, [2]]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "Encountered list at unexpected level: 1 expected < 1"),
    ("not deep enough", "echo", '{"instances": [[[1], 2]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
    ("decimal for int32", "echo", '{"signature_name": "int32", "instances": [1.5]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: 1.5 Type: Number is not of expected type: int32"),
    ("1.0 for int32", "echo", '{"signature_name": "int32", "instances": [1.0]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: 1.0 Type: Number is not of expected type: int32"),
    ("half", "echo", '{"signature_name": "float16", "instances": [1]}',
     "Failed to process element: 0 of 'instances' list. Error: UNIMPLEMENTED: "
     "Conversion of JSON Value: 1 to type: half"),
    ("bad base64", "echo", '{"signature_name": "string", "instances": [{"b64": "***"}]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Unable to base64 decode"),
    ("wrongly padded base64", "echo", '{"signature_name": "string", "instances": [{"b64": "aGk=="}]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Unable to base64 decode"),
    ("URL-safe base64", "echo", '{"signature_name": "string", "instances": [{"b64": "__79"}]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: Unable to base64 decode"),
    ("not a b64 object", "echo", '{"signature_name": "string", "instances": [[{"c64": "aGk="}]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: {\n    "c64": "aGk="\n} not formatted correctly for base64 data'),
    ("b64 of a number", "echo", '{"signature_name": "string", "instances": [[{"b64": 1}]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
    ("b64 and more", "echo", '{"signature_name": "string", "instances": [[{"b64": "aGk=", "c": 1}]]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     'JSON Value: {\n    "b64": "aGk=",\n    "c": 1\n} not formatted correctly for base64 data'),
    ("b64 of a number at the top is an input name", "echo", '{"signature_name": "string", "instances": [{"b64": 1}]}',
     "Failed to process element: 0 key: b64 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON object: does not have named input: b64"),
    ("number for string", "echo", '{"signature_name": "string", "instances": [1]}',
     "Failed to process element: 0 of 'instances' list. Error: INVALID_ARGUMENT: "
     "JSON Value: 1 Type: Number is not of expected type: string"),
    ("unequal batches out", "echo", '{"signature_name": "sizes", "instances": [1, 2]}',
     "Tensor name: first has inconsistent batch size: 1 expecting: 2"),
    ("scalar out", "echo", '{"signature_name": "total", "instances": [1, 2]}',
     "Tensor name: total has no shape information "),
    ("defaults do not count", "defaults", '{"instances": [{"x": 1}]}',
     "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"x\": 1\n} keys must be equal to: x,y"),
]  # fmt: skip


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("model", "body", "expected"), rows(ANSWERED))
def test_rows_are_answered_byte_for_byte(main, model, body, expected):
    """The whole body."""
    answer = main.post(f"/v1/models/{model}:predict", body)

    assert (200, expected) == (answer.status, answer.body)
    assert "application/json" == answer.headers["content-type"]


@pytest.mark.parametrize(("model", "body", "message"), rows(REFUSED))
def test_rows_are_refused_in_words(main, model, body, message):
    """Always 400, in a row."""
    answer = main.post(f"/v1/models/{model}:predict", body)

    assert (400, error_body(message)) == (answer.status, answer.body)
