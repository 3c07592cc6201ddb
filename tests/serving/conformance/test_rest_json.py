"""How a body is read: section 8.3, RapidJSON v1.1.0 as util/json_tensor.cc of TF Serving 2.20.0 uses it.

The offsets were read off RapidJSON v1.1.0 itself, iterative, with NaN and Inf, stopping when done.
"""

# ruff: noqa: ISC004 -- a table is read row by row

from __future__ import annotations

import pytest

from tests.serving.conformance.wire import error_body

HALF = b'{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}'
INVALID = "Invalid value."
NAME = "Missing a name for object member."
COLON = "Missing a colon after a name of object member."
COMMA = "Missing a comma or '}' after an object member."
BRACKET = "Missing a comma or ']' after an array element."
HEX = "Incorrect hex digit after \\u escape in string."
ESCAPE = "Invalid escape character in string."
SURROGATE = "The surrogate pair in string is invalid."
QUOTE = "Missing a closing quotation mark in string."
BIG = "Number too big to be stored in double."
FRACTION = "Miss fraction part in number."
EXPONENT = "Miss exponent in number."
EMPTY = "The document is empty."

BROKEN = [
    # name, body, RapidJSON's text, offset
    ("blank", b" ", EMPTY, 1),
    ("white space", b"\n\t ", EMPTY, 3),
    ("closing brace", b"}", EMPTY, 0),
    ("closing bracket", b"]", EMPTY, 0),
    ("NUL byte", b"\x00", EMPTY, 0),
    ("word", b"x", INVALID, 0),
    ("UTF-16", b"\xff\xfe{\x00", INVALID, 0),
    ("open brace", b"{", NAME, 1),
    ("open bracket", b"[", INVALID, 1),
    ("comma first", b"{,}", NAME, 1),
    ("bare name", b"{a:1}", NAME, 1),
    ("number as name", b"{1:2}", NAME, 1),
    ("single quotes", b"{'a':1}", NAME, 1),
    ("two commas", b'{"a":1,,"b":2}', NAME, 7),
    ("comma last", b'{"a":1,}', NAME, 7),
    ("ends after comma", b'{"a":1,', NAME, 7),
    ("ends after name", b'{"a"', COLON, 4),
    ("name only", b'{"a"}', COLON, 4),
    ("no colon", b'{"a" 1}', COLON, 5),
    ("ends after colon", b'{"a":', INVALID, 5),
    ("ends after value", b'{"a":1', COMMA, 6),
    ("bracket closes brace", b'{"a":1]', COMMA, 6),
    ("no comma", b'{"a":1 "b":2}', COMMA, 7),
    ("brace closes bracket", b'{"a":[1}', BRACKET, 7),
    ("no comma in list", b'{"a":[1 2]}', BRACKET, 8),
    ("comma last in list", b'{"a":[1,]}', INVALID, 8),
    ("comma first in list", b'{"a":[,1]}', INVALID, 6),
    ("two commas in list", b'{"a":[1,,2]}', INVALID, 8),
    ("bracket as value", b'{"a":]}', INVALID, 5),
    ("tru", b'{"a":tru}', INVALID, 8),
    ("True", b'{"a":True}', INVALID, 5),
    ("fals", b'{"a":fals}', INVALID, 9),
    ("nul", b'{"a":nul}', INVALID, 8),
    ("nan", b'{"a":nan}', INVALID, 6),
    ("N", b'{"a":N}', INVALID, 6),
    ("INF", b'{"a":INF}', INVALID, 6),
    ("Infi", b'{"a":Infi}', INVALID, 9),
    ("-Infinit", b'{"a":-Infinit}', INVALID, 13),
    ("-I", b'{"a":-I}', INVALID, 7),
    ("minus", b'{"a":-}', INVALID, 6),
    ("two minuses", b'{"a":--1}', INVALID, 6),
    ("plus", b'{"a":+1}', INVALID, 5),
    ("leading zero", b'{"a":01}', COMMA, 6),
    ("leading point", b'{"a":.5}', INVALID, 5),
    ("trailing point", b'{"a":1.}', FRACTION, 7),
    ("point, exponent", b'{"a":1.e5}', FRACTION, 7),
    ("empty exponent", b'{"a":1e}', EXPONENT, 7),
    ("signed empty exponent", b'{"a":1e+}', EXPONENT, 8),
    ("hexadecimal", b'{"a":0x10}', COMMA, 6),
    ("underscore", b'{"a":1_000}', COMMA, 6),
    ("two points", b'{"a":1.5.5}', COMMA, 8),
    ("1e309", b'{"a":1e309}', BIG, 5),
    ("-1e309", b'{"a":-1e309}', BIG, 5),
    ("400 digits", b'{"a":' + b"9" * 400 + b"}", BIG, 5),
    ("open string", b'{"a":"abc}', QUOTE, 10),
    ("bad escape", b'{"a":"\\q"}', ESCAPE, 6),
    ("ends in an escape", b'{"a":"\\', ESCAPE, 6),
    ("control character", b'{"a":"\x01"}', ESCAPE, 6),
    ("bare newline", b'{"a":"\n"}', ESCAPE, 6),
    ("bare tabulator", b'{"a":"\t"}', ESCAPE, 6),
    ("bad hex", b'{"a":"\\u12G4"}', HEX, 6),
    ("short hex", b'{"a":"\\u12"}', HEX, 6),
    ("ends in hex", b'{"a":"\\u', HEX, 6),
    ("lone surrogate", b'{"a":"\\uD800"}', SURROGATE, 6),
    ("half a pair", b'{"a":"\\uD800\\u0041"}', SURROGATE, 6),
    ("block comment", b'{"a":/*c*/1}', INVALID, 5),
    ("line comment", b'{"a":1 //c\n}', COMMA, 7),
    ("NUL inside", b'{"a":1\x00}', COMMA, 6),
    ("BOM counts", b'\xef\xbb\xbf{"a":x}', INVALID, 8),
]

NOT_OBJECTS = [
    # name, body, <doc>
    ("list", "[1]", "[1]"),
    ("empty list", "[]", "[]"),
    ("nested list", "[[1,[2]],3]", "[[1, [2]], 3]"),
    ("integer", "1", "1"),
    ("decimal", "1.5", "1.5"),
    ("string", '"s"', '"s"'),
    ("null", "null", "null"),
    ("true", "true", "true"),
    ("false, then more", "false {}", "false"),
    ("NaN", "NaN", "NaN"),
    ("Infinity", "Inf", "Infinity"),
    ("-Infinity", "-Infinity", "-Infinity"),
]

BAD_SIGNATURE_NAMES = [
    # name, body, <doc>
    ("number", '{"signature_name": 1, "instances": [1.0]}', '{\n    "signature_name": 1,\n    "instances": [1.0]\n}'),
    ("null", '{"signature_name":null}', '{\n    "signature_name": null\n}'),
    ("list", '{"signature_name":["x"]}', '{\n    "signature_name": ["x"]\n}'),
    (
        "object",
        '{"signature_name":{"a":{}}}',
        '{\n    "signature_name": {\n        "a": {}\n    }\n}',
    ),
]

READ = [
    # name, body; each is answered as {"instances": [1.0, 2.0, 5.0]} is
    ("white space everywhere", b' \r\n\t{ "instances"\n:\t[ 1.0 , 2.0 , 5.0 ] }\n '),
    ("integers for floats", b'{"instances":[1,2,5]}'),
    ("exponents", b'{"instances":[1e0,0.2e1,50E-1]}'),
    ("BOM", b'\xef\xbb\xbf{"instances":[1,2,5]}'),
    ("garbage after it", b'{"instances":[1,2,5]}garbage'),
    ("a second document", b'{"instances":[1,2,5]} {"instances":[7]}'),
    ("a brace too many", b'{"instances":[1,2,5]}}'),
    ("NUL after it", b'{"instances":[1,2,5]}\x00\x00'),
    ("bytes that are no text after it", b'{"instances":[1,2,5]}\xff\xfe'),
    ("first of two equal keys", b'{"instances":[1,2,5],"instances":[7]}'),
    ("first of two equal keys, second wrong", b'{"instances":[1,2,5],"instances":"x"}'),
    ("first of two signature names", b'{"signature_name":"serving_default","signature_name":1,"instances":[1,2,5]}'),
    ("unknown keys", b'{"foo":{"bar":[null]},"instances":[1,2,5],"baz":1}'),
    ("escaped key", b'{"\\u0069nstances":[1,2,5]}'),
    ("empty signature name", b'{"signature_name":"","instances":[1,2,5]}'),
    ("signature name last", b'{"instances":[1,2,5],"signature_name":"serving_default"}'),
    ("unread bytes that are no UTF-8", b'{"foo":"\xff","instances":[1,2,5]}'),
    ("unread 100 digits", b'{"foo":' + b"9" * 100 + b',"instances":[1,2,5]}'),
]

FLOATS = [
    # name, token, what float32 makes of it
    ("NaN", "NaN", "NaN"),
    ("minus NaN", "-NaN", "NaN"),
    ("Inf", "Inf", "Infinity"),
    ("Infinity", "Infinity", "Infinity"),
    ("-Inf", "-Inf", "-Infinity"),
    ("-Infinity", "-Infinity", "-Infinity"),
    ("overflow", "1e39", "Infinity"),
    ("negative overflow", "-1e39", "-Infinity"),
    ("underflow", "1e-50", "0.0"),
    ("double underflow", "1e-400", "0.0"),
    ("minus zero", "-0.0", "-0.0"),
    ("minus integer zero", "-0", "0.0"),
    ("loses digits", "16777217", "16777216.0"),
    ("biggest", "3.4028234663852886e38", "3.40282347e+38"),
    ("smallest normal", "1.1754943508222875e-38", "1.17549435e-38"),
    ("uint64", "18446744073709551615", "1.84467441e+19"),
    ("beyond uint64", "18446744073709551616", "1.84467441e+19"),
    ("many digits", "0." + "3" * 300, "0.333333343"),
    ("many zeros", "1" + "0" * 38, "1e+38"),
]


def rows(table):
    """Each row as a parameter set, named by its first column."""
    return [pytest.param(*row[1:], id=row[0]) for row in table]


@pytest.mark.parametrize(("body", "text", "offset"), rows(BROKEN))
def test_broken_json_is_refused_with_its_offset(main, body, text, offset):
    """400 with RapidJSON's words."""
    answer = main.post("/v1/models/half:predict", body)

    assert (400, error_body(f"JSON Parse error: {text} at offset: {offset}")) == (answer.status, answer.body)


@pytest.mark.parametrize("verb", ["predict", "classify", "regress"])
def test_an_empty_body_has_no_offset(main, verb):
    """The one parse error that is not RapidJSON's."""
    answer = main.post(f"/v1/models/half:{verb}", b"")

    assert (400, error_body("JSON Parse error: The document is empty")) == (answer.status, answer.body)


@pytest.mark.parametrize("verb", ["predict", "classify", "regress"])
@pytest.mark.parametrize(("body", "doc"), rows(NOT_OBJECTS))
def test_the_top_level_is_an_object(main, verb, body, doc):
    """Anything else is shown and refused."""
    answer = main.post(f"/v1/models/half:{verb}", body)

    assert (400, error_body(f"JSON Value: {doc} Is not object")) == (answer.status, answer.body)


@pytest.mark.parametrize("verb", ["predict", "classify", "regress"])
@pytest.mark.parametrize(("body", "doc"), rows(BAD_SIGNATURE_NAMES))
def test_a_signature_name_is_a_string(main, verb, body, doc):
    """Anything else is refused with the whole document."""
    answer = main.post(f"/v1/models/half:{verb}", body)

    message = f"JSON Value: {doc} not formatted correctly. 'signature_name' key must be a string value."
    assert (400, error_body(message)) == (answer.status, answer.body)


@pytest.mark.parametrize("body", rows(READ))
def test_what_rapidjson_reads(main, body):
    """Odd, and read."""
    answer = main.post("/v1/models/half:predict", body)

    assert (200, HALF) == (answer.status, answer.body)


@pytest.mark.parametrize(("token", "expected"), rows(FLOATS))
def test_a_number_becomes_a_float32(main, token, expected):
    """Numbers are never refused for their size, short of a double's."""
    answer = main.post("/v1/models/echo:predict", f'{{"inputs": {token}}}')

    assert (200, f'{{\n    "outputs": {expected}\n}}'.encode()) == (answer.status, answer.body)


def test_half_a_million_brackets_are_read(main):
    """The parser does not recurse: the value of an unknown key may be as deep as it likes."""
    deep = b"[" * 500_000 + b"]" * 500_000
    answer = main.post("/v1/models/half:predict", b'{"deep":' + deep + b',"instances":[1,2,5]}')

    assert (200, HALF) == (answer.status, answer.body)


def test_half_a_million_open_brackets_are_refused(main):
    """Depth is no protection against the end of the document."""
    answer = main.post("/v1/models/half:predict", b"[" * 500_000)

    assert (400, error_body("JSON Parse error: Invalid value. at offset: 500000")) == (answer.status, answer.body)


ORDER = [
    # name, path, body, status, message
    ("parse before model", "nope:predict", "{", 400, f"JSON Parse error: {NAME} at offset: 1"),
    ("empty before model", "nope:predict", "", 400, "JSON Parse error: The document is empty"),
    ("signature_name before model", "nope:predict", '{"signature_name":null}', 400,
     'JSON Value: {\n    "signature_name": null\n} not formatted correctly. '
     "'signature_name' key must be a string value."),
    ("model before tensors", "nope:predict", "{}", 404, "Servable not found for request: Latest(nope)"),
    ("model before both keys", "nope:predict", '{"instances":[],"inputs":1}', 404,
     "Servable not found for request: Latest(nope)"),
    ("signature before tensors", "half:predict", '{"signature_name":"s"}', 400,
     'Serving signature name: "s" not found in signature def'),
    ("signature is case-sensitive", "half:predict", '{"signature_name":"Serving_Default","instances":[1]}', 400,
     'Serving signature name: "Serving_Default" not found in signature def'),
    ("label before tensors", "half/labels/l:predict", "{}", 400, "Unrecognized servable version label: l"),
    ("classify: parse before model", "nope:classify", "{", 400, f"JSON Parse error: {NAME} at offset: 1"),
    ("classify: examples before model", "nope:classify", "{}", 400,
     "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
    ("classify: features before model", "nope:classify", '{"examples":[{"x":null}]}', 400,
     "Feature: x has element with unexpected JSON type: Null"),
    ("regress: features before model", "nope:regress", '{"examples":[[]]}', 400,
     "Example must be JSON object but got JSON Array"),
    ("classify: then the model", "nope:classify", '{"examples":[{"x":1.0}]}', 404,
     "Servable not found for request: Latest(nope)"),
    ("regress: then the model", "nope/versions/3:regress", '{"examples":[{"x":1.0}]}', 404,
     "Servable not found for request: Specific(nope, 3)"),
    ("classify: then the signature", "half:classify", '{"signature_name":"s","examples":[{"x":1.0}]}', 400,
     "No signature was found with the name: s"),
    ("regress: then the signature", "half:regress", '{"signature_name":"s","examples":[{"x":1.0}]}', 400,
     "No signature was found with the name: s"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "message"), rows(ORDER))
def test_what_is_looked_at_first(main, path, body, status, message):
    """Of two faults the first one is named."""
    answer = main.post(f"/v1/models/{path}", body)

    assert (status, error_body(message)) == (answer.status, answer.body)


def test_a_long_document_is_cut_in_the_message(main):
    """Writing it stops once 256 bytes are out."""
    numbers = ", ".join(["0"] * 5000)
    answer = main.post("/v1/models/half:predict", f'{{"instances": [{numbers}], "inputs": []}}')
    shown = ('{\n    "instances": [' + numbers)[:256].replace("\n", "\\n").replace('"', '\\"').encode()

    assert 400 == answer.status
    assert answer.body.startswith(b'{\n    "error": "JSON Value: ' + shown[:250])
    assert b"expecting only one of 'inputs' or 'instances' keys to exist" in answer.body
    assert len(answer.body) < 600
