"""Tags in strings, and strings in whatever holds them."""

import json
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.local.substitution import substitute, substitute_text, tags

names = st.from_regex(r"[a-z][a-zA-Z0-9.-]{0,8}", fullmatch=True)
plain = st.text(max_size=8).filter(lambda text: "{" not in text and "}" not in text)


@given(st.lists(st.one_of(plain, names.map(lambda name: (name,)))), st.dictionaries(names, st.text(max_size=8)))
def test_every_known_tag_is_replaced_and_the_rest_stays(parts, scope):
    """Whatever the values hold, also braces, quotes and backslashes; they are not looked at again."""
    text = "".join(part if isinstance(part, str) else f"{{{{{part[0]}}}}}" for part in parts)
    expected = "".join(part if isinstance(part, str) else scope.get(part[0], f"{{{{{part[0]}}}}}") for part in parts)

    assert expected == substitute_text(text, scope)
    assert [part[0] for part in parts if not isinstance(part, str)] == list(tags(text))


@settings(max_examples=30)
@given(st.recursive(names, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)))
def test_structures_keep_their_shape(value):
    """Replacing nothing changes nothing; replacing everything changes the strings only."""
    tagged = json.loads(json.dumps(value))

    assert tagged == substitute(tagged, {"other": "x"})


def test_spaces_within_a_tag_do_not_matter():
    """`{{ x }}` is `{{x}}`."""
    assert "1 1" == substitute_text("{{ x }} {{x}}", {"x": "1"})


@dataclass(frozen=True)
class _Pair:
    left: str
    right: tuple[str, ...]


def test_an_untouched_dataclass_is_the_same_object():
    """So a pass over a run that changes nothing costs little."""
    pair = _Pair("a", ("{{b}}",))

    assert pair is substitute(pair, {})
    assert _Pair("a", ("c",)) == substitute(pair, {"b": "c"})
