import contextlib
import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import InvalidArgument
from serving.rest import json_reader
from serving.rest.json_reader import _Reader, read


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"a": [1, 2.5, -3e2, true, null]} ', {"a": [1, 2.5, -300.0, True, None]}),
        (b"[Inf, Infinity, -Inf, -Infinity]", [math.inf, math.inf, -math.inf, -math.inf]),
        (b'{"a": 1} whatever follows', {"a": 1}),
        (b'{"a": 1, "a": 2}', {"a": 1}),
        (b'{"a": Inf, "a": 2}', {"a": math.inf}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'["x\\u00e9\\ud83d\\ude00\\n"]', ["xé😀\n"]),
        (b"[18446744073709551616, 18446744073709551615]", [1.8446744073709552e19, 2**64 - 1]),
        (b"[-9223372036854775808, -9223372036854775809]", [-(2**63), -9.223372036854775808e18]),
    ],
)
def test_what_is_read(body, expected):
    """RapidJSON's extensions beside plain JSON."""
    assert expected == read(body)


@pytest.mark.parametrize(
    ("body", "text", "offset"),
    [
        (b"   ", "The document is empty.", 3),
        (b"]", "The document is empty.", 0),
        (b"[1,", "Invalid value.", 3),
        (b"[1,]", "Invalid value.", 3),
        (b"[nul]", "Invalid value.", 4),
        (b"-", "Invalid value.", 1),
        (b"[1 2]", "Missing a comma or ']' after an array element.", 3),
        (b"{", "Missing a name for object member.", 1),
        (b'{"a":1,}', "Missing a name for object member.", 7),
        (b'{"a"', "Missing a colon after a name of object member.", 4),
        (b'{"a":}', "Invalid value.", 5),
        (b'{"a":1 "b"}', "Missing a comma or '}' after an object member.", 7),
        (b"[1e999]", "Number too big to be stored in double.", 1),
        (b"[1.]", "Miss fraction part in number.", 3),
        (b"[1e+]", "Miss exponent in number.", 4),
        (b'"abc', "Missing a closing quotation mark in string.", 4),
        (b'"a\\qb"', "Invalid escape character in string.", 2),
        (b'"\\u12g4"', "Incorrect hex digit after \\u escape in string.", 1),
        (b'"\\ud800x"', "The surrogate pair in string is invalid.", 1),
    ],
)
def test_what_is_refused(body, text, offset):
    """RapidJSON's texts, with the offset in bytes."""
    with pytest.raises(InvalidArgument) as refused:
        read(body)

    assert f"JSON Parse error: {text} at offset: {offset}" == str(refused.value)


def test_an_empty_body_has_a_text_of_its_own():
    """Without an offset."""
    with pytest.raises(InvalidArgument, match=r"^JSON Parse error: The document is empty$"):
        read(b"")


def test_deep_nesting_is_read():
    """No recursion, so no limit."""
    value = read(b"[" * 100_000 + b"]" * 100_000)
    depth = 0
    while value:
        value, depth = value[0], depth + 1

    assert 99_999 == depth


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans())
def test_both_ways_read_what_json_writes(value, ascii_only):
    """The quick way and RapidJSON's own agree with the standard library, types included."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")

    assert repr(value) == repr(_Reader(body).read()) or not ascii_only or "\\ud" in body.decode().lower()
    if isinstance(value, dict | list) and "\\ud" not in body.decode("utf-8", "replace").lower():
        assert repr(_Reader(body).read()) == repr(read(body))


@given(st.binary(max_size=40))
def test_any_bytes_give_a_value_or_an_error(body):
    """Never anything else."""
    with contextlib.suppress(InvalidArgument):
        read(body)


TOKENS = (
    *(b"1", b"-0", b"-1.5", b"01", b"1e5", b'"a"', b'"\xff"', b'"\\n"', b'"', b"true", b"nul", b"null", b"NaN", b"-"),
    *(b",", b",", b",", b"[", b"]", b"{", b":", b" ", b"\n", b"\x00", b"123456789012345678", b"12345678901234567890"),
)


@given(st.lists(st.sampled_from(TOKENS), max_size=14).map(b"".join))
def test_elements_at_once_are_what_they_are_one_by_one(tail):
    """Values and errors."""

    def said():
        try:
            return repr(_Reader(b"[" + tail).read())
        except InvalidArgument as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        together = said()
        patch.setattr(json_reader, "_PLAIN_ELEMENTS", re.compile(b"(?!)"))
        assert said() == together
