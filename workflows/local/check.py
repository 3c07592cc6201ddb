"""What `argo lint` would refuse, before anything starts: names, arguments and tags that do not fit together.

Also the one rule of the local engine's own: a path that a template declares is used by its placeholder.
Source: workflow/validate/validate.go of Argo Workflows 4.0.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from workflows.errors import UnsupportedError, WorkflowError
from workflows.local import depends, durations, retry
from workflows.local.model import Call, Parameters, Template, Workflow
from workflows.local.substitution import tags
from workflows.local.variables import LATER, LETTERS

FACTS = ("id", "status", "startedAt", "finishedAt")
ATTEMPT = ("retries", "lastRetry.exitCode", "lastRetry.status", "lastRetry.duration", "lastRetry.message")


def check(workflow: Workflow) -> None:
    """Refuses a workflow that cannot run. Raises: WorkflowError, UnsupportedError."""
    where = f"workflow {workflow.name}"
    for field, name in (("entrypoint", workflow.entrypoint), ("onExit", workflow.on_exit)):
        if name and name not in workflow.templates:
            raise WorkflowError(f"{where}: {field} names template `{name}`, which there is not")
    published = _published(workflow)
    for template in workflow.templates.values():
        _check_template(workflow, template, f"{where}: template {template.name}", published)
    for name in filter(None, (workflow.entrypoint, workflow.on_exit)):
        given = workflow.arguments if name == workflow.entrypoint else Parameters()
        _check_arguments(Call(name, name, given), workflow.templates[name], where)


def _check_template(workflow: Workflow, template: Template, where: str, published: set[str]) -> None:
    known = _own_tags(template) | published | _workflow_tags(workflow) | {"node.name", "tasks.name", "steps.name"}
    strategy = template.retry or workflow.retry
    if template.process:
        _check_paths(template, where)
        _check_tags([template.process, template.mutexes, template.retry], known | {*ATTEMPT, "pod.name"}, where)
    if strategy:
        known |= set(ATTEMPT)
        _check_retry(strategy, where)
    names = [call.name for call in template.calls]
    if len(set(names)) < len(names):
        raise WorkflowError(f"{where}: two tasks have the same name; give each its own")
    if template.timeout and "{{" not in template.timeout:
        durations.seconds(template.timeout)
    for call in template.calls:
        target = workflow.templates.get(call.template)
        if target is None:
            raise WorkflowError(f"{where}: {call.name} runs template `{call.template}`, which there is not")
        _check_arguments(call, target, f"{where}: {call.name}")
    if template.dag:
        _check_dag(workflow, template, known, where)
    if template.steps:
        _check_steps(workflow, template.steps, known, where)
    kind = "tasks" if template.dag else "steps"
    given = known.union(*(_gives(f"{kind}.{call.name}", call, workflow) for call in template.calls))
    outputs = [item.source for item in template.outputs.parameters]
    outputs += [item.source for item in template.outputs.artifacts]
    _check_tags(outputs, given, f"{where}: outputs")


def _gives(prefix: str, call: Call, workflow: Workflow) -> set[str]:
    """The tags that what comes after a call may use."""
    template = workflow.templates[call.template]
    names = [*FACTS, *(("outputs.result", "exitCode") if template.process else ())]
    names += [f"outputs.parameters.{item.name}" for item in template.outputs.parameters]
    names += [f"outputs.artifacts.{item.name}" for item in template.outputs.artifacts]
    names += ["outputs.parameters"] if call.expands else []
    return {f"{prefix}.{name}" for name in names}


def _check_steps(workflow: Workflow, groups: tuple[tuple[Call, ...], ...], known: set[str], where: str) -> None:
    for group in groups:
        for call in group:
            _check_call(call, known, f"{where}: step {call.name}")
        known = known.union(*(_gives(f"steps.{call.name}", call, workflow) for call in group))


def _check_retry(strategy: object, where: str) -> None:
    policy = getattr(strategy, "policy", "")
    if policy and policy not in retry.POLICIES:
        allowed = ", ".join(retry.POLICIES)
        raise WorkflowError(f"{where}: retryPolicy is one of {allowed}. Received: {policy}")


def _check_dag(workflow: Workflow, template: Template, known: set[str], where: str) -> None:
    assert template.dag
    tasks = {task.name: task for task in template.dag.tasks}
    if any(task.depends for task in tasks.values()):
        _check_no_older_form(tasks, where)
    for task in tasks.values():
        depends.check(task, tasks, f"{where}: task {task.name}")
    _check_tags([template.dag.target], known, where)
    for target in template.dag.target.split():
        if "{{" not in target and target not in tasks:
            raise WorkflowError(f"{where}: target `{target}` is no task")
    for task in tasks.values():
        before = (_gives(f"tasks.{name}", tasks[name], workflow) for name in _ancestors(task, tasks, where))
        _check_call(task, known.union(*before), f"{where}: task {task.name}")


def _check_no_older_form(tasks: dict[str, Call], where: str) -> None:
    """A DAG that uses `depends` says with it, too, what happens after a failure."""
    for task in tasks.values():
        if task.dependencies:
            raise WorkflowError(
                f"{where}: task {task.name}: give either `depends` or `dependencies`, not both in a DAG"
            )
        if task.continue_on_error or task.continue_on_failed:
            instead = f"{task.name}.Failed or {task.name}.Errored in `depends`"
            raise WorkflowError(f"{where}: task {task.name}: `continueOn` does not go with `depends`; use {instead}")


def _ancestors(task: Call, tasks: dict[str, Call], where: str) -> set[str]:
    found: set[str] = set()
    left = depends.dependencies(task)
    while left:
        name = left.pop()
        if name == task.name:
            raise WorkflowError(f"{where}: task {task.name} depends on itself, directly or through others")
        if name not in found:
            found.add(name)
            left.extend(depends.dependencies(tasks[name]))
    return found


def _check_arguments(call: Call, target: Template, where: str) -> None:
    """Refuses a call that leaves an input of its template without a value."""
    given = {item.name for item in call.arguments.parameters if item.value is not None or item.default is not None}
    handed = {item.name for item in call.arguments.artifacts}
    for parameter in target.inputs.parameters:
        if parameter.name not in given and parameter.value is None and parameter.default is None:
            raise WorkflowError(f"{where}: template {target.name} needs inputs.parameters.{parameter.name}; give it")
    for artifact in target.inputs.artifacts:
        if artifact.name not in handed and artifact.raw is None and not artifact.optional:
            raise WorkflowError(f"{where}: template {target.name} needs inputs.artifacts.{artifact.name}; give it")


def _check_call(call: Call, known: set[str], where: str) -> None:
    own = {"item", "workflow.item"} if call.expands else set()
    loop = replace(call, with_items=None, with_param=None, with_sequence=None)
    _check_tags([loop], known | own, where, items=call.expands)
    _check_tags([call.with_items, call.with_param, call.with_sequence], known, where)


def _check_tags(values: Iterable[object], known: set[str], where: str, *, items: bool = False) -> None:
    for tag in tags(list(values)):
        if tag.startswith("="):
            raise UnsupportedError(f"{where}: expression tag `{{{{{tag}}}}}` is not supported by the local engine")
        if tag not in known and not (items and tag.startswith("item.")):
            raise WorkflowError(f"{where}: failed to resolve {{{{{tag}}}}}; nothing that runs before gives it")


def _own_tags(template: Template) -> set[str]:
    inputs, outputs = template.inputs, template.outputs
    return (
        {"inputs.parameters", *(f"inputs.parameters.{item.name}" for item in inputs.parameters)}
        | {f"inputs.artifacts.{item.name}" for item in inputs.artifacts}
        | {f"inputs.artifacts.{item.name}.path" for item in inputs.artifacts if item.path}
        | {f"outputs.artifacts.{item.name}.path" for item in outputs.artifacts if item.path}
        | {f"outputs.parameters.{item.name}.path" for item in outputs.parameters if item.path}
    )


def _workflow_tags(workflow: Workflow) -> set[str]:
    created = "workflow.creationTimestamp"
    names = ("name", "namespace", "uid", "mainEntrypoint", "serviceAccountName", "parameters", "labels", "annotations")
    return (
        {f"workflow.{name}" for name in names}
        | {f"workflow.parameters.{item.name}" for item in workflow.arguments.parameters}
        | {f"workflow.labels.{name}" for name in workflow.labels}
        | {f"workflow.annotations.{name}" for name in workflow.annotations}
        | {created, f"{created}.s", f"{created}.RFC3339"}
        | {f"{created}.{letter}" for letter in LETTERS}
        | set(LATER)
    )


def _published(workflow: Workflow) -> set[str]:
    """The run's own outputs, which any template may use once they are there."""
    outputs = [template.outputs for template in workflow.templates.values()]
    parameters = {item.global_name for output in outputs for item in output.parameters if item.global_name}
    artifacts = {item.global_name for output in outputs for item in output.artifacts if item.global_name}
    return {f"workflow.outputs.parameters.{name}" for name in parameters} | {
        f"workflow.outputs.artifacts.{name}" for name in artifacts
    }


def _check_paths(template: Template, where: str) -> None:
    """Refuses a declared path that is written out: it would lead every step of every run to the same place."""
    process = template.process
    assert process
    declared = {f"inputs.artifacts.{item.name}": item.path for item in template.inputs.artifacts}
    declared |= {f"outputs.artifacts.{item.name}": item.path for item in template.outputs.artifacts}
    declared |= {f"outputs.parameters.{item.name}": item.path for item in template.outputs.parameters}
    places = {"command": process.command, "args": process.args, "source": (process.source or "",)}
    places["env"] = tuple(value for _, value in process.env)
    for tag, path in declared.items():
        pattern = re.compile(rf"(?<![\w.-]){re.escape(path or '')}(?![\w.-])")
        for place, texts in places.items():
            if path and any(pattern.search(text) for text in texts):
                raise WorkflowError(
                    f"{where}: `{path}` is written out in {place}; "
                    f"write {{{{{tag}.path}}}} instead, which is that path wherever the step runs"
                )
