"""retryStrategy: attempts counted by what they really did."""

from datetime import datetime, timedelta, timezone

import pytest

from workflows.local.faults import Fault
from workflows.local.model import Retry
from workflows.local.retry import decide
from workflows.local.status import Node, Values

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def _attempts(count: int, phase: str = "Failed", code: str = "1", message: str = "") -> list[Node]:
    """Attempts of 10 s, one right after the other."""
    return [
        Node(
            id=str(number),
            name=f"t({number})",
            display_name=f"t({number})",
            type="Pod",
            phase=phase,
            message=message,
            started=START + timedelta(seconds=10 * number),
            finished=START + timedelta(seconds=10 * number + 10),
            outputs=Values(exit_code=code),
        )
        for number in range(count)
    ]


def _flaky(local, times: int, **strategy) -> dict:
    """A workflow whose only step fails the first `times` times with exit code 75."""
    script = f"echo try >> tries; [ $(wc -l < tries) -gt {times} ] || exit 75"
    return local.dag(
        {"name": "t", "template": "flaky"},
        templates=[
            {"name": "main", "dag": {"tasks": [{"name": "t", "template": "flaky"}]}},
            local.template("flaky", script, retryStrategy=strategy),
        ],
    )


def _tries(local) -> int:
    return len((local.folder / "tries").read_text().split())


def test_tries_again_until_it_succeeds(local):
    """Two failures and a success: three attempts, each with its own folder and log."""
    status = local.run(_flaky(local, 2, limit=5))
    retry = status.find("wf.t")

    assert ("Succeeded", 3, "Retry") == (status.phase, _tries(local), retry.type)
    assert ["Failed", "Failed", "Succeeded"] == [status.nodes[child].phase for child in retry.children]
    assert (local.directory / "t-2" / "main.log").exists()


def test_gives_up_at_the_limit(local):
    """A limit of 1 is two attempts."""
    status = local.run(_flaky(local, 9, limit="1"))

    assert ("Failed", 2, "No more retries left") == (status.phase, _tries(local), status.find("wf.t").message)


def test_an_expression_can_end_it(local):
    """The exit code is a bug's, so there is no second attempt."""
    status = local.run(_flaky(local, 9, limit=3, expression="asInt(lastRetry.exitCode) == 1"))

    assert ("Failed", 1) == (status.phase, _tries(local))
    assert "retryStrategy.expression evaluated to false" == status.find("wf.t").message


def test_an_expression_can_let_it_go_on(local):
    """The platform's exit code is tried again."""
    expression = "lastRetry.status == 'Error' || asInt(lastRetry.exitCode) == 75"
    status = local.run(_flaky(local, 1, limit=3, retryPolicy="Always", expression=expression))

    assert ("Succeeded", 2) == (status.phase, _tries(local))


def test_backoff_waits_before_the_next_attempt(local):
    """The second attempt starts no sooner than the backoff after the first one's end."""
    status = local.run(_flaky(local, 1, limit=2, backoff={"duration": "200ms"}))
    first, second = (status.nodes[child] for child in status.find("wf.t").children)

    assert "Succeeded" == status.phase
    assert second.started - first.finished >= timedelta(milliseconds=200)


def test_an_attempt_knows_its_number(local):
    """`{{retries}}` and `{{lastRetry.exitCode}}`."""
    template = local.template(
        "t", "echo {{retries}} {{lastRetry.exitCode}}; exit 4", retryStrategy={"limit": 1, "retryPolicy": "Always"}
    )
    local.run(local.document({"name": "main", "dag": {"tasks": [{"name": "t", "template": "t"}]}}, template))

    assert ("0 0\n", "1 4\n") == (local.log("t-0"), local.log("t-1"))


def test_outputs_are_the_last_attempts(local):
    """What depends on a retried task reads the attempt that succeeded."""
    template = local.template(
        "t",
        "echo {{retries}} > {{outputs.parameters.n.path}}; [ {{retries}} -eq 1 ]",
        retryStrategy={"limit": 3},
        outputs={"parameters": [{"name": "n", "valueFrom": {"path": "/n"}}]},
    )
    tasks = [
        {"name": "t", "template": "t"},
        local.task("use", "test {{tasks.t.outputs.parameters.n}} = 1", depends="t"),
    ]
    status = local.run(local.document({"name": "main", "dag": {"tasks": tasks}}, template))

    assert "Succeeded" == status.phase


@pytest.mark.parametrize(
    ("policy", "phase", "again"),
    [
        ("Always", "Failed", True),
        ("Always", "Error", True),
        ("OnFailure", "Failed", True),
        ("OnFailure", "Error", False),
        ("OnError", "Failed", False),
        ("OnError", "Error", True),
        ("OnTransientError", "Error", False),
        ("", "Failed", True),
        ("", "Error", False),
    ],
)
def test_the_policy_says_which_ends_are_tried_again(policy, phase, again):
    """No policy means OnFailure."""
    decision = decide(Retry(limit="3", policy=policy), _attempts(1, phase), START)

    assert again == (not decision.phase)


def test_a_transient_error_is_known_by_its_message():
    """OnTransientError reads the message of the last attempt."""
    attempts = _attempts(1, "Error", message="dial tcp: connection refused")

    assert "" == decide(Retry(policy="OnTransientError"), attempts, START).phase


@pytest.mark.parametrize(("tries", "wait"), [(1, 30.0), (2, 60.0), (3, 120.0)])
def test_backoff_grows_by_its_factor(tries, wait):
    """It is duration * factor ^ (attempts - 1), from the end of the last attempt."""
    attempts = _attempts(tries)
    decision = decide(Retry(limit="9", backoff=True, duration="30s", factor="2"), attempts, attempts[-1].finished)

    assert (wait, attempts[-1].finished + timedelta(seconds=wait)) == (decision.wait, decision.wait_until)


def test_backoff_is_capped():
    """`cap` limits each wait."""
    retry = Retry(limit="9", backoff=True, duration="30s", factor="10", cap="1m")
    attempts = _attempts(3)

    assert 60.0 == decide(retry, attempts, attempts[-1].finished).wait


@pytest.mark.parametrize(
    ("moment", "message"),
    [(15, "Backoff would exceed max duration limit"), (61, "Max duration limit exceeded")],
)
def test_backoff_ends_at_its_longest_duration(moment, message):
    """Neither waits past maxDuration nor starts after it."""
    retry = Retry(limit="9", backoff=True, duration="2m", max_duration="1m")
    decision = decide(retry, _attempts(1), START + timedelta(seconds=moment))

    assert ("Failed", message) == (decision.phase, decision.message)


@pytest.mark.parametrize("expression", ["nonsense ==", "weather == 'fine'", "asInt('x') == 1", "len(x) == 1"])
def test_an_expression_that_cannot_be_evaluated_is_a_fault(expression):
    """It makes the node an Error and is no traceback."""
    with pytest.raises(Fault):
        decide(Retry(expression=expression), _attempts(1), START)
