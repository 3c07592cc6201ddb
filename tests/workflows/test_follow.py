"""A Workflow of Argo's is shown as a run of the local engine is."""

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from workflows import follow
from workflows.local.status import Progress
from workflows.local.tree import render

START = datetime(2026, 11, 23, 0, 1, 3, tzinfo=timezone.utc)


def at(seconds: float) -> str:
    """A time as Kubernetes writes it."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def node(name: str, kind: str = "Pod", phase: str = "Succeeded", start: float = 0, **more: Any) -> dict[str, Any]:
    """A node, called as it is; it took a second if it ended."""
    ended = {} if phase in {"Running", "Pending"} else {"finishedAt": at(start + 1)}
    display = name.rpartition(".")[2]
    entry = {"id": name, "name": name, "displayName": display, "type": kind, "phase": phase, "startedAt": at(start)}
    return {**entry, "boundaryID": "wf", "templateName": display, "finishedAt": None, **ended, **more}


def workflow(*nodes: dict[str, Any], phase: str = "Running", **status: Any) -> dict[str, Any]:
    """A Workflow with an entry node; the nodes are in the order of their ids, as Argo Server gives them."""
    entry = node("wf", "DAG", phase, boundaryID="", children=[item["id"] for item in nodes if item["boundaryID"]])
    found = {item["id"]: item for item in sorted((entry, *nodes), key=lambda item: item["id"])}
    return {
        "metadata": {"name": "wf", "namespace": "training", "uid": "u", "creationTimestamp": at(0)},
        "status": {"phase": phase, "startedAt": at(0), "finishedAt": None, "nodes": found, **status},
    }


def drawn(document: dict[str, Any], **aside: Any) -> str:
    """The tree as it stands in a terminal after half a minute."""
    console = Console(file=io.StringIO(), width=110, color_system=None)
    console.print(render(follow.status_of(document, **aside), START + timedelta(seconds=30)))
    return "\n".join(line.rstrip() for line in console.file.getvalue().rstrip().split("\n"))


def test_the_tree_is_that_of_the_local_engine():
    """Attempts, groups and the exit handler, in the order in which they ran and not of Argo's ids."""
    document = workflow(
        node("wf.prepare", "Retry", children=["wf.prepare(0)"]),
        node("wf.prepare(0)", nodeFlag={"retried": True}),
        node("wf.a-train", "Retry", "Running", 2, children=["wf.a-train(0)"]),
        node("wf.a-train(0)", phase="Running", start=2),
        node("wf.release", "Skipped", "Omitted", 3, message="omitted: depends condition not met"),
        node("wf.onExit", "Steps", "Running", 4, boundaryID="", children=["wf.onExit[0]"]),
        node("wf.onExit[0]", "StepGroup", "Running", 4, boundaryID="wf.onExit", children=["wf.onExit[0].report"]),
        node("wf.onExit[0].report", phase="Pending", start=4, boundaryID="wf.onExit"),
    )
    progress = {"wf.a-train(0)": Progress(1, 4, "epoch", START + timedelta(seconds=12))}

    assert """\
● wf           30 s  Running
├─✔ prepare   1.0 s
├─● a-train    28 s  ━━━━━─────────────── 1/4 epoch · 12 s left
├─○ release          omitted: depends condition not met
└─● onExit     26 s
  └─◷ report""" == drawn(document, progress=progress)


def test_nodes_of_one_second_are_in_the_order_of_the_graph():
    """Kubernetes knows whole seconds only."""
    names = ["wf.z-first", "wf.m-second", "wf.a-third"]

    assert ["wf", *names] == [item["id"] for item in follow.nodes_of(workflow(*map(node, names)))]


@given(st.permutations([f"wf.{index}" for index in range(6)]), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_every_node_is_shown_once_and_no_later_one_before(names: list[str], starts: list[int]):
    """Whatever Argo's order is."""
    nodes = [node(name, start=start) for name, start in zip(names, starts, strict=True)]
    shown = follow.nodes_of(workflow(*nodes))

    assert sorted(["wf", *names]) == sorted(item["id"] for item in shown)
    assert sorted(item["startedAt"] for item in shown) == [item["startedAt"] for item in shown]


def test_why_a_pod_waits_is_said_and_that_it_starts_is_not():
    """Argo's message of a pod that cannot be placed; what every pod says at first is no news."""
    document = workflow(
        node("wf.a", phase="Pending", message="Unschedulable: 0/2 nodes are available"),
        node("wf.b", phase="Pending", message="PodInitializing"),
        node("wf.c", phase="Pending", message="PodInitializing"),
    )
    text = drawn(document, details={"wf.c": "Error: container has runAsNonRoot and image will run as root"})

    assert "◷ a        Unschedulable: 0/2 nodes are available" in text
    assert "PodInitializing" not in text
    assert "◷ c        Error: container has runAsNonRoot" in text


def test_only_a_pod_that_waits_long_without_a_word_is_asked_about():
    """One of which Argo says why is not, nor one that has just been made."""
    document = workflow(
        node("wf.long", phase="Pending", message="PodInitializing"),
        node("wf.silent", phase="Pending"),
        node("wf.new", phase="Pending", start=8),
        node("wf.told", phase="Pending", message="ImagePullBackOff: no/such:1"),
        node("wf.runs", phase="Running"),
    )
    silent = follow.silent(document, START + timedelta(seconds=10), patience_s=5)

    assert ["wf.long", "wf.silent"] == [item["id"] for item in silent]


@pytest.mark.parametrize(
    ("warnings", "told"),
    [
        ([], ""),
        (["Error: ErrImagePull"], "Error: ErrImagePull"),
        (
            ["Failed to pull image no/such:1: not found", "Error: ErrImagePull"],
            "Failed to pull image no/such:1: not found",
        ),
        (["0/2 nodes are available", "MountVolume.SetUp failed for volume x"], "MountVolume.SetUp failed for volume x"),
    ],
)
def test_the_warning_that_says_most(warnings: list[str], told: str):
    """The last, but for those of one word."""
    assert told == follow.telling(warnings)


def test_a_failed_step_says_its_own_last_words():
    """Beside Argo's message, which has the exit code only."""
    document = workflow(node("wf.gate", phase="Failed", message="main: Error (exit code 1)"), phase="Failed")

    assert ["wf.gate"] == [item["id"] for item in follow.failed(document)]
    assert "✖ gate  1.0 s  main: Error (exit code 1): accuracy 0.2 is below 0.9" in drawn(
        document, details={"wf.gate": "error: accuracy 0.2 is below 0.9"}
    )


def test_argos_own_lines_are_not_a_steps_words():
    """The executor writes before and after the step, into the same log."""
    lines = [
        'time=2026-11-23T00:12:37.888Z level=INFO msg="index config" indexWorkflowSemaphoreKeys=true',
        'time="2026-11-23T00:12:37.888Z" level=info msg="capturing logs" argo=true',
        "progress 1/1",
        "error: no luck",
        "Error: exit status 1",
        "",
    ]

    assert ["progress 1/1", "error: no luck", ""] == follow.own_words(lines)
    assert "error: no luck" == follow.last_line(follow.own_words(lines))
    assert "" == follow.last_line([])


@pytest.mark.parametrize(
    ("lines", "done"),
    [
        (["progress 1/3 epoch", "other", "progress 2/3"], 2),
        (["progress 1/0"], None),
        (["no progress 1/2"], None),
        ([], None),
    ],
)
def test_how_far_a_step_is(lines: list[str], done: float | None):
    """By the last of its lines that says so."""
    progress = follow.last_progress(lines, START)

    assert done == (progress.done if progress else None)


@pytest.mark.parametrize(("phase", "over"), [("Succeeded", "over"), ("Error", "over"), ("Running", ""), ("", "")])
def test_when_a_run_has_ended(phase: str, over: str):
    """A Workflow that no controller has seen yet has no phase, and may have no status."""
    assert bool(over) == follow.finished(workflow(phase=phase))
    assert follow.finished({"metadata": {"name": "wf"}}) is False


def test_a_workflow_that_nobody_has_begun():
    """It waits; there is nothing else to show."""
    status = follow.status_of({"metadata": {"name": "wf", "creationTimestamp": at(0)}, "status": {"startedAt": None}})

    assert ("Pending", None, {}, START) == (status.phase, status.started, status.nodes, status.created)


def test_the_name_of_a_pod():
    """As the controller makes it of node and template."""
    named = node("wf.train(0)", templateName="train") | {"id": "wf-2573213822"}

    assert "wf-train-2573213822" == follow.pod_name("wf", named)


def test_fetched_artifacts_are_where_the_local_engine_has_its_own():
    """So that what is read of a run is read by the same code."""
    outputs = {"artifacts": [{"name": "page", "s3": {"key": "k"}}, {"name": "main-logs"}]}
    status = follow.status_of(
        workflow(node("wf.report", outputs=outputs)), fetched={("wf.report", "page"): Path("/runs/page")}
    )

    assert {"page": Path("/runs/page"), "main-logs": None} == {
        item.name: item.path for item in status.nodes["wf.report"].outputs.artifacts
    }
