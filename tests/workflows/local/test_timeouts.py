"""Deadlines of a step and of the whole run."""

import pytest

from workflows.errors import WorkflowError
from workflows.local import durations

FOREVER = "sleep 1000 & sleep 1000"


@pytest.mark.parametrize("limit", [{"timeout": "200ms"}, {"activeDeadlineSeconds": 1}])
def test_a_step_that_takes_too_long_is_stopped(local, limit):
    """It is Failed, with Kubernetes' words."""
    template = local.template("t", FOREVER, **limit)
    status = local.run(local.document({"name": "main", "dag": {"tasks": [{"name": "t", "template": "t"}]}}, template))

    assert ("Failed", "Pod was active on the node longer than the specified deadline") == (
        status.find("wf.t").phase,
        status.find("wf.t").message,
    )


def test_a_step_that_does_not_listen_is_killed(local):
    """SIGKILL follows SIGTERM after the grace."""
    template = local.template("t", "trap '' TERM; while :; do sleep 1000; done", timeout="100ms")
    status = local.run(
        local.document({"name": "main", "dag": {"tasks": [{"name": "t", "template": "t"}]}}, template), grace_s=0.1
    )

    assert ("Failed", "137") == (status.find("wf.t").phase, status.find("wf.t").outputs.exit_code)


def test_the_runs_own_deadline_stops_all_and_starts_nothing_more(local):
    """The exit handler still runs."""
    main = {
        "name": "main",
        "dag": {"tasks": [local.task("a", FOREVER), local.task("b", depends="a.Failed"), local.task("c")]},
    }
    bye = local.template("bye", "echo {{workflow.status}}")
    status = local.run(local.document(main, bye, activeDeadlineSeconds=1, onExit="bye"))

    assert {"a": "Failed", "b": "Failed", "c": "Succeeded", "wf.onExit": "Succeeded"} == local.phases(status)
    assert ("Failed", "Step exceeded its deadline") == (status.phase, status.find("wf.b").message)


def test_a_timed_out_step_can_be_retried(local):
    """A timeout is a failure as any other."""
    template = local.template(
        "t", f"[ {{{{retries}}}} -eq 1 ] || {{ {FOREVER}; }}", timeout="200ms", retryStrategy={"limit": 2}
    )
    status = local.run(local.document({"name": "main", "dag": {"tasks": [{"name": "t", "template": "t"}]}}, template))

    assert "Succeeded" == status.phase


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("1h30m", 5400), ("1.5s", 1.5), ("100ms", 0.1), ("0", 0)],
)
def test_durations_are_read_as_go_writes_them(text, seconds):
    """Whole seconds, or numbers with units."""
    assert seconds == durations.seconds(text)


@pytest.mark.parametrize("text", ["", "soon", "5 m", "-1s", "1d", "m5"])
def test_anything_else_is_no_duration(text):
    """One sentence says what is."""
    with pytest.raises(WorkflowError, match="not a duration"):
        durations.seconds(text)
