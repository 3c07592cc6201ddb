"""onExit: runs whatever happened, and knows what did."""

import json

import pytest


@pytest.mark.parametrize(("script", "phase"), [("true", "Succeeded"), ("exit 1", "Failed")])
def test_runs_after_success_and_failure(local, script, phase):
    """It sees the phase; the run's phase stays the entrypoint's."""
    bye = local.template("bye", "echo {{workflow.status}} {{workflow.duration}}")
    main = {"name": "main", "dag": {"tasks": [local.task("a", script)]}}
    status = local.run(local.document(main, bye, onExit="bye"))

    assert (phase, phase) == (status.phase, local.log("onExit").split()[0])
    assert "Succeeded" == status.find("wf.onExit").phase


def test_a_failing_handler_fails_a_run_that_succeeded(local):
    """As in Argo, with the handler's message."""
    status = local.run(local.document(local.template("main", "true"), local.template("bye", "exit 2"), onExit="bye"))

    assert ("Failed", "main: Error (exit code 2)") == (status.phase, status.message)


def test_knows_what_failed(local):
    """`workflow.failures` is JSON within quotes, as Argo gives it."""
    bye = local.template("bye", "cat <<'END'\n{{workflow.failures}}\nEND\n")
    main = {"name": "main", "dag": {"tasks": [local.task("bad", "exit 3")]}}
    local.run(local.document(main, bye, onExit="bye"))
    failures = json.loads(json.loads(local.log("onExit")))

    assert [("bad", "sh", "Failed"), ("wf", "main", "Failed")] == [
        (failure["displayName"], failure["templateName"], failure["phase"]) for failure in reversed(failures)
    ]


def test_uses_the_runs_own_outputs(local):
    """Parameters and artifacts with a globalName; an optional one may be missing."""
    make = local.template(
        "make",
        "echo 7 > {{outputs.parameters.n.path}}; echo data > {{outputs.artifacts.d.path}}",
        outputs={
            "parameters": [{"name": "n", "valueFrom": {"path": "/n"}, "globalName": "count"}],
            "artifacts": [
                {"name": "d", "path": "/d", "globalName": "report"},
                {"name": "none", "path": "/none", "optional": True, "globalName": "missing"},
            ],
        },
    )
    show = local.template(
        "show",
        "echo {{workflow.outputs.parameters.count}}; cat {{inputs.artifacts.r.path}}; ls {{inputs.artifacts.m.path}}",
        inputs={
            "artifacts": [{"name": "r", "path": "/in/r"}, {"name": "m", "path": "/in/m", "optional": True}],
        },
    )
    handed = [
        {"name": "r", "from": "{{workflow.outputs.artifacts.report}}"},
        {"name": "m", "from": "{{workflow.outputs.artifacts.missing}}", "optional": True},
    ]
    bye = {"name": "bye", "steps": [[{"name": "show", "template": "show", "arguments": {"artifacts": handed}}]]}
    main = {"name": "main", "dag": {"tasks": [{"name": "make", "template": "make"}]}}
    status = local.run(local.document(main, bye, make, show, onExit="bye"))
    log = local.log("onExit-0-.show")

    assert ["7", "data"] == log.split("\n")[:2]
    assert [("count", "7")] == [(item.name, item.value) for item in status.outputs.parameters]
    assert ["report"] == [item.name for item in status.outputs.artifacts]


def test_runs_when_the_entrypoint_could_not_start(local):
    """A fault before the first process is a failure like any other."""
    main = {"name": "main", "dag": {"tasks": [local.task("a", when="== ==")]}}
    status = local.run(local.document(main, local.template("bye", "echo {{workflow.status}}"), onExit="bye"))

    assert ("Error", "Error\n") == (status.phase, local.log("onExit"))
