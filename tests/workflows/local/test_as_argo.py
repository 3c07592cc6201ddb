"""What the comparison with the real controller has shown, held where no cluster is: see tests/e2e/parity."""

import json

import pytest

from workflows.errors import WorkflowError
from workflows.local import loops, when
from workflows.local.faults import Fault
from workflows.local.model import Call


def _names(text: str) -> dict[str, str]:
    call = Call("c", "t", with_param=text, when="{{item}}")
    return {one.name: one.when for one in loops.expand(call, {})}


@pytest.mark.parametrize(
    ("items", "names"),
    [
        ('["a", "d(e)", ""]', {"c(0:a)": "a", "c(1:de)": "d(e)", "c(2:)": ""}),
        ("[2.50, 1e3, true]", {"c(0:2.50)": "2.50", "c(1:1e3)": "1e3", "c(2:true)": "true"}),
        ("[null]", {"c(0:[])": "null"}),
        ('["q\\"uo", "<&>"]', {'c(0:q\\"uo)': 'q"uo', "c(1:<&>)": "<&>"}),
        ('[{"b": 1.50, "a": "<"}]', {"c(0:a:<,b:1.50)": '{"a":"\\u003c","b":1.50}'}),
        ('[[1.0, "x y", {"b": 1, "a": 2}]]', {'c(0:[1.0 x y {"b":1,"a":2}])': '[1.0,"x y",{"b":1,"a":2}]'}),
        ("null", {}),
    ],
)
def test_items_keep_their_own_spelling(items, names):
    """In their nodes' names and in what `{{item}}` stands for."""
    assert names == _names(items)


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("10 + 1 == 11", True),
        ("10 - 2 * 3 == 4", True),
        ("(10 - 2) * 3 == 24", True),
        ("10 % 4 == 2 && 2 ** 3 == 8", True),
        ("7 / 2 == 3.5", True),
        ("-3 < -2", True),
        ("10 -1 == 9", True),
        ("3 > 2 ? false : true", False),
        ("1 > 2 ? 5 : true", True),
        ("'a' + 1 == 'a1'", True),
        ("1 / 0 > 5", True),
        ("!(1 == 1) || !false", True),
    ],
)
def test_conditions_can_reckon(condition, runs):
    """As govaluate does, in its order of operators."""
    assert runs == when.evaluate(condition)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("a-b == c", "Value 'a' cannot be used with the modifier '-', it is not a number"),
        ("apple < 3", "Value 'apple' cannot be used with the comparator '<', it is not a number"),
        ("1 && true", "Value '1' cannot be used with the logical operator '&&', it is not a bool"),
        ("1 + 1", "Got 2"),
        ("1 ? true : false", "Value '1' cannot be used with the ternary operator '?', it is not a bool"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(condition, message):
    """In govaluate's words."""
    with pytest.raises(Fault) as caught:
        when.evaluate(condition)

    assert str(caught.value).endswith(message)


def test_an_entrypoint_in_error_ends_the_run_without_its_exit_handler(local):
    """As Argo, which cannot say what the run has come to."""
    output = {"name": "n", "valueFrom": {"parameter": "{{tasks.a.outputs.parameters.n}}"}}
    give = local.template("give", "true", outputs={"parameters": [{"name": "n", "valueFrom": {"path": "/out/n"}}]})
    main = {"name": "main", "dag": {"tasks": [{"name": "a", "template": "give", "when": "false"}]}}
    document = local.document(main | {"outputs": {"parameters": [output]}}, give, onExit="sh-bye")
    document["spec"]["templates"].append(local.template("sh-bye", "true"))
    status = local.run(document)

    why = 'Unable to resolve: "tasks.a.outputs.parameters.n"'
    assert ("Error", f"error in entry template execution: {why}") == (status.phase, status.message)
    assert status.find("wf.onExit") is None


def test_an_exit_handlers_attempts_share_its_flags(local):
    """Both are hooked and retried."""
    bye = local.template("bye", "[ {{retries}} = 1 ]", retryStrategy={"limit": 1})
    status = local.run(local.document(local.template("main", "true"), bye, onExit="bye"))
    handlers = [node for node in status.nodes.values() if "onExit" in node.name]

    assert "Succeeded" == status.phase
    assert [(True, True)] * 3 == [(node.hooked, node.retried) for node in handlers]


def test_the_outputs_of_a_dag_are_the_runs_only_when_the_dag_around_it_ends(local):
    """So those of the entrypoint never are, and those of a pod always."""
    give = {"parameters": [{"name": "n", "globalName": "pods", "valueFrom": {"path": "/out/n"}}]}
    source = {"parameter": "{{tasks.a.outputs.parameters.n}}"}
    inner = {"name": "inner", "dag": {"tasks": [{"name": "a", "template": "give"}]}}
    inner["outputs"] = {"parameters": [{"name": "n", "globalName": "inner", "valueFrom": source}]}
    main = {"name": "main", "dag": {"tasks": [{"name": "a", "template": "inner"}]}}
    main["outputs"] = {"parameters": [{"name": "n", "globalName": "main", "valueFrom": source}]}
    script = "echo 1 > {{outputs.parameters.n.path}}"
    status = local.run(local.document(main, inner, local.template("give", script, outputs=give)))

    assert {"pods": "1", "inner": "1"} == {item.name: item.value for item in status.outputs.parameters}


def test_two_dollars_in_a_command_are_one(local):
    """Kubernetes reads them so, whatever follows."""
    env = [{"name": "A", "value": "a"}, {"name": "B", "value": "$(A)$$"}]
    template = local.template("main", "echo '$$ $$$$ $(A) $$(A) $(NOT) $(' $B")
    template["container"]["env"] = env
    local.run(local.document(template))

    assert "$ $$ a $(A) $(NOT) $( a$\n" == local.log("wf")


def test_the_workflows_parameters_are_listed_as_they_are_declared(local):
    """With what else the document says of them."""
    declared = [{"name": "a", "value": "<1>", "enum": ["<1>", "2"]}, {"name": "b", "default": "x", "description": "d"}]
    document = local.document(local.template("main", "echo '{{workflow.parameters}}'"))
    document["spec"]["arguments"] = {"parameters": declared}
    local.run(document, arguments={"b": "y"})

    listed = json.loads(local.log("wf"))
    assert [declared[0], declared[1] | {"value": "y"}] == listed
    assert "\\u003c1" in local.log("wf")


def test_a_retried_dag_can_tell_its_tasks_which_attempt_it_is(local):
    """As a retried pod can."""
    inner = {
        "name": "inner",
        "retryStrategy": {"limit": 2},
        "dag": {"tasks": [local.task("t", "exit $((1 - {{retries}}))")]},
    }
    main = {"name": "main", "dag": {"tasks": [{"name": "a", "template": "inner"}]}}
    status = local.run(local.document(main, inner))

    assert ("Succeeded", 2) == (status.phase, len(status.find("wf.a").children))


def test_nothing_is_daemoned(local):
    """So a dependency on it does not hold."""
    status = local.run(local.dag(local.task("a"), local.task("b", depends="a.Daemoned")))

    assert {"a": "Succeeded", "b": "Omitted"} == local.phases(status)


def test_the_target_of_a_dag_can_be_a_parameter(local):
    """One that is no task is an error of the run."""
    main = {"name": "main", "dag": {"target": "{{workflow.parameters.t}}", "tasks": [local.task("a"), local.task("b")]}}
    document = local.document(main)
    document["spec"]["arguments"] = {"parameters": [{"name": "t", "value": "b"}]}

    assert {"b": "Succeeded"} == local.phases(local.run(document))
    assert "Error" == local.run(document, arguments={"t": "c"}).phase


def test_an_output_that_was_not_written_is_listed_without_a_value(local):
    """Whether the step failed or not."""
    outputs = {"parameters": [{"name": "n", "valueFrom": {"path": "/out/n"}}]}
    status = local.run(local.document(local.template("main", "exit 1", outputs=outputs)))

    assert [{"name": "n"}] == status.find("wf").document()["outputs"]["parameters"]


def test_results_of_a_loop_that_are_no_json_are_an_error(local):
    """Argo cannot make a list of them."""
    loop = local.task("loop", "echo hello", withItems=[1])
    status = local.run(local.dag(loop, local.task("b", "echo '{{tasks.loop.outputs.result}}'", depends="loop")))

    assert "Error" == status.phase
    assert "must be JSON: hello" in status.find("wf.b").message


def test_the_runs_deadline_ends_a_step_in_kubernetes_words(local):
    """What has not started fails in Argo's own."""
    main = {"name": "main", "dag": {"tasks": [local.task("a", "sleep 1000"), local.task("b", depends="a.Failed")]}}
    status = local.run(local.document(main, activeDeadlineSeconds=1))

    words = ["Pod was active on the node longer than the specified deadline", "Step exceeded its deadline"]
    assert words == [status.find("wf.a").message, status.find("wf.b").message]


@pytest.mark.parametrize(
    ("condition", "runs"),
    [("0x10 == 16 && .5 == 0.5", True), ("[a b] == 'a b'", True), ("('a' ?? 'b') == 'a'", True), ("x in (x, y)", True)],
)
def test_conditions_have_govaluates_forms(condition, runs):
    """Hexadecimal numbers, names in brackets, and a value in place of none."""
    assert runs == when.evaluate(condition)


@pytest.mark.parametrize("condition", ["true and true", "not false", "'abc' contains 'b'", "x in (x)"])
def test_expr_langs_words_are_none_in_a_condition(condition):
    """A list needs two parts, or it is a mere parenthesis."""
    with pytest.raises(Fault):
        when.evaluate(condition)


@pytest.mark.parametrize(
    ("expression", "attempts"),
    [
        ('lastRetry.message contains "code 3" and lastRetry.status startsWith "Fail"', 2),
        ('lastRetry.message matches "code [0-9]" && lastRetry.status endsWith "ed"', 2),
        ("asInt(lastRetry.exitCode) + 1 == 4 ? true : false", 2),
        ('lastRetry.weather == "fine"', 1),
        ('(lastRetry.weather ?? "fine") == "fine"', 2),
    ],
)
def test_retry_expressions_have_expr_langs_words(local, expression, attempts):
    """What a mapping does not have is nil, and no error."""
    template = local.template("main", "exit 3", retryStrategy={"limit": 1, "expression": expression})
    status = local.run(local.document(template))

    assert attempts == len(status.find("wf").children)


def test_an_expression_that_gives_no_boolean_puts_the_attempt_in_error(local):
    """With the retried node."""
    template = local.template("t", "exit 3", retryStrategy={"limit": 1, "expression": "lastRetry.status"})
    status = local.run(local.document({"name": "main", "dag": {"tasks": [{"name": "t", "template": "t"}]}}, template))

    assert {"t": "Error", "t(0)": "Error"} == local.phases(status)
    assert "unable to cast expression result 'Failed' to bool" == status.find("wf.t(0)").message


@pytest.mark.parametrize(
    ("template", "tag"),
    [("inner", "result"), ("inner", "parameters.other"), ("sh", "parameters"), ("sh", "artifacts.file")],
)
def test_what_a_template_does_not_give_cannot_be_asked_for(local, template, tag):
    """Neither by a later task nor by the outputs of its DAG."""
    inner = {"name": "inner", "steps": [[local.task("x")]]}
    first = local.task("a") | {"template": template}
    tag = f"{{{{tasks.a.outputs.{tag}}}}}"
    main = {"name": "main", "dag": {"tasks": [first, local.task("b", tag, depends="a")]}}
    with pytest.raises(WorkflowError, match="nothing that runs before gives it"):
        local.run(local.document(main, inner))


def test_all_inputs_are_one_text(local):
    """As the document declares them, with their values."""
    inputs = {"parameters": [{"name": "a"}, {"name": "b", "default": "x"}]}
    template = local.template("show", "echo '{{inputs.parameters}}'", inputs=inputs)
    call = {"name": "t", "template": "show", "arguments": {"parameters": [{"name": "a", "value": "<1>"}]}}
    local.run(local.document({"name": "main", "dag": {"tasks": [call]}}, template))

    listed = [{"name": "a", "value": "<1>"}, {"name": "b", "default": "x", "value": "x"}]
    assert listed == json.loads(local.log("t"))


@pytest.mark.parametrize("kind", ["dag", "steps"])
def test_what_a_skipped_task_did_not_give_is_an_error(local, kind):
    """Argo would wait for it for ever; here the sentence says so."""
    tag = "{{%s.a.outputs.result}}" % ("tasks" if kind == "dag" else "steps")
    calls = [
        local.task("a", when="false"),
        local.task("b", f"echo '{tag}'", **({"depends": "a"} if kind == "dag" else {})),
    ]
    status = local.run(local.dag(*calls) if kind == "dag" else local.steps(*([call] for call in calls)))

    assert status.phase in ("Error", "Failed")
    assert any("on a cluster this waits for ever" in node.message for node in status.nodes.values())
