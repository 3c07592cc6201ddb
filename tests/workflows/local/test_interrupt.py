"""Signals and sudden death of the engine: nothing stays behind, and the state can be read."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from datetime import datetime, timezone
from pathlib import Path
from workflows.local import run
folder = Path(sys.argv[1])
document = json.loads((folder / "document.json").read_text())
status = run(document, arguments={}, directory=folder / "run", cwd=folder, name="wf", uid="u",
             created=datetime.now(timezone.utc), grace_s=0.3, locks=folder / "locks")
print(status.phase, "/", status.message)
"""
# A step that starts others: one in its group, one that leaves it, one that also drops its environment.
STEP = (
    "echo $$$$ >> pids; sleep 1000 & echo $! >> pids; setsid sleep 1001 & echo $! >> pids; "
    "echo ready > ready; wait; sleep 1000"
)


def _start(local, document: dict) -> subprocess.Popen:
    """Starts an engine in a process of its own and waits until its step says that it is ready."""
    folder = local.folder
    (folder / "document.json").write_text(json.dumps(document))
    os.mkfifo(folder / "ready")
    engine = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)], stdout=subprocess.PIPE, text=True)
    (folder / "ready").read_text()
    return engine


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _left(local) -> list[int]:
    """The processes of the step that are still there, after at most 3 s in which they may end."""
    pids = [int(line) for line in (local.folder / "pids").read_text().split()]
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and any(_alive(pid) for pid in pids):
        time.sleep(0.01)
    return [pid for pid in pids if _alive(pid)]


def _status(local) -> dict:
    return json.loads((local.folder / "run" / "workflow.json").read_text())["status"]


def _document(local, step: str = STEP, bye: str = "echo {{workflow.status}}") -> dict:
    main = {"name": "main", "dag": {"tasks": [local.task("a", step), local.task("b", depends="a")]}}
    return local.document(main, local.template("bye", bye), onExit="bye")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_steps_and_runs_the_exit_handler(local, number):
    """All of the step's processes are gone, the handler ran, the run is Failed and says why."""
    engine = _start(local, _document(local))
    engine.send_signal(number)
    output, _ = engine.communicate(timeout=20)

    assert "Failed / Stopped with strategy 'Stop'\n" == output
    assert [] == _left(local)
    assert "Failed\n" == (local.folder / "run" / "onExit" / "main.log").read_text()


def test_a_second_signal_ends_the_exit_handler_too(local):
    """At once, although it does not listen."""
    bye = "echo $$$$ >> pids; trap '' TERM INT; echo ready > ready; while :; do sleep 1000; done"
    engine = _start(local, _document(local, bye=bye))
    engine.send_signal(signal.SIGINT)
    (local.folder / "ready").read_text()
    engine.send_signal(signal.SIGINT)
    output, _ = engine.communicate(timeout=20)

    assert "Failed / Stopped with strategy 'Terminate'\n" == output
    assert [] == _left(local)


def test_an_engine_that_is_killed_leaves_no_process_and_a_whole_state(local):
    """SIGKILL cannot be handled, so the reaper beside the engine ends what it started."""
    engine = _start(local, _document(local))
    engine.kill()
    engine.communicate(timeout=20)

    assert [] == _left(local)
    assert ("Running", "Running") == (
        _status(local)["phase"],
        next(node["phase"] for node in _status(local)["nodes"].values() if node["displayName"] == "a"),
    )


def test_what_a_step_leaves_behind_ends_with_it(local):
    """Its group is killed when it ends, as a container's processes are; the rest, when the run ends."""
    step = "setsid sleep 1001 & echo $! >> pids; sleep 1000 & echo $! >> pids; true"
    status = local.run(local.dag(local.task("a", step)))

    assert ("Succeeded", []) == (status.phase, _left(local))


def test_a_killed_step_is_a_failure_that_can_be_retried(local):
    """As a container that is killed: exit code 137."""
    script = "[ {{retries}} = 1 ] || kill -9 $$$$"
    template = local.template("t", script, retryStrategy={"limit": 1})
    status = local.run(local.document({"name": "main", "dag": {"tasks": [{"name": "t", "template": "t"}]}}, template))
    first = status.nodes[status.find("wf.t").children[0]]

    assert ("Succeeded", "main: Error (exit code 137)") == (status.phase, first.message)
