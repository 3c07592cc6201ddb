import pytest
from ruamel.yaml.error import YAMLError

from workflows.blocktext import Edits, child, compose, plain


def test_values_tell_text_from_numbers():
    """What is no string is a pair of its kind and how it is written."""
    expected = {"a": ["1", ("int", "1"), ("null", "")], "b": {"c": "d"}}

    assert expected == plain(compose("a:\n- '1'\n- 1\n-\nb: {c: d}"))


def test_a_key_that_stands_twice_is_refused():
    """Parsers differ in which of the two they take."""
    with pytest.raises(YAMLError, match="a key stands twice in line 2"):
        plain(compose("x:\n  a: 1\n  a: 2\n"))


def test_edits_at_several_places_are_made_together():
    """In the order of the text, not of the asking."""
    text = "a: 'x' # one\nb:\n  - y\nc: z\n"
    root, edits = compose(text), Edits(text)
    edits.append(root, "b", "w")
    edits.replace(child(root, "c"), "7")
    edits.replace(child(root, "a"), "7")

    assert "a: '7' # one\nb:\n  - y\n  - w\nc: \"7\"\n" == edits.apply()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("b:\n- x\n- y # two\n# end\n", "b:\n- x\n# end\n"),
        ("b:\n  # one\n  - y\nc: d\n", "b: []\n  # one\nc: d\n"),
        ("b:\n  - k: y\n    l: |\n      text\n  - z\n", "b:\n  - k: y\n    l: |\n      text\n"),
    ],
)
def test_an_item_goes_with_its_lines(text, after):
    """The last of the list; other comments stay, and an empty list is written as one."""
    edits, sequence = Edits(text), child(compose(text), "b")
    edits.remove(sequence, sequence.value[-1])

    assert after == edits.apply()
    compose(edits.apply())
