"""DAG templates: order, phases and what follows a failure."""

import pytest

from workflows.local.status import node_id


def test_runs_tasks_after_what_they_depend_on(local):
    """A diamond: the last task sees what both middle ones wrote."""
    status = local.run(
        local.dag(
            local.task("a", "echo a >> order"),
            local.task("b", "echo b >> order", depends="a"),
            local.task("c", "echo c >> order", depends="a"),
            local.task("d", "echo d >> order", depends="b && c"),
        )
    )
    order = (local.folder / "order").read_text().split()

    assert "Succeeded" == status.phase
    assert ("a", "d", {"b", "c"}) == (order[0], order[3], set(order[1:3]))


def test_parallel_branches_overlap(local, meet):
    """Two tasks that wait for each other both end."""
    status = local.run(local.dag(local.task("a", meet("x", "y")), local.task("b", meet("y", "x"))))

    assert "Succeeded" == status.phase


def test_a_failed_task_omits_what_depends_on_it_and_fails_the_run(local):
    """The rest of its branch is Omitted, the other branch goes on, the DAG is Failed."""
    status = local.run(
        local.dag(
            local.task("bad", "exit 3"),
            local.task("after", depends="bad"),
            local.task("last", depends="after"),
            local.task("other"),
            local.task("other-2", depends="other"),
        )
    )

    assert "Failed" == status.phase
    assert {
        "bad": "Failed",
        "after": "Omitted",
        "last": "Omitted",
        "other": "Succeeded",
        "other-2": "Succeeded",
    } == local.phases(status)


def test_a_failed_node_says_its_exit_code_and_its_last_line(local):
    """`message` is Argo's, `detail` is what a person wants to read."""
    status = local.run(local.dag(local.task("bad", "echo fine; echo row 7 is missing >&2; exit 3")))
    node = status.find("wf.bad")

    assert ("main: Error (exit code 3)", "row 7 is missing", "3") == (node.message, node.detail, node.outputs.exit_code)


@pytest.mark.parametrize(
    ("script", "depends", "phase"),
    [
        ("true", "a", "Succeeded"),
        ("true", "a.Succeeded", "Succeeded"),
        ("exit 1", "a.Failed", "Succeeded"),
        ("exit 1", "a.Succeeded", "Omitted"),
        ("exit 1", "!a.Succeeded", "Succeeded"),
        ("exit 1", "a.Succeeded || a.Failed", "Succeeded"),
        ("exit 1", "a.Failed && !a.Errored", "Succeeded"),
        ("true", "(a.Failed || a.Skipped) && a.Succeeded", "Omitted"),
        ("true", "a.Omitted", "Omitted"),
    ],
)
def test_depends_decides_whether_a_task_runs(local, script, depends, phase):
    """Each result of a task can be asked for."""
    status = local.run(local.dag(local.task("a", script), local.task("b", depends=depends)))

    assert phase == local.phases(status)["b"]


def test_a_task_that_handles_a_failure_makes_the_branch_succeed(local):
    """Only the target's phase counts, and the handler is the target."""
    status = local.run(local.dag(local.task("a", "exit 1"), local.task("handler", depends="a.Failed")))

    assert ("Succeeded", "Failed") == (status.phase, status.find("wf.a").phase)


def test_a_skipped_task_counts_as_done(local):
    """`when` false gives Skipped, and what depends on it runs."""
    status = local.run(local.dag(local.task("a", when="1 == 2"), local.task("b", depends="a")))

    assert ({"a": "Skipped", "b": "Succeeded"}, "when '1 == 2' evaluated false") == (
        local.phases(status),
        status.find("wf.a").message,
    )


def test_dependencies_is_the_older_form_of_depends(local):
    """A list means all of them."""
    status = local.run(local.dag(local.task("a"), local.task("b", "exit 1"), local.task("c", dependencies=["a", "b"])))

    assert "Omitted" == local.phases(status)["c"]


def test_continue_on_lets_dependents_run_and_the_dag_succeed(local):
    """continueOn.failed widens what a bare dependency means."""
    status = local.run(
        local.dag(
            local.task("a", "exit 1", continueOn={"failed": True}),
            local.task("b", dependencies=["a"]),
            local.task("leaf", "exit 1", continueOn={"failed": True}),
        )
    )

    assert ("Succeeded", {"a": "Failed", "b": "Succeeded", "leaf": "Failed"}) == (status.phase, local.phases(status))


def test_target_runs_only_what_it_needs(local):
    """The other tasks get no node at all."""
    tasks = [local.task("a"), local.task("b", depends="a"), local.task("c")]
    status = local.run(local.document({"name": "main", "dag": {"target": "b", "tasks": tasks}}))

    assert {"a": "Succeeded", "b": "Succeeded"} == local.phases(status)


def test_templates_nest(local):
    """A DAG in a DAG in steps: names and outputs go through."""
    inner = {
        "name": "inner",
        "dag": {"tasks": [local.task("x", "echo 5"), local.task("y", "echo {{tasks.x.outputs.result}}", depends="x")]},
        "outputs": {"parameters": [{"name": "n", "valueFrom": {"parameter": "{{tasks.y.outputs.result}}"}}]},
    }
    middle = {
        "name": "middle",
        "dag": {"tasks": [{"name": "in", "template": "inner"}]},
        "outputs": {"parameters": [{"name": "n", "valueFrom": {"parameter": "{{tasks.in.outputs.parameters.n}}"}}]},
    }
    outer = {
        "name": "main",
        "steps": [
            [{"name": "m", "template": "middle"}],
            [local.task("use", "test {{steps.m.outputs.parameters.n}} = 5")],
        ],
    }
    status = local.run(local.document(outer, inner, middle))

    assert "Succeeded" == status.phase
    assert "Succeeded" == status.find("wf[0].m.in.y").phase


def test_template_parallelism_limits_the_tasks_at_a_time(local):
    """With a limit of 1, no task sees another one's mark."""
    script = "mkdir busy && sleep 0.02 && rmdir busy"
    tasks = [local.task(f"t{number}", script) for number in range(4)]
    status = local.run(local.document({"name": "main", "parallelism": 1, "dag": {"tasks": tasks}}))

    assert ("Succeeded", 4) == (status.phase, len(local.phases(status)))


def test_workflow_parallelism_limits_the_pods_at_a_time(local):
    """The same for the run as a whole."""
    tasks = [local.task(f"t{number}", "mkdir busy && sleep 0.02 && rmdir busy") for number in range(4)]
    status = local.run(local.dag(*tasks, parallelism=1))

    assert "Succeeded" == status.phase


def test_node_ids_are_argos():
    """The id is the workflow's name and the FNV-1a hash of the node's name, so that both engines agree."""
    assert ("wf", "wf-3214735720") == (node_id("wf", "wf"), node_id("wf", "foobar"))


def test_the_entrypoint_can_be_a_step(local):
    """A single container template is a whole workflow."""
    status = local.run(local.document(local.template("main", "echo hello")))

    assert ("Succeeded", "Pod", "hello\n") == (status.phase, status.nodes["wf"].type, local.log("wf"))
