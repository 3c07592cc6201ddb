"""`depends`: which tasks a task waits for, and whether it runs given how they ended.

Source: workflow/common/ancestry.go and evaluateDependsLogic in workflow/controller/dag.go of Argo Workflows 4.0.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from workflows.errors import WorkflowError
from workflows.local.expression import Grammar
from workflows.local.faults import Fault
from workflows.local.model import Call
from workflows.local.status import ERROR, FAILED, OMITTED, SKIPPED, SUCCEEDED

WORD = r"[A-Za-z0-9][-A-Za-z0-9_]*(?:\.[A-Za-z]+)?"
RESULTS = {"Succeeded": SUCCEEDED, "Failed": FAILED, "Errored": ERROR, "Skipped": SKIPPED, "Omitted": OMITTED}
RESULTS["Daemoned"] = "Daemoned"  # no phase: there are no daemons here, so it never holds
LOGIC = ("||", "&&", "!", "(", ")")
GROUP_RESULTS = ("AnySucceeded", "AllFailed")


@dataclass(frozen=True)
class Ended:
    """How a task ended: its phase, and for a loop the phases of its items."""

    phase: str
    items: tuple[str, ...] | None = None

    def result(self, name: str) -> bool:
        """Whether `<task>.<name>` holds."""
        items = self.items or ()
        if name == "AnySucceeded":
            return SUCCEEDED in items
        if name == "AllFailed":
            return bool(items) and set(items) == {FAILED}
        return self.phase == RESULTS[name]


@cache
def words(text: str) -> tuple[str, ...]:
    """The words of a `depends`, e.g. `a.Succeeded`, in order. Raises: Fault where it holds anything else."""
    found = Grammar("depends", WORD, str).tokens(text)
    other = [token for token in found if token not in LOGIC and not re.fullmatch(WORD, token)]
    if other:
        what = f"unexpected '{other[0]}'; write task names, &&, ||, ! and parentheses"
        raise Fault(f"Invalid depends '{text}': {what}")
    return tuple(token for token in found if token not in LOGIC)


def dependencies(call: Call) -> list[str]:
    """The tasks that `call` waits for, each once, in the order in which they are named."""
    named = [word.partition(".")[0] for word in words(call.depends)] if call.depends else call.dependencies
    return list(dict.fromkeys(named))


def check(call: Call, tasks: Mapping[str, Call], where: str) -> None:
    """Refuses a `depends` that is malformed or names what there is not. Raises: WorkflowError."""
    try:
        for word in words(call.depends) if call.depends else call.dependencies:
            _check_word(word, tasks, where)
        runs(call, tasks, lambda _: Ended(SUCCEEDED))
    except Fault as fault:
        raise WorkflowError(f"{where}: {fault}") from None


def _check_word(word: str, tasks: Mapping[str, Call], where: str) -> None:
    task, _, result = word.partition(".")
    if task not in tasks:
        raise WorkflowError(f"{where}: depends on `{task}`, which is no task here; there are {', '.join(tasks)}")
    if result and result not in RESULTS and result not in GROUP_RESULTS:
        raise WorkflowError(f"{where}: `{word}`: a task's result is one of {', '.join([*RESULTS, *GROUP_RESULTS])}")


def runs(call: Call, tasks: Mapping[str, Call], ended: Callable[[str], Ended]) -> bool:
    """Whether `call` runs, now that everything it depends on has ended.

    Raises: Fault where the expression is malformed.
    """

    def value(word: str) -> bool:
        task, _, result = word.partition(".")
        return ended(task).result(result) if result else _default(tasks[task], ended(task))

    if not call.depends:
        return all(value(task) for task in call.dependencies)
    return Grammar("depends", WORD, value).evaluate(call.depends)


def _default(task: Call, ended: Ended) -> bool:
    """What a bare task name means: it succeeded or was skipped, or ended in a way that it says can go on."""
    return ended.phase in (SUCCEEDED, SKIPPED) or task.continues_on(ended.phase)
