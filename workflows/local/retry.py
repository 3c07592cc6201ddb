"""retryStrategy as a pure function: from the attempts so far to what happens next.

Source: processNodeRetries in workflow/controller/operator.go of Argo Workflows 4.0, the same checks in the same order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.local import durations
from workflows.local.expression import Grammar
from workflows.local.faults import Fault
from workflows.local.model import Retry
from workflows.local.status import ERROR, FAILED, Node

POLICIES = ("Always", "OnFailure", "OnError", "OnTransientError")
WORD = r"[A-Za-z_][A-Za-z0-9_.]*"
# util/errors/errors.go: what Argo takes for a passing fault of the platform.
TRANSIENT = re.compile(r"timeout|connection (refused|reset)|TLS handshake|i/o timeout|EOF|transient", re.IGNORECASE)


@dataclass(frozen=True)
class Decision:
    """Wait until a time, end with a phase and message, or (neither) start another attempt."""

    wait_until: datetime | None = None
    wait: float = 0.0
    phase: str = ""
    message: str = ""
    deadline: datetime | None = None  # no attempt may run past this


def decide(retry: Retry, attempts: Sequence[Node], moment: datetime) -> Decision:
    """What follows after the last of `attempts` ended without success.

    Raises: Fault where a duration, policy or expression is malformed.
    """
    last = attempts[-1]
    backoff = _backoff(retry, attempts, moment) if retry.backoff else Decision()
    if backoff.phase or backoff.wait_until:
        return backoff
    if not _policy_allows(retry, last):
        return Decision(phase=last.phase, message=last.message)
    if _exhausted(retry, attempts):
        return Decision(phase=last.phase, message="No more retries left")
    if retry.expression and not _holds(retry.expression, attempts):
        return Decision(phase=last.phase, message="retryStrategy.expression evaluated to false")
    return backoff


def _limit(retry: Retry) -> int | None:
    try:
        return None if retry.limit is None else int(retry.limit)
    except ValueError:
        raise Fault(f"retryStrategy: limit must be a whole number. Received: {retry.limit}") from None


def _exhausted(retry: Retry, attempts: Sequence[Node]) -> bool:
    limit = _limit(retry)
    return limit is not None and len(attempts) > limit


def _backoff(retry: Retry, attempts: Sequence[Node], moment: datetime) -> Decision:
    last, end = attempts[-1], None
    if retry.max_duration:
        end = attempts[0].started + timedelta(seconds=durations.seconds(retry.max_duration))
        if moment > end:
            return Decision(phase=last.phase, message="Max duration limit exceeded")
    if not retry.duration:
        raise Fault("no base duration specified for retryStrategy")
    wait = _wait(retry, len(attempts))
    due = (last.finished or moment) + timedelta(seconds=wait)
    if end and due > end:
        return Decision(phase=last.phase, message="Backoff would exceed max duration limit")
    # As in Argo, a strategy without a limit does not wait.
    if moment < due and retry.limit is not None and not _exhausted(retry, attempts):
        return Decision(wait_until=due, wait=wait)
    return Decision(deadline=end)


def _wait(retry: Retry, count: int) -> float:
    wait = durations.seconds(retry.duration)
    factor = int(retry.factor or 0)
    if factor > 0:
        wait *= factor ** (count - 1)
    return min(wait, durations.seconds(retry.cap)) if retry.cap else wait


def _policy_allows(retry: Retry, last: Node) -> bool:
    policy = retry.actual_policy
    if policy not in POLICIES:
        raise Fault(f"{policy} is not a valid RetryPolicy")
    if policy == "OnTransientError":
        return bool(TRANSIENT.search(last.message))
    return policy == "Always" or last.phase == {"OnFailure": FAILED, "OnError": ERROR}[policy]


def _holds(expression: str, attempts: Sequence[Node]) -> bool:
    last = attempts[-1]
    scope = {
        "retries": str(len(attempts) - 1),
        "lastRetry.exitCode": last.outputs.exit_code if last.outputs.exit_code is not None else "-1",
        "lastRetry.status": last.phase,
        "lastRetry.duration": f"{last.seconds():g}",
        "lastRetry.message": last.message,
    }

    def value(name: str) -> str | None:
        if name not in scope and name.startswith("lastRetry."):
            return None  # expr-lang's nil: a mapping has no such key
        if name not in scope:
            raise Fault(f"retryStrategy.expression: `{name}` is not known; there are {', '.join(scope)}")
        return scope[name]

    return Grammar("retryStrategy.expression", WORD, value, FUNCTIONS, words=True).evaluate(expression)


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise Fault(f"retryStrategy.expression: `{value}` is not a number") from None


FUNCTIONS = {"asInt": _number, "asFloat": _number}
