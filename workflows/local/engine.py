"""Runs a workflow to its end: passes over it after every event, signals, deadlines, the exit handler, the state's file.

Not here: what a pass does (operator.py).
Source: operate in workflow/controller/operator.go of Argo Workflows 4.0.
"""

import asyncio
import json
import signal
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from workflows.errors import WorkflowError
from workflows.local import check, document, variables
from workflows.local.faults import Fault, Waiting
from workflows.local.locks import Locks
from workflows.local.model import Call, Parameters, Workflow
from workflows.local.operator import Operator, Place
from workflows.local.pod import Pods
from workflows.local.process import Reaper
from workflows.local.status import ERROR, FAILED, OMITTED, PENDING, RUNNING, SKIPPED, SUCCEEDED, Node, Status, now
from workflows.local.substitution import substitute

GRACE_S = 5.0
STOP, TERMINATE = "Stop", "Terminate"


class Watcher(Protocol):
    """Whoever shows a run. All calls come from the thread that runs it."""

    def changed(self, status: Status) -> None:
        """The run is no longer as it was."""

    def close(self, status: Status) -> None:
        """The run has ended."""


class _Silent:
    def changed(self, status: Status) -> None:
        """Shows nothing."""

    def close(self, status: Status) -> None:
        """Shows nothing."""


def run(
    document_: Mapping[str, Any],
    *,
    arguments: Mapping[str, str],
    directory: Path,
    cwd: Path,
    name: str,
    uid: str,
    created: datetime,
    env: Mapping[str, str] | None = None,
    watch: Watcher | None = None,
    grace_s: float = GRACE_S,
    locks: Path | None = None,
) -> Status:
    """Runs a workflow and returns how it ended; see the package's docstring."""
    workflow = document.read(document_)
    variables.check_argument_names(workflow)
    check.check(workflow)
    values = variables.arguments(workflow, arguments)
    spec = _spec(document_, values)
    directory = directory.absolute()
    status = Status(name, uid, workflow.namespace, created, directory, spec)
    if (directory / "workflow.json").exists():
        raise WorkflowError(f"{directory} already holds a run; give this one a folder of its own")
    directory.mkdir(parents=True, exist_ok=True)
    engine = _Engine(workflow, status, values, watch or _Silent())
    return asyncio.run(engine.run(cwd.absolute(), env or {}, grace_s, locks or _lock_directory()))


def _spec(document_: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """What was run, with the values that it was run with."""
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    spec: dict[str, Any] = json.loads(json.dumps(document_["spec"], default=str))
    return {**spec, "arguments": {**(spec.get("arguments") or {}), "parameters": parameters}}


def _lock_directory() -> Path:
    return Path(tempfile.gettempdir()) / "shipway-locks"


class _Engine:
    def __init__(self, workflow: Workflow, status: Status, values: Mapping[str, str], watch: Watcher) -> None:
        self._workflow = workflow
        self._status = status
        self._values = values
        self._watch = watch
        self._saved = -1
        self._entry = Call("", workflow.entrypoint, _entry_arguments(workflow, values))

    async def run(self, cwd: Path, env: Mapping[str, str], grace_s: float, locks: Path) -> Status:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        reaper = Reaper()
        pods = Pods(self._status.directory, cwd, env, reaper, self._pod_ended, self._draw, grace_s)
        scope = variables.initial(self._workflow, self._status, self._values)
        self._operator = Operator(self._workflow, self._status, scope, pods, Locks(locks, self._wake_from_thread))
        handled = self._handle_signals()
        try:
            await self._to_the_end()
        finally:
            for number in handled:
                self._loop.remove_signal_handler(number)
            pods.stop("the engine ended", on_exit=True, at_once=True)
            reaper.close()
            self._operator.locks.close()
            self._save()
            self._watch.close(self._status)
        return self._status

    def _handle_signals(self) -> list[signal.Signals]:
        if threading.current_thread() is not threading.main_thread():
            return []  # Python delivers signals to the main thread only
        handled = [signal.SIGINT, signal.SIGTERM]
        for number in handled:
            self._loop.add_signal_handler(number, self._interrupt)
        return handled

    def _interrupt(self) -> None:
        """The first signal stops the steps and lets the exit handler run; the second kills that as well."""
        operator = self._operator
        again = bool(operator.shutdown)
        operator.shutdown = TERMINATE if again else STOP
        operator.pods.stop(f"Stopped with strategy '{operator.shutdown}'", on_exit=again, at_once=again)
        operator.changed()
        self._event.set()

    def _wake_from_thread(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    def _pod_ended(self) -> None:
        self._operator.changed()
        self._event.set()

    def _draw(self) -> None:
        self._watch.changed(self._status)

    def _save(self) -> None:
        if self._saved != self._status.revision:
            self._saved = self._status.revision
            self._status.save()
            self._watch.changed(self._status)

    async def _to_the_end(self) -> None:
        while not self._settle():
            self._save()
            self._set_timer()
            await self._event.wait()
            self._event.clear()
        self._operator.changed()

    def _settle(self) -> bool:
        """Passes over the run until nothing more changes; says whether it has ended."""
        while True:
            before = self._status.revision
            self._operator.due.clear()
            if self._pass():
                return True
            if self._status.revision == before:
                return False

    def _set_timer(self) -> None:
        """Comes back when something is due although nothing happens."""
        if self._timer:
            self._timer.cancel()
        moments = list(self._operator.due)
        deadline = self._operator.deadline
        if deadline and deadline > now():
            moments.append(deadline)
        if moments:
            wait = (min(moments) - now()) / timedelta(seconds=1)
            self._timer = self._loop.call_later(max(0.0, wait) + 0.001, self._event.set)

    def _pass(self) -> bool:
        operator, status = self._operator, self._status
        operator.locks.tidy(self._has_ended)
        for pod in status.nodes.values():
            if pod.type == "Pod" and pod.fulfilled:
                operator.publish(pod.outputs)
        if not self._begun():
            return bool(operator.shutdown) and self._end(FAILED, self._shutdown_message())
        self._check_deadline()
        operator.variables["workflow.status"] = status.phase
        operator.variables["workflow.duration"] = f"{self._seconds():f}"
        try:
            node = self._execute(status.name, self._entry, Place())
        except Fault as fault:  # as in Argo, the exit handler does not run then
            return self._end(ERROR, f"error in entry template execution: {fault}")
        return node is not None and node.fulfilled and self._after(node)

    def _has_ended(self, who: str) -> bool:
        node = self._status.nodes.get(who)
        return node is not None and node.fulfilled

    def _begun(self) -> bool:
        """The workflow's own mutexes are its; the first time that they are, it starts to run."""
        operator, status = self._operator, self._status
        if status.phase != PENDING:
            return True
        missing = operator.locks.acquire("workflow", substitute(self._workflow.mutexes, operator.variables))
        if missing:
            status.message = f"Waiting for {missing} lock. Lock status: 0/1"
            if self._saved < 0:
                operator.changed()
            return False
        status.phase, status.message, status.started = RUNNING, "", now()
        limit = self._workflow.active_deadline_seconds
        operator.deadline = status.started + timedelta(seconds=limit) if limit is not None else None
        operator.changed()
        return True

    def _check_deadline(self) -> None:
        deadline = self._operator.deadline
        if deadline and now() > deadline:
            self._operator.pods.stop_late()

    def _seconds(self) -> float:
        assert self._status.started
        return (now() - self._status.started).total_seconds()

    def _execute(self, name: str, call: Call, place: Place) -> Node | None:
        """Executes the entrypoint or the exit handler; None where a limit on parallelism keeps it from starting.

        Raises: Fault.
        """
        try:
            return self._operator.execute(name, call, place)
        except Waiting:
            return self._status.find(name)

    def _after(self, node: Node) -> bool:
        """The entrypoint has ended: runs the exit handler, then says how the run ended."""
        phase = SUCCEEDED if node.phase in (SUCCEEDED, SKIPPED, OMITTED) else node.phase
        operator = self._operator
        operator.variables["workflow.status"] = phase
        operator.variables.setdefault("workflow.failures", variables.failures(self._status))
        handler = None
        name = f"{self._status.name}.onExit"
        if self._workflow.on_exit and (operator.shutdown != TERMINATE or self._status.find(name)):
            call = Call("", self._workflow.on_exit)
            try:
                handler = self._execute(name, call, Place(on_exit=True, hooked=True))
            except Fault as fault:
                return self._end(ERROR, f"error in exit template execution : {fault}")
            if handler is None or not handler.fulfilled:
                return False
        message = self._shutdown_message() if node.unsuccessful and operator.shutdown else node.message
        if phase == SUCCEEDED and handler and handler.unsuccessful:
            phase, message = handler.phase, handler.message
        return self._end(phase, "" if phase == SUCCEEDED else message)

    def _shutdown_message(self) -> str:
        return f"Stopped with strategy '{self._operator.shutdown}'"

    def _end(self, phase: str, message: str) -> bool:
        self._status.phase, self._status.message, self._status.finished = phase, message, now()
        return True


def _entry_arguments(workflow: Workflow, values: Mapping[str, str]) -> Parameters:
    parameters = tuple(replace(item, value=values[item.name]) for item in workflow.arguments.parameters)
    return replace(workflow.arguments, parameters=parameters)
