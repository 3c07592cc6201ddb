"""`depends`: its grammar, and what a bare name means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.errors import WorkflowError
from workflows.local.depends import RESULTS, Ended, check, dependencies, runs
from workflows.local.model import Call

NAMES = ("a", "b-2", "c-d-e")
TASKS = {name: Call(name, "t") for name in NAMES}


def test_dependencies_are_the_names_in_it():
    """Each once, in order, hyphens and all."""
    call = Call("x", "t", depends="(b-2.Failed || a) && !b-2.Skipped && c-d-e.AnySucceeded")

    assert ["b-2", "a", "c-d-e"] == dependencies(call)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [("Succeeded", True), ("Skipped", True), ("Failed", False), ("Error", False), ("Omitted", False)],
)
def test_a_bare_name_means_succeeded_or_skipped(phase, expected):
    """As Argo's own words for it."""
    assert expected == runs(Call("x", "t", depends="a"), TASKS, lambda _: Ended(phase))


@pytest.mark.parametrize(("phase", "expected"), [("Failed", True), ("Error", False)])
def test_continue_on_widens_a_bare_name(phase, expected):
    """Only for the phase that it names."""
    tasks = {"a": Call("a", "t", continue_on_failed=True)}

    assert expected == runs(Call("x", "t", depends="a"), tasks, lambda _: Ended(phase))


@pytest.mark.parametrize(
    "text", ["a &&", "&& a", "a b-2", "(a", "a)", "a.Succeeded.Failed", "a == a", "1 + 1", "a,b-2"]
)
def test_what_is_malformed_is_refused(text):
    """One sentence, before anything starts."""
    with pytest.raises(WorkflowError):
        check(Call("x", "t", depends=text), TASKS, "here")


phases = st.sampled_from(sorted(RESULTS.values()))
atoms = st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(RESULTS))).map(
    lambda pair: (f"{pair[0]}.{pair[1]}", lambda ended: ended[pair[0]] == RESULTS[pair[1]])
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"!({one[0]})", lambda ended: not one[1](ended))),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]} && {two[1][0]})", lambda ended: two[0][1](ended) and two[1][1](ended))
        ),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}||{two[1][0]})", lambda ended: two[0][1](ended) or two[1][1](ended))
        ),
    ),
)


@given(expressions, st.fixed_dictionaries(dict.fromkeys(NAMES, phases)))
def test_a_written_expression_gives_back_its_value(expression, ended):
    """For every way in which the tasks may have ended."""
    text, value = expression

    assert value(ended) == runs(Call("x", "t", depends=text), TASKS, lambda name: Ended(ended[name]))
