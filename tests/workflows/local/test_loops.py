"""withItems, withParam, withSequence, and the lists of their outputs."""

import json

import pytest

from workflows.local.loops import expand
from workflows.local.model import Call, Sequence


def _names(call: Call) -> list[str]:
    return [found.name for found in expand(call, {})]


@pytest.mark.parametrize(
    ("items", "names"),
    [
        (["x", "y"], ["t(0:x)", "t(1:y)"]),
        ([1, 2.5, True], ["t(0:1)", "t(1:2.5)", "t(2:true)"]),
        ([{"b": 2, "a": "x"}], ["t(0:a:x,b:2)"]),
        (["f(x)"], ["t(0:fx)"]),
    ],
)
def test_items_name_their_nodes_as_argo_does(items, names):
    """The index, a colon and the item without parentheses."""
    assert names == _names(Call("t", "sh", with_items=tuple(items)))


@pytest.mark.parametrize(
    ("sequence", "names"),
    [
        (Sequence(count="3"), ["t(0:0)", "t(1:1)", "t(2:2)"]),
        (Sequence(start="2", end="4"), ["t(0:2)", "t(1:3)", "t(2:4)"]),
        (Sequence(start="3", end="1"), ["t(0:3)", "t(1:2)", "t(2:1)"]),
        (Sequence(start="9", count="2", format="seed-%03d"), ["t(0:seed-009)", "t(1:seed-010)"]),
        (Sequence(count="0"), []),
    ],
)
def test_a_sequence_counts_both_ends(sequence, names):
    """Start to end, up or down, or a count of them."""
    assert names == _names(Call("t", "sh", with_sequence=sequence))


def test_with_param_takes_a_list_that_a_step_made_and_gives_one_back(local):
    """A fan-out and a fan-in: every item's output parameter, in the order of the items."""
    double = local.template(
        "double",
        "echo $(({{inputs.parameters.n}} * 2)) > {{outputs.parameters.twice.path}}",
        inputs={"parameters": [{"name": "n"}]},
        outputs={"parameters": [{"name": "twice", "valueFrom": {"path": "/out/twice"}}]},
    )
    each = {
        "name": "each",
        "depends": "list",
        "template": "double",
        "withParam": "{{tasks.list.outputs.result}}",
        "arguments": {"parameters": [{"name": "n", "value": "{{item}}"}]},
    }
    tasks = [
        local.task("list", "echo '[5, 1, 3]'"),
        each,
        local.task("all", "echo '{{tasks.each.outputs.parameters.twice}}'", depends="each"),
        local.task("rows", "echo '{{tasks.each.outputs.parameters}}'", depends="each"),
    ]
    status = local.run(local.document({"name": "main", "dag": {"tasks": tasks}}, double))

    assert "Succeeded" == status.phase
    assert ["10", "2", "6"] == json.loads(local.log("all"))
    assert [{"twice": "10"}, {"twice": "2"}, {"twice": "6"}] == json.loads(local.log("rows"))


def test_items_that_are_mappings_give_their_keys(local):
    """`item.<key>`, and `item` as JSON."""
    items = [{"name": "a", "n": 1}, {"name": "b", "n": 2}]
    status = local.run(local.dag(local.task("each", "echo {{item.name}}{{item.n}} '{{item}}'", withItems=items)))

    assert "Succeeded" == status.phase
    assert 'b2 {"n":2,"name":"b"}\n' == local.log("each-1-n-2-name-b")


def test_an_empty_list_skips_the_task(local):
    """And what depends on it runs."""
    status = local.run(local.dag(local.task("each", "{{item}}", withParam="[]"), local.task("b", depends="each")))

    assert {"each": "Skipped", "b": "Succeeded"} == local.phases(status)


def test_a_list_that_is_none_is_an_error(local):
    """Argo's message, on the task's own node."""
    status = local.run(local.dag(local.task("each", "{{item}}", withParam="nonsense")))

    assert ("Error", "withParam value could not be parsed as a JSON list: nonsense") == (
        status.phase,
        status.find("wf.each").message,
    )


def test_when_is_asked_for_every_item(local):
    """Only one of three items runs."""
    status = local.run(local.dag(local.task("each", when="{{item}} == 2", withItems=[1, 2, 3])))

    assert ["Skipped", "Succeeded", "Skipped"] == [local.phases(status)[f"each({n}:{n + 1})"] for n in range(3)]


@pytest.mark.parametrize(
    ("script", "any_succeeded", "all_failed"),
    [
        ("exit {{item}}", "Succeeded", "Omitted"),
        ("exit 1", "Omitted", "Succeeded"),
        ("exit 0", "Succeeded", "Omitted"),
    ],
)
def test_depends_can_ask_about_the_items(local, script, any_succeeded, all_failed):
    """AnySucceeded and AllFailed."""
    status = local.run(
        local.dag(
            local.task("each", script + " # {{item}}", withItems=[0, 1]),
            local.task("any", depends="each.AnySucceeded"),
            local.task("all", depends="each.AllFailed"),
        )
    )

    assert (any_succeeded, all_failed) == (local.phases(status)["any"], local.phases(status)["all"])
