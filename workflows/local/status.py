"""The state of a run in the shape of Argo's `Workflow.status`, and the file that keeps it.

Not here: how the state changes (operator.py) and how it looks in a terminal (tree.py).
Source: pkg/apis/workflow/v1alpha1/workflow_types.go of Argo Workflows 4.0, NodeStatus and WorkflowStatus.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

PENDING, RUNNING = "Pending", "Running"
SUCCEEDED, FAILED, ERROR = "Succeeded", "Failed", "Error"
SKIPPED, OMITTED = "Skipped", "Omitted"
COMPLETED = frozenset({SUCCEEDED, FAILED, ERROR})
FULFILLED = COMPLETED | {SKIPPED, OMITTED}
FILE_NAME = "workflow.json"
FNV_OFFSET, FNV_PRIME = 2166136261, 16777619


def now() -> datetime:
    """The time in UTC, as every time stamp of a run."""
    return datetime.now(timezone.utc)


def rfc3339(moment: datetime | None) -> str | None:
    """Kubernetes' form of a time: whole seconds, UTC."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def node_id(workflow: str, name: str) -> str:
    """Argo's id of a node: the workflow's name, a dash and the 32-bit FNV-1a hash of the node's name."""
    if name == workflow:
        return workflow
    value = FNV_OFFSET
    for byte in name.encode():
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return f"{workflow}-{value}"


@dataclass(frozen=True)
class Kept:
    """A parameter or artifact that a node gave: a value, or the path where its file or folder is kept."""

    name: str
    value: str | None = None
    path: Path | None = None
    global_name: str | None = None

    def document(self, *, artifact: bool = False) -> dict[str, Any]:
        """The entry as Argo writes it; `path` is the kept file, since there is no store with keys here."""
        entry: dict[str, Any] = {"name": self.name}
        if self.value is not None:
            entry |= {"raw": {"data": self.value}} if artifact else {"value": self.value}
        if self.path is not None:
            entry["path"] = str(self.path)
        return entry | ({"globalName": self.global_name} if self.global_name else {})


@dataclass(frozen=True)
class Values:
    """What goes into a node or comes out of it."""

    parameters: tuple[Kept, ...] = ()
    artifacts: tuple[Kept, ...] = ()
    result: str | None = None
    exit_code: str | None = None

    def document(self) -> dict[str, Any]:
        """The entry as Argo writes it, without what is empty."""
        entry: dict[str, Any] = {
            "parameters": [item.document() for item in self.parameters],
            "artifacts": [item.document(artifact=True) for item in self.artifacts],
            "result": self.result,
            "exitCode": self.exit_code,
        }
        return {key: value for key, value in entry.items() if value not in (None, [])}


@dataclass
class Progress:
    """The last `progress <done>/<total> <text>` line of a step, and when it came."""

    done: float
    total: float
    text: str
    at: datetime


@dataclass
class Node:
    """One node of the run: a template's execution, an attempt, a group, or a task that did not run."""

    id: str
    name: str
    display_name: str
    type: str
    phase: str
    started: datetime
    template_name: str = ""
    boundary_id: str = ""
    message: str = ""
    finished: datetime | None = None
    children: list[str] = field(default_factory=list)
    outbound: list[str] = field(default_factory=list)
    inputs: Values = Values()
    outputs: Values = Values()
    retried: bool = False
    hooked: bool = False
    waiting: str = ""  # the lock that this node waits for
    progress: Progress | None = None
    detail: str = ""  # the last line that a failed step wrote; Argo's own message says the exit code only

    @property
    def fulfilled(self) -> bool:
        """Nothing more will happen to this node."""
        return self.phase in FULFILLED

    @property
    def completed(self) -> bool:
        """The node ran and ended."""
        return self.phase in COMPLETED

    @property
    def unsuccessful(self) -> bool:
        """The node ran and did not succeed."""
        return self.phase in (FAILED, ERROR)

    def seconds(self) -> float:
        """How long the node ran, up to now if it still does."""
        return ((self.finished or now()) - self.started).total_seconds()

    def document(self) -> dict[str, Any]:
        """The node as Argo's NodeStatus, without what is empty."""
        flags = {key: True for key, on in (("retried", self.retried), ("hooked", self.hooked)) if on}
        entry: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "displayName": self.display_name,
            "type": self.type,
            "templateName": self.template_name,
            "boundaryID": self.boundary_id,
            "phase": self.phase,
            "message": self.message,
            "startedAt": rfc3339(self.started),
            "finishedAt": rfc3339(self.finished),
            "nodeFlag": flags,
            "progress": f"{self.progress.done:g}/{self.progress.total:g}" if self.progress else None,
            "synchronizationStatus": {"waiting": self.waiting} if self.waiting else None,
            "inputs": self.inputs.document(),
            "outputs": self.outputs.document(),
            "children": self.children,
            "outboundNodes": self.outbound,
        }
        return {key: value for key, value in entry.items() if value not in (None, "", [], {})}


@dataclass
class Status:
    """The run as a whole. `nodes` is by node id, in the order in which the nodes came to be."""

    name: str
    uid: str
    namespace: str
    created: datetime
    directory: Path
    spec: dict[str, Any] = field(default_factory=dict)
    phase: str = PENDING
    message: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    outputs: Values = Values()
    revision: int = 0  # counts the changes, so that an unchanged state is neither written nor drawn again

    def find(self, name: str) -> Node | None:
        """The node called `name`, if it exists yet."""
        return self.nodes.get(node_id(self.name, name))

    def document(self) -> dict[str, Any]:
        """The run as an Argo `Workflow` object: metadata, spec and status."""
        status: dict[str, Any] = {
            "phase": self.phase,
            "message": self.message,
            "startedAt": rfc3339(self.started),
            "finishedAt": rfc3339(self.finished),
            "outputs": self.outputs.document(),
            "nodes": {node.id: node.document() for node in self.nodes.values()},
        }
        metadata = {
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
            "creationTimestamp": rfc3339(self.created),
        }
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": metadata,
            "spec": self.spec,
            "status": {key: value for key, value in status.items() if value not in (None, "", {})},
        }

    def save(self) -> None:
        """Writes `workflow.json`, by a rename, so that a reader always finds a whole one."""
        temporary = self.directory / f".{FILE_NAME}"
        temporary.write_text(json.dumps(self.document(), separators=(",", ":")))
        temporary.replace(self.directory / FILE_NAME)
