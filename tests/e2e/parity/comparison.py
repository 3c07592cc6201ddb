"""Two `Workflow` objects, Argo's and the local engine's, node by node.

Both runs have the same name, so node names, node ids and messages that name a node are equal as they are.
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tests.e2e.parity import not_compared


def view(workflow: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared of a run: its status, with its nodes by their names."""
    status = workflow["status"]
    nodes = status.get("nodes", {})
    rest = _without({key: value for key, value in status.items() if key != "nodes"}, not_compared.WORKFLOW)
    rest["outputs"] = _values(status.get("outputs", {}))
    return {**rest, "nodes": {node["name"]: _node(node, nodes) for node in nodes.values()}}


def _without(value: Mapping[str, Any], left_out: Mapping[str, str]) -> dict[str, Any]:
    kept = {key: item for key, item in value.items() if key not in left_out and item not in (None, "", [], {})}
    return kept | ({"message": _message(kept["message"])} if "message" in kept else {})


def _message(message: str) -> str:
    """A message without a tail that is no part of Argo's own sentence."""
    matches = (re.search(f"{tail}$", message, re.DOTALL) for tail in not_compared.TAILS)
    return next((message[: match.end(1)] for match in matches if match), message)


def _node(node: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    result = _without(node, not_compared.NODE)
    if result.get("message") in not_compared.STOPPED:
        result["message"] = "stopped for its time"
        node = {**node, "outputs": {key: item for key, item in node.get("outputs", {}).items() if key != "exitCode"}}
    for key in ("children", "outboundNodes"):
        result[key] = sorted(nodes[child]["name"] if child in nodes else child for child in node.get(key, ()))
    return {**result, "inputs": _values(node.get("inputs", {})), "outputs": _values(node.get("outputs", {}))}


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    parameters = {item["name"]: _without(item, not_compared.PARAMETER) for item in values.get("parameters", ())}
    artifacts = {item["name"]: _without(item, not_compared.ARTIFACT) for item in values.get("artifacts", ())}
    return {**values, "parameters": parameters, "artifacts": artifacts}


def differences(argo: Any, local: Any, where: str = "") -> list[str]:
    """One line for each leaf that differs."""
    if isinstance(argo, dict) and isinstance(local, dict):
        keys = [*argo, *(key for key in local if key not in argo)]
        return [line for key in keys for line in differences(argo.get(key), local.get(key), f"{where} / {key}")]
    return [] if argo == local else [f"{where.removeprefix(' / ')}: Argo {argo!r}, local {local!r}"]


def out_of_order(workflow: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    """The nodes of `names` that ended before the one that is named before them, or that are not there."""
    ended = {node["displayName"]: node.get("finishedAt", "") for node in workflow["status"].get("nodes", {}).values()}
    missing = [f"{name} is missing" for name in names if name not in ended]
    pairs = pairwise(names)
    return missing or [f"{late} ended before {early}" for early, late in pairs if ended[late] < ended[early]]


def started_too_early(workflow: Mapping[str, Any]) -> list[str]:
    """The nodes that started before the one that they hang on had ended, where that one is a pod."""
    nodes = workflow["status"].get("nodes", {})
    edges = [(node, nodes[child]) for node in nodes.values() for child in node.get("children", ()) if child in nodes]
    return [
        f"{child['name']} started before {node['name']} ended"
        for node, child in edges
        if node["type"] == "Pod" and child["startedAt"] < node["finishedAt"]
    ]
