"""`when`: the conditions that Argo evaluates by govaluate."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.local.faults import Fault
from workflows.local.when import evaluate


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("", True),
        ("true", True),
        ("false", False),
        ("heads == heads", True),
        ("heads != tails", True),
        ("'not-ready' == \"not-ready\"", True),
        ("0.97 >= 0.9", True),
        ("-1 < 0", True),
        ("10 < 9", False),
        ("'10' < '9'", True),
        ("1 == '1'", False),
        ("true == true", True),
        ("a == a && (b == c || 2 > 1)", True),
        ("!(a == a)", False),
        ("! false && true", True),
        ("false && nonsense", False),
        ("true || nonsense", True),
        ("b in (a, b)", True),
        ("3 in (1, 2)", False),
        ("'v1.2' =~ '^v[0-9]'", True),
        ("abc !~ x", True),
    ],
)
def test_a_condition_is_evaluated(condition, expected):
    """Words are strings, numbers are numbers, and types are not mixed."""
    assert expected == evaluate(condition)


@pytest.mark.parametrize(
    "condition",
    [
        "a-b == a-b",
        "v1.2 == v1.2",
        "==",
        "a ==",
        "(a == a",
        "a == a)",
        "a",
        "1",
        "'a' < 1",
        "{{x}} == 1",
        " ",
        "f(x)",
        "a && b",
        "'it is \"so\"' == x",  # to govaluate, either quote ends what either began
    ],
)
def test_a_condition_that_makes_no_sense_is_a_fault(condition):
    """Never a traceback, and never a guess."""
    with pytest.raises(Fault):
        evaluate(condition)


booleans = st.recursive(
    st.one_of(
        st.booleans().map(lambda value: (str(value).lower(), value)),
        st.tuples(st.integers(-99, 99), st.sampled_from(["==", "!=", "<", ">", "<=", ">="]), st.integers(-99, 99)).map(
            lambda parts: (f"{parts[0]} {parts[1]} {parts[2]}", eval(f"{parts[0]} {parts[1]} {parts[2]}"))  # noqa: S307
        ),
        st.tuples(st.text('abc "\\(', max_size=4), st.text('abc "\\(', max_size=4)).map(
            lambda pair: (f"{json.dumps(pair[0])} == {json.dumps(pair[1])}", pair[0] == pair[1])
        ),
    ),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"!({one[0]})", not one[1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]}) && ({two[1][0]})", two[0][1] and two[1][1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]}) || ({two[1][0]})", two[0][1] or two[1][1])),
    ),
)


@given(booleans)
def test_a_written_expression_gives_back_its_value(case):
    """Any nesting of comparisons, negation, and, or."""
    text, value = case

    assert value == evaluate(text)
