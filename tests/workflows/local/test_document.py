"""What the engine refuses, each by its name and before anything starts."""

import copy

import pytest

from workflows.errors import UnsupportedError, WorkflowError
from workflows.local import check, document

BASE = {
    "kind": "WorkflowTemplate",
    "metadata": {"name": "train"},
    "spec": {
        "entrypoint": "main",
        "arguments": {"parameters": [{"name": "model", "value": "digits"}]},
        "templates": [
            {
                "name": "main",
                "dag": {"tasks": [{"name": "a", "template": "t"}, {"name": "b", "template": "t", "depends": "a"}]},
            },
            {
                "name": "t",
                "container": {"command": ["sh"], "args": ["-c", "true"], "env": [{"name": "A", "value": "b"}]},
            },
        ],
    },
}


def _with(path: str, value: object) -> dict:
    """`BASE` with one field set; numbers in the path are places in a list."""
    result = copy.deepcopy(BASE)
    *way, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
    target = result
    for part in way:
        target = target[part] if isinstance(part, int) else target.setdefault(part, {})
    target[last] = value
    return result


def _refusal(changed: dict) -> str:
    with pytest.raises(WorkflowError) as caught:
        check.check(document.read(changed))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_not_refused_is_read():
    """The base of all the refusals below is fine."""
    workflow = document.read(BASE)
    check.check(workflow)

    assert ("train", "main", ["main", "t"]) == (workflow.name, workflow.entrypoint, list(workflow.templates))


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("spec/suspend", True, "workflow train: field `suspend`"),
        ("spec/hooks", {"exit": {"template": "t"}}, "workflow train: field `hooks`"),
        ("spec/templates/1/suspend", {}, "workflow train: template t: field `suspend`"),
        ("spec/templates/1/daemon", True, "workflow train: template t: field `daemon`"),
        ("spec/templates/1/memoize", {"key": "k"}, "workflow train: template t: field `memoize`"),
        ("spec/templates/1/sidecars", [{"name": "s"}], "workflow train: template t: field `sidecars`"),
        ("spec/templates/1/initContainers", [{}], "workflow train: template t: field `initContainers`"),
        ("spec/templates/1/container/lifecycle", {}, "template t: container: field `lifecycle`"),
        ("spec/templates/1/synchronization", {"semaphores": [{}]}, "template t: synchronization: field `semaphores`"),
        ("spec/templates/0/dag/tasks/0/templateRef", {"name": "x"}, "dag: task a: field `templateRef`"),
        ("spec/templates/0/dag/tasks/0/inline", {}, "dag: task a: field `inline`"),
        ("spec/templates/0/dag/tasks/0/hooks", {}, "dag: task a: field `hooks`"),
        ("spec/templates/1/inputs", {"artifacts": [{"name": "x", "s3": {"key": "k"}}]}, "artifact x: field `s3`"),
        ("spec/templates/1/inputs", {"artifacts": [{"name": "x", "fromExpression": "1"}]}, "`fromExpression`"),
        ("spec/templates/1/retryStrategy", {"limit": 1, "retries": 2}, "retryStrategy: field `retries`"),
        ("spec/templates/1/container/envFrom", [{"secretRef": {"name": "s"}}], "envFrom: field `secretRef`"),
        (
            "spec/templates/1/container/env",
            [{"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "T: field `secretKeyRef`",
        ),
    ],
)
def test_a_field_that_it_does_not_know_is_refused_by_name(path, value, where):
    """Where it is, what it is called, and that the local engine cannot do it."""
    with pytest.raises(UnsupportedError):
        document.read(_with(path, value))

    refusal = _refusal(_with(path, value))
    assert where in refusal
    assert "not supported by the local engine" in refusal


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("kind", "CronWorkflow", "Received: kind=CronWorkflow"),
        ("spec", [], "workflow train: expected a mapping"),
        ("spec/entrypoint", "", "field `entrypoint` is missing"),
        ("spec/entrypoint", "nowhere", "names template `nowhere`, which there is not"),
        ("spec/onExit", "nowhere", "onExit names template `nowhere`"),
        ("spec/parallelism", "many", "must be a whole number"),
        ("spec/templates/1/name", "main", "two templates have the same name"),
        ("spec/templates/1/script", {"command": ["sh"]}, "one of container, script, dag or steps"),
        ("spec/templates/1/container/command", [], "field `command` is needed"),
        ("spec/templates/1/timeout", "soon", "`soon` is not a duration"),
        ("spec/templates/1/retryStrategy", {"retryPolicy": "Sometimes"}, "retryPolicy is one of Always"),
        ("spec/templates/0/timeout", "5s", "only a container or script can have a timeout"),
        ("spec/templates/0/dag/failFast", "yes", "must be true or false"),
        ("spec/templates/0/dag/target", "z", "target `z` is no task"),
        ("spec/templates/0/dag/tasks/0/template", "u", "a runs template `u`, which there is not"),
        ("spec/templates/0/dag/tasks/0/depends", "b", "task a depends on itself"),
        (
            "spec/templates/0/dag/tasks/0/depends",
            "c.Succeeded",
            "depends on `c`, which is no task here; there are a, b",
        ),
        ("spec/templates/0/dag/tasks/1/depends", "a.Done", "a task's result is one of Succeeded"),
        ("spec/templates/0/dag/tasks/1/depends", "a &&", "Invalid depends"),
        ("spec/templates/0/dag/tasks/1/dependencies", ["a"], "either `depends` or `dependencies`"),
        ("spec/templates/0/dag/tasks/0/dependencies", ["b"], "task a: give either `depends` or `dependencies`"),
        (
            "spec/templates/0/dag/tasks/0/continueOn",
            {"failed": True},
            "task a: `continueOn` does not go with `depends`",
        ),
        ("spec/templates/0/dag/tasks/1/name", "a", "two tasks have the same name"),
        ("spec/templates/0/dag/tasks/1/withSequence", {"start": 1}, "either `end` or `count`"),
        ("spec/templates/1/inputs", {"parameters": [{"name": "x"}]}, "template t needs inputs.parameters.x; give it"),
        ("spec/templates/1/inputs", {"artifacts": [{"name": "x"}]}, "template t needs inputs.artifacts.x; give it"),
    ],
)
def test_a_document_that_does_not_fit_together_is_refused(path, value, sentence):
    """As `argo lint` would, in one sentence."""
    assert sentence in _refusal(_with(path, value))


@pytest.mark.parametrize(
    "tag",
    [
        "nonsense",
        "workflow.parameters.other",
        "workflow.creationTimestamp.Q",
        "inputs.parameters.x",
        "outputs.artifacts.x.path",
        "workflow.outputs.parameters.x",
        "item",
        "=1 + 1",
    ],
)
def test_a_tag_that_nothing_gives_is_refused(tag):
    """In the place where it stands."""
    refusal = _refusal(_with("spec/templates/1/container/args", ["-c", f"echo {{{{{tag}}}}}"]))

    assert refusal.startswith("workflow train: template t: ")
    assert f"{{{{{tag}}}}}" in refusal


def test_a_task_may_use_only_what_comes_before_it():
    """A sibling's output is not there."""
    changed = _with("spec/templates/0/dag/tasks/0/when", "{{tasks.b.outputs.result}} == 1")

    assert "task a: failed to resolve {{tasks.b.outputs.result}}" in _refusal(changed)


@pytest.mark.parametrize("place", ["command", "args", "source", "env"])
@pytest.mark.parametrize("kind", ["inputs", "outputs"])
def test_a_declared_path_that_is_written_out_is_refused(place, kind):
    """It would be the same for every step of every run; the sentence says what to write."""
    text = "cat /out/model > x"
    template = {
        "name": "t",
        kind: {"artifacts": [{"name": "model", "path": "/out/model", "optional": True}]},
        "script": {
            "command": ["sh", text] if place == "command" else ["sh"],
            "args": [text] if place == "args" else [],
            "source": text if place == "source" else "true",
            "env": [{"name": "A", "value": text if place == "env" else ""}],
        },
    }

    assert (
        f"workflow train: template t: `/out/model` is written out in {place}; "
        f"write {{{{{kind}.artifacts.model.path}}}} instead, which is that path wherever the step runs"
    ) == _refusal(_with("spec/templates/1", template))


def test_a_longer_path_is_another_one():
    """`/out/model-2` is not `/out/model`."""
    changed = _with("spec/templates/1/container/args", ["-c", "cat /out/model-2 x/out/model"])
    changed["spec"]["templates"][1]["outputs"] = {"artifacts": [{"name": "model", "path": "/out/model"}]}

    check.check(document.read(changed))


def test_fields_of_the_pod_are_read_past():
    """Where, as whom and with what a pod runs has no meaning here."""
    changed = _with("spec/serviceAccountName", "trainer")
    changed["spec"] |= {"ttlStrategy": {}, "podGC": {}, "securityContext": {}, "volumes": [], "archiveLogs": True}
    changed["spec"]["templates"][1] |= {"nodeSelector": {"pool": "gpu"}, "tolerations": [], "metadata": {}}
    changed["spec"]["templates"][1]["container"] |= {"image": "x", "resources": {}, "volumeMounts": []}

    assert "trainer" == document.read(changed).service_account
