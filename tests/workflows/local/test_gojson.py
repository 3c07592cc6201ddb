"""JSON as Go writes it, and texts that keep their own spelling."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.local import gojson

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_making_json_compact_does_not_change_what_it_says(value):
    """Spaces go, within strings they stay."""
    spread = json.dumps(value, indent=3, ensure_ascii=False)

    assert json.dumps(value, separators=(",", ":"), ensure_ascii=False) == gojson.compact(spread)


@given(st.lists(JSON), st.integers(0, 2))
def test_the_parts_of_a_list_are_its_items(items, indent):
    """However it is written."""
    text = f" {json.dumps(items, indent=indent)} "

    assert items == [json.loads(part) for part in gojson.parts(text)]


@given(st.dictionaries(st.text(max_size=4), JSON))
def test_the_pairs_of_a_mapping_are_its_entries(mapping):
    """In the order in which it has them."""
    pairs = [(key, json.loads(part)) for key, part in gojson.pairs(json.dumps(mapping, indent=1))]

    assert list(mapping.items()) == pairs


@given(JSON)
def test_what_is_written_can_be_read(value):
    """The escapes are JSON's own."""
    assert value == json.loads(gojson.dumps(value))


@pytest.mark.parametrize(
    ("value", "written"),
    [("<a> & b", '"\\u003ca\\u003e \\u0026 b"'), ("é\u2028", '"é\\u2028"'), ({"b": 1, "a": [True, None]}, None)],
)
def test_go_escapes_what_html_would_take_for_its_own(value, written):
    """And nothing else."""
    assert (written or '{"b":1,"a":[true,null]}') == gojson.dumps(value)
