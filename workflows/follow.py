"""A Workflow as Argo Server gives it, in the terms of the local engine's `Status`, so that the same tree shows both.

Pure: no server is asked here (watch.py does that).
Source: pkg/apis/workflow/v1alpha1/workflow_types.go of Argo Workflows 4.0, NodeStatus and WorkflowStatus.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflows.local.status import COMPLETED, FAILED, PENDING, RUNNING, Kept, Node, Progress, Status, Values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

POD = "Pod"
LATEST = datetime.max.replace(tzinfo=timezone.utc)
SHORT = 2  # words: "Error: ErrImagePull"
LONGEST = 400  # characters of a line that a step wrote
PROGRESS = re.compile(r"progress (\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)(?: (.*))?$")
# What Argo's own program writes to a step's log, around what the step writes.
EXECUTOR = re.compile(r'time=\S+ level=\S+ msg="|Error: exit status \d+$')
NO_NEWS = frozenset({"PodInitializing", "ContainerCreating"})  # what every pod says before its containers run


def status_of(
    document: Mapping[str, Any],
    *,
    details: Mapping[str, str] | None = None,
    progress: Mapping[str, Progress] | None = None,
    fetched: Mapping[tuple[str, str], Path] | None = None,
) -> Status:
    """The state of a Workflow.

    Args:
      document: The Workflow as JSON.
      details: By node id, a line beside Argo's own message: what a failed step wrote last, why a pod waits.
      progress: By node id, how far a running step is.
      fetched: By node id and name of an artifact, where its file or folder is on this machine.
    """
    metadata, status = document["metadata"], document.get("status") or {}
    nodes = [_node(node, details or {}, progress or {}, fetched or {}) for node in nodes_of(document)]
    return Status(
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        namespace=metadata.get("namespace", ""),
        created=moment(metadata.get("creationTimestamp")) or LATEST,
        directory=Path(),
        phase=status.get("phase") or PENDING,
        message=status.get("message") or "",
        started=moment(status.get("startedAt")),
        finished=moment(status.get("finishedAt")),
        nodes={node.id: node for node in nodes},
    )


def nodes_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The nodes in the order in which they came to be; of one second, as the graph has them.

    Argo's own order is that of the ids, which are hashes.
    """
    nodes: Mapping[str, dict[str, Any]] = (document.get("status") or {}).get("nodes") or {}
    place = {node: index for index, node in enumerate(_breadth_first(nodes, document["metadata"]["name"]))}
    return sorted(nodes.values(), key=lambda node: (_started(node), place.get(node["id"], len(place)), node["name"]))


def finished(document: Mapping[str, Any]) -> bool:
    """Nothing more will happen to the Workflow."""
    return ((document.get("status") or {}).get("phase") or PENDING) in COMPLETED


def running(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pods that run."""
    return _pods(document, RUNNING)


def silent(document: Mapping[str, Any], now: datetime, patience_s: float) -> list[dict[str, Any]]:
    """The pods that have been pending for a while without Argo saying why."""
    return [
        node
        for node in _pods(document, PENDING)
        if node.get("message", "") in {"", *NO_NEWS} and (now - _started(node)).total_seconds() > patience_s
    ]


def failed(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pods that ran and failed, in the order in which they started."""
    return _pods(document, FAILED)


def pod_name(workflow: str, node: Mapping[str, Any]) -> str:
    """What Kubernetes calls the pod of a node.

    Source: PodName in workflow/util/pod_name.go, version 2 of the names; ours are too short to be cut.
    """
    if node["id"] == workflow:
        return workflow
    return f"{workflow}-{node['templateName']}-{node['id'].rpartition('-')[2]}"


def artifacts(node: Mapping[str, Any]) -> list[str]:
    """The names of the artifacts that a node gave."""
    return [item["name"] for item in (node.get("outputs") or {}).get("artifacts") or []]


def last_progress(lines: Sequence[str], now: datetime) -> Progress | None:
    """How far a step says it is, from the last of its lines that does."""
    for line in reversed(lines):
        match = PROGRESS.match(line.rstrip())
        if match and float(match[2]) > 0:
            return Progress(float(match[1]), float(match[2]), match[3] or "", now)
    return None


def telling(warnings: Sequence[str]) -> str:
    """The last of Kubernetes' warnings that says more than a word, such as ErrImagePull."""
    return last_line([text for text in warnings if len(text.split()) > SHORT] or warnings)


def own_words(lines: Sequence[str]) -> list[str]:
    """What a step wrote itself."""
    return [line for line in lines if not EXECUTOR.match(line)]


def last_line(lines: Sequence[str]) -> str:
    """The last line that is not empty."""
    return next((line.strip()[:LONGEST] for line in reversed(lines) if line.strip()), "")


def moment(text: str | None) -> datetime | None:
    """A time as Kubernetes writes it: whole seconds, UTC; None where there is none yet."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc) if text else None


def _node(
    node: Mapping[str, Any],
    details: Mapping[str, str],
    progress: Mapping[str, Progress],
    fetched: Mapping[tuple[str, str], Path],
) -> Node:
    kept = [Kept(name=name, path=fetched.get((node["id"], name))) for name in artifacts(node)]
    return Node(
        id=node["id"],
        name=node["name"],
        display_name=node["displayName"],
        type=node["type"],
        phase=node.get("phase") or PENDING,
        started=_started(node),
        template_name=node.get("templateName", ""),
        boundary_id=node.get("boundaryID", ""),
        message="" if node.get("message") in NO_NEWS else node.get("message", ""),
        finished=moment(node.get("finishedAt")),
        children=list(node.get("children") or []),
        outputs=Values(artifacts=tuple(kept)),
        retried=bool((node.get("nodeFlag") or {}).get("retried")),
        progress=progress.get(node["id"]),
        detail=details.get(node["id"], ""),
    )


def _started(node: Mapping[str, Any]) -> datetime:
    return moment(node.get("startedAt")) or LATEST


def _pods(document: Mapping[str, Any], phase: str) -> list[dict[str, Any]]:
    return [node for node in nodes_of(document) if node["type"] == POD and node.get("phase") == phase]


def _breadth_first(nodes: Mapping[str, dict[str, Any]], root: str) -> list[str]:
    """The ids of the nodes, those nearest to the root first."""
    seen, at = [root], 0
    while at < len(seen):
        children = (nodes.get(seen[at]) or {}).get("children") or []
        seen.extend(child for child in dict.fromkeys(children) if child not in seen)
        at += 1
    return seen
