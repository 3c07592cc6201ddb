"""The tree and the lines, from a literal state."""

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from rich.console import Console

from workflows.local.status import Node, Progress, Status
from workflows.local.tree import Lines, Tree, duration, render, watcher

START = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def _node(name: str, kind: str = "Pod", phase: str = "Succeeded", took: float = 1, **fields) -> Node:
    display = name.rpartition(".")[2]
    finished = START + timedelta(seconds=took) if phase not in ("Running", "Pending") else None
    node = {"boundary_id": "wf", **fields}
    return Node(
        id=name, name=name, display_name=display, type=kind, phase=phase, started=START, finished=finished, **node
    )


def _status(*nodes: Node, phase: str = "Running") -> Status:
    status = Status("wf", "uid", "default", START, Path(), phase=phase, started=START)
    entry = _node("wf", "DAG", phase, boundary_id="")
    status.nodes = {node.id: node for node in (entry, *nodes)}
    return status


def _drawn(status: Status, seconds: float = 30) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(render(status, START + timedelta(seconds=seconds)))
    return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().split("\n"))


def test_every_phase_has_its_symbol():
    """As `argo watch` shows them, with time and message."""
    status = _status(
        _node("wf.prepare"),
        _node("wf.check", phase="Failed", message="main: Error (exit code 1)", detail="row 7 is missing"),
        _node("wf.train", phase="Running"),
        _node("wf.gate", phase="Pending", message="Waiting for default/Mutex/gpu lock. Lock status: 0/1"),
        _node("wf.release", "Skipped", "Skipped", message="when 'a == b' evaluated false"),
        _node("wf.report", "Skipped", "Omitted", message="omitted: depends condition not met"),
        _node("wf.onExit", boundary_id=""),
    )

    assert """\
● wf          30 s  Running
├─✔ prepare  1.0 s
├─✖ check    1.0 s  main: Error (exit code 1): row 7 is missing
├─● train     30 s
├─◷ gate            Waiting for default/Mutex/gpu lock. Lock status: 0/1
├─○ release         when 'a == b' evaluated false
├─○ report          omitted: depends condition not met
└─✔ onExit   1.0 s""" == _drawn(status)


def test_groups_and_attempts_hang_below_what_they_belong_to():
    """A loop's items, a retried task's attempts, a nested DAG's tasks; one attempt alone is shown as the task."""
    status = _status(
        _node("wf.each", "TaskGroup", children=["wf.each(0:a)", "wf.each(1:b)", "wf.last"]),
        _node("wf.each(0:a)"),
        _node("wf.each(1:b)"),
        _node("wf.flaky", "Retry", children=["wf.flaky(0)", "wf.flaky(1)"], message="Backoff for 5 seconds"),
        _node("wf.flaky(0)", phase="Failed", retried=True),
        _node("wf.flaky(1)", retried=True),
        _node("wf.once", "Retry", children=["wf.once(0)"]),
        _node("wf.once(0)", retried=True),
        _node("wf.inner", "DAG"),
        _node("wf.inner.x", boundary_id="wf.inner"),
    )

    assert """\
● wf              30 s  Running
├─✔ each         1.0 s
│ ├─✔ each(0:a)  1.0 s
│ └─✔ each(1:b)  1.0 s
├─✔ flaky        1.0 s  Backoff for 5 seconds
│ ├─✖ flaky(0)   1.0 s
│ └─✔ flaky(1)   1.0 s
├─✔ once         1.0 s
└─✔ inner        1.0 s
  └─✔ x          1.0 s""" == _drawn(status)


def test_a_step_that_says_how_far_it_is_gets_a_bar():
    """3 of 12 after 20 s, of which 10 s ago: 60 s were left then, 50 s are now."""
    progress = Progress(3, 12, "epoch 3: loss 0.12", START + timedelta(seconds=20))
    status = _status(_node("wf.train", phase="Running", progress=progress))

    assert "━━━━━─────────────── 3/12 epoch 3: loss 0.12 · 50 s left" in _drawn(status)


def test_lines_say_each_change_once():
    """For a log: when a step starts, when it ends, and the end of all."""
    console = Console(file=io.StringIO(), width=100)
    lines = Lines(console)
    status = _status(_node("wf.a", phase="Running"))
    lines.changed(status)
    lines.changed(status)
    status.nodes["wf.a"] = _node("wf.a", phase="Failed", message="main: Error (exit code 1)")
    status.phase, status.message, status.finished = "Failed", "no", START + timedelta(seconds=70)
    lines.close(status)
    started, *others = console.file.getvalue().splitlines()

    assert started.startswith("● a ")
    assert ["✖ a 1.0 s main: Error (exit code 1)", "✖ wf Failed 1 m 10 s", "  no"] == others


@pytest.mark.parametrize(("terminal", "kind"), [(True, Tree), (False, Lines)])
def test_only_a_terminal_gets_the_tree(terminal, kind):
    """Anything else gets lines."""
    assert kind is type(watcher(Console(file=io.StringIO(), force_terminal=terminal)))


def test_a_run_draws_its_tree(local):
    """The whole way: progress lines of a real step, drawn to the end."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    status = local.run(local.dag(local.task("a", "echo progress 2/2 done")), watch=watcher(console))

    assert (2, 2, "done") == tuple(vars(status.find("wf.a").progress)[key] for key in ("done", "total", "text"))
    assert "✔" in console.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (65, "1 m 05 s"), (3599, "59 m 59 s"), (7800, "2 h 10 m")],
)
def test_durations_are_short(seconds, text):
    """Two units at most."""
    assert text == duration(seconds)


def test_why_a_node_waits_is_a_line_of_its_own():
    """It is known later than that it waits; a reason that comes again is not."""
    console = Console(file=io.StringIO(), width=100, color_system=None)
    lines = Lines(console)
    for message in ("", "ErrImagePull: no/such:1", "ImagePullBackOff: no/such:1", "ErrImagePull: no/such:1, again"):
        lines.changed(_status(_node("wf.gate", phase="Pending", message=message)))

    assert ["◷ gate", "◷ gate  ErrImagePull: no/such:1", "◷ gate  ImagePullBackOff: no/such:1"] == (
        console.file.getvalue().splitlines()
    )
