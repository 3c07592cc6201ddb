from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.errors import OverlayError, ShipwayError, UsageError
from workflows.overlay import Pin, load, overlay_path, promoted_from, read_models, remove_model, set_model

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
LINE = "- ../../models/m"
FRESH = """\
# dev: a comment
resources:
  - namespace.yaml

images: []  # what runs
"""
RUNS = f"""\
resources:
  - namespace.yaml # first
  - ../../models/digits
# between
images:
  # the model of the digits
  - name: models/digits # by its name
    newTag: "1" # the version
    digest: {A}

  - name: other/image
    newTag: v3
patches: []
"""


def test_a_fresh_overlay_gets_a_line_and_an_entry():
    """The comment stays where the empty list stood."""
    expected = f"""\
# dev: a comment
resources:
  - namespace.yaml
  - ../../models/digits

images:  # what runs
  - name: models/digits
    newTag: "20261122143000"
    digest: {A}
"""

    assert expected == set_model(FRESH, "digits", Pin("20261122143000", A), "f")


def test_another_version_changes_two_values_and_no_other_byte():
    """Comments, other images and their order stay."""
    expected = RUNS.replace('"1"', '"22"').replace(A, B)

    assert expected == set_model(RUNS, "digits", Pin("22", B), "f")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("resources: [n.yaml]\nimages: []\n", "resources: [n.yaml, ../../models/m]\nimages:\n  - name: models/m\n"),
        ("resources:\n- n.yaml\n", "resources:\n- n.yaml\n- ../../models/m\nimages:\n- name: models/m\n"),
        ("resources:\n    - n.yaml\nimages:", f"resources:\n    - n.yaml\n    {LINE}\nimages:\n    - name: models/m\n"),
        ("images: null # none\nkind: K\n", "images: # none\n  - name: models/m\n"),
        ("resources:\r\n  - n.yaml\r\n", f"resources:\r\n  - n.yaml\r\n  {LINE}\r\nimages:\r\n  - name: models/m\r\n"),
    ],
)
def test_every_way_to_write_a_list_is_kept(before, after):
    """Lists in brackets, without indent, deeper, empty, missing, and Windows line ends."""
    text = set_model(before, "m", Pin("7", A), "f")

    assert text.startswith(after)
    assert {"m": Pin("7", A)} == read_models(text, "f")


@pytest.mark.parametrize(
    ("entry", "after"),
    [
        ("- name: models/m\n    newTag: '1'\n", f"- name: models/m\n    newTag: '7'\n    digest: {A}\n"),
        ("- {name: models/m, newTag: '1'}\n", f"- {{name: models/m, newTag: '7', digest: {A}}}\n"),
        (f'- digest: "{B}"\n    newTag: "1"\n    name: models/m', f'"{A}"\n    newTag: "7"\n    name: models/m'),
        ('- name: models/m\n    newName: r:5/m\n    newTag: "1"\n', f'r:5/m\n    newTag: "7"\n    digest: {A}\n'),
    ],
)
def test_every_way_to_write_an_entry_is_kept(entry, after):
    """Quotes stay as they were, a missing digest is added, a registry in newName stays."""
    text = set_model(f"resources:\n  - ../../models/m\nimages:\n  {entry}", "m", Pin("7", A), "f")

    assert text.endswith(after)


comment = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=12).map(
    lambda words: f"# {words}"
)
filler = st.lists(st.one_of(comment, st.just("")), max_size=2).map(lambda lines: "".join(f"{line}\n" for line in lines))
name = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
version = st.integers(1, 10**18).map(str)
digest = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda text: f"sha256:{text}")
pin = st.builds(Pin, version, digest)


@st.composite
def overlays(draw):
    """An overlay with comments everywhere, its sections in any order, and what it runs."""
    models = draw(st.dictionaries(name, pin, max_size=3))
    quote = draw(st.sampled_from(["'", '"']))
    indent = draw(st.sampled_from(["", "  ", "    "]))
    tail = draw(st.one_of(st.just(""), comment.map(lambda text: f" {text}")))
    resources = "".join(f"{indent}- ../../models/{model}{tail}\n{draw(filler)}" for model in models)
    images = "".join(
        f"{indent}- name: models/{model}\n{draw(filler)}"
        f"{indent}  newTag: {quote}{pin.version}{quote}{tail}\n{indent}  digest: {pin.digest}\n{draw(filler)}"
        for model, pin in models.items()
    )
    none = st.sampled_from([f"images: []{tail}\n", f"images:{tail}\n", ""])
    sections = [
        f"resources:{tail}\n{draw(filler)}{indent}- namespace.yaml{tail}\n{resources}",
        f"images:{tail}\n{images}" if images else draw(none),
        f"patches:\n{indent}- path: server.yaml\n{indent}  target: {{kind: Deployment}}\n",
        "namespace: serving\n",
    ]
    return "".join(part + draw(filler) for part in draw(st.permutations(sections))), models


def lines_kept(before: str, after: str) -> bool:
    """Whether every line of one text stands in the other, in order."""
    rest = iter(after.splitlines())
    return all(line in rest for line in before.splitlines())


@settings(max_examples=60, deadline=None)
@given(overlays(), name, pin)
def test_adding_a_model_keeps_every_line(overlay, model, wanted):
    """Only an empty list's own line may change."""
    text, models = overlay
    if model in models:
        return

    after = set_model(text, model, wanted, "f")

    assert models | {model: wanted} == read_models(after, "f")
    assert lines_kept(text.replace("images: []", "images:"), after)


@settings(max_examples=60, deadline=None)
@given(overlays(), st.data())
def test_changing_a_version_changes_nothing_else(overlay, data):
    """The text is that of the old values with the new ones put in."""
    text, models = overlay
    if not models:
        return
    model, wanted = data.draw(st.sampled_from(sorted(models))), data.draw(pin)

    after = set_model(text, model, wanted, "f")

    assert models | {model: wanted} == read_models(after, "f")
    assert len(text.splitlines()) == len(after.splitlines())
    changed = [line for line in zip(text.splitlines(), after.splitlines(), strict=True) if line[0] != line[1]]
    assert all(old.lstrip().startswith(("newTag:", "digest:")) for old, _ in changed)
    assert text == set_model(after, model, models[model], "f")


@settings(max_examples=60, deadline=None)
@given(overlays(), name, pin)
def test_taking_a_model_out_undoes_adding_it(overlay, model, wanted):
    """The lines are those of before; an empty list is written []."""
    text, models = overlay
    if model in models:
        return

    after = remove_model(set_model(text, model, wanted, "f"), model, "f")

    assert models == read_models(after, "f")
    assert lines_kept(*(each.replace("images:", "").replace(" []", "") for each in (text, after)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "f is not YAML in line 1"),
        ("a: 1\n---\nb: 1\n", "f is not YAML"),
        ("images: []\nimages: []\n", "a key stands twice"),
        ("", "f is not a kustomization"),
        ("- a\n", "f is not a kustomization"),
        ("images: 3\n", "`images` that is no list"),
        ("resources:\n  a: b\n", "`resources` that is no list"),
        ("resources: [../../models/m]\n", "names the model m in only one of `resources`"),
        ("images:\n  - name: models/m\n    newTag: '1'\n", "names the model m in only one of `resources`"),
        ("images:\n  - name: models/m\n    newTag: 2026\n", 'without quotes for m: write newTag: "2026"'),
        ("images:\n  - name: models/m\n    newTag: latest\n", "no version as newTag for m"),
        ("images:\n  - name: models/m\n", "no version as newTag for m"),
        ("images:\n  - name: models/m\n    newTag: '1'\n    digest: 5\n", "malformed digest for m"),
        ("images: [{name: models/m, newTag: '1'}, {name: models/m, newTag: '1'}]\n", "two entries models/m"),
    ],
)
def test_what_cannot_be_read_is_named(text, words):
    """One sentence with the file, never a traceback; nothing is edited."""
    with pytest.raises(OverlayError, match=words):
        read_models(text, "f")
    with pytest.raises(OverlayError, match=words):
        set_model(text, "m", Pin("7", A), "f")


@pytest.mark.parametrize("text", ["resources: &x [n.yaml]\nbases: *x\n", "resources: [\n  n.yaml # c\n  ]\n"])
def test_what_cannot_be_edited_in_place_is_refused(text):
    """An anchor, or a comment before the closing bracket, would change the meaning."""
    with pytest.raises(OverlayError, match="cannot be edited in place"):
        set_model(text, "m", Pin("7", A), "f")


def test_a_model_that_is_not_there_cannot_be_taken_out():
    """The ones that are there are listed."""
    with pytest.raises(OverlayError, match="f runs no model cancer: it runs digits"):
        remove_model(RUNS, "cancer", "f")


def test_a_list_in_brackets_is_not_taken_apart():
    """The sentence says how to write it."""
    text = set_model("resources: [n.yaml]\n", "m", Pin("7", A), "f")

    with pytest.raises(OverlayError, match="write one item a line"):
        remove_model(text, "m", "f")


@pytest.mark.parametrize(("model", "pin"), [("A b", Pin("1", A)), ("m", Pin("01", A)), ("m", Pin("1", "sha256:1"))])
def test_a_wrong_name_version_or_digest_is_refused(model, pin):
    """Nothing of the wrong form gets into an overlay."""
    with pytest.raises(UsageError, match="received"):
        set_model(FRESH, model, pin, "f")


def test_the_environment_before_is_an_annotation():
    """An overlay without one is the first."""
    text = "metadata:\n  annotations:\n    shipway.dev/promoted-from: dev\n"

    assert ("dev", None) == (promoted_from(text, "f"), promoted_from(FRESH, "f"))


def test_loading_says_what_is_wrong_with_the_file(tmp_path: Path):
    """Missing, and not text; line ends are kept."""
    (tmp_path / "a").write_bytes(b"\xff")
    (tmp_path / "b").write_bytes(b"a: 1\r\n")

    for name, words in (("missing", "No such file"), ("a", "not UTF-8")):
        with pytest.raises(OverlayError, match=words):
            load(tmp_path / name)
    assert "a: 1\r\n" == load(tmp_path / "b")


def test_an_environment_is_no_path():
    """Nothing outside the overlays can be named."""
    with pytest.raises(ShipwayError, match="an environment is a folder"):
        overlay_path("../models")
