"""The `workflow.*` variables that every template may use.

Source: docs/variables.md and setGlobalParameters in workflow/controller/operator.go of Argo Workflows 4.0.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from workflows.errors import WorkflowError
from workflows.local import gojson
from workflows.local.model import Parameter, Workflow
from workflows.local.status import Node, Status, rfc3339

# strftime's letters that Argo offers as workflow.creationTimestamp.<letter> and that every platform's C library has.
LETTERS = "aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ"
# Known only once the run is under way, so no value at first.
LATER = ("workflow.status", "workflow.failures", "workflow.duration")


def arguments(workflow: Workflow, given: Mapping[str, str]) -> dict[str, str]:
    """The workflow's parameters, in the document's order: as given, else as the document says.

    Raises: WorkflowError for a name that the workflow does not have, a value that its `enum` does not list, or a
      parameter that has no value at all.
    """
    declared = {parameter.name: parameter for parameter in workflow.arguments.parameters}
    unknown = [name for name in given if name not in declared]
    if unknown:
        there = ", ".join(declared) or "none"
        raise WorkflowError(f"workflow {workflow.name} has no parameter `{unknown[0]}`; there are: {there}")
    return {name: _value(workflow, parameter, given.get(name)) for name, parameter in declared.items()}


def _value(workflow: Workflow, parameter: Parameter, given: str | None) -> str:
    value = given if given is not None else parameter.value if parameter.value is not None else parameter.default
    if value is None:
        raise WorkflowError(f"workflow {workflow.name} needs a value for its parameter `{parameter.name}`; give one")
    if parameter.enum and value not in parameter.enum:
        allowed = ", ".join(parameter.enum)
        raise WorkflowError(f"parameter `{parameter.name}` is one of {allowed}. Received: {value!r}")
    return value


def initial(workflow: Workflow, status: Status, values: Mapping[str, str]) -> dict[str, str]:
    """Every variable that has its value before the first step starts."""
    listed = [replace(item, value=values[item.name]).document() for item in workflow.arguments.parameters]
    scope = {
        "workflow.name": status.name,
        "workflow.namespace": status.namespace,
        "workflow.uid": status.uid,
        "workflow.mainEntrypoint": workflow.entrypoint,
        "workflow.serviceAccountName": workflow.service_account,
        "workflow.parameters": gojson.dumps(listed),
        "workflow.labels": gojson.dumps(dict(sorted(workflow.labels.items()))),
        "workflow.annotations": gojson.dumps(dict(sorted(workflow.annotations.items()))),
    }
    scope |= {f"workflow.parameters.{name}": value for name, value in values.items()}
    scope |= {f"workflow.labels.{name}": str(value) for name, value in workflow.labels.items()}
    scope |= {f"workflow.annotations.{name}": str(value) for name, value in workflow.annotations.items()}
    return scope | creation(status.created)


def creation(created: datetime) -> dict[str, str]:
    """`workflow.creationTimestamp` in all its forms."""
    name, stamp = "workflow.creationTimestamp", rfc3339(created) or ""
    scope = {f"{name}.{letter}": created.strftime(f"%{letter}") for letter in LETTERS}
    scope |= {f"{name}.s": str(int(created.timestamp())), f"{name}.RFC3339": stamp, name: stamp}
    return scope


def failures(status: Status) -> str:
    """`workflow.failures`: the nodes that did not succeed, as JSON within quotes, as Argo gives it."""
    listed: list[dict[str, Any]] = [_failure(status, node) for node in status.nodes.values() if node.unsuccessful]
    return json.dumps(json.dumps(listed or None, separators=(",", ":")))


def _failure(status: Status, node: Node) -> dict[str, Any]:
    return {
        "displayName": node.display_name,
        "message": node.message,
        "templateName": node.template_name,
        "phase": node.phase,
        "podName": pod_name(status.name, node.template_name, node.id),
        "finishedAt": rfc3339(node.finished),
    }


def pod_name(workflow: str, template: str, node: str) -> str:
    """The name that the node's pod would have: workflow, template and the hash of the node's id."""
    return workflow if node == workflow else "-".join(filter(None, (workflow, template, node.rpartition("-")[2])))


def check_argument_names(workflow: Workflow) -> None:
    """Refuses a document whose parameters clash. Raises: WorkflowError."""
    names = [parameter.name for parameter in workflow.arguments.parameters]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise WorkflowError(f"workflow {workflow.name}: parameter `{twice[0]}` is declared twice")
