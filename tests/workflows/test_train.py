"""The train workflow says what it must, for every template at once."""

from pathlib import Path
from typing import Any

import pytest

from training.steps import STEPS
from workflows import tasks
from workflows.render import HEADER, RENDERED, documents
from workflows.train import train


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """The rendered WorkflowTemplate."""
    return train().to_dict()


@pytest.fixture(scope="module")
def pods(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its templates that become pods, by name."""
    return {template["name"]: template for template in workflow["spec"]["templates"] if "container" in template}


def dag(workflow: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The tasks of the DAG, by name."""
    main = next(template for template in workflow["spec"]["templates"] if template["name"] == "main")
    return {task["name"]: task for task in main["dag"]["tasks"]}


def test_rendered_files_are_fresh():
    """What is committed is what Python says; `make render` mends it."""
    assert documents() == {path.name: path.read_text(encoding="utf-8") for path in RENDERED.glob("*.yaml")}


def test_header_names_the_source():
    """A reader of the YAML is sent to a file that exists."""
    assert all((Path("workflows") / f"{Path(name).stem}.py").exists() for name in documents())
    assert all(text.startswith(HEADER.format(name=Path(name).stem)) for name, text in documents().items())


def test_every_step_is_a_template(pods: dict[str, Any]):
    """The functions of training and of tasks.py, and nothing else, become pods."""
    assert {*STEPS, *tasks.STEPS} == set(pods)


def test_template_names_are_unique(workflow: dict[str, Any]):
    """Hera drops the second template of a name without a word."""
    names = [template["name"] for template in workflow["spec"]["templates"]]

    assert len(set(names)) == len(names)


def test_every_pod_is_restricted(pods: dict[str, Any]):
    """Pod Security `restricted`, with a read-only root file system."""
    expected = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}

    assert dict.fromkeys(pods, expected) == {name: pod["container"]["securityContext"] for name, pod in pods.items()}


def test_every_pod_retries_the_platform_only(pods: dict[str, Any]):
    """A step that failed by itself is not tried again."""
    assert {"OnError"} == {pod["retryStrategy"]["retryPolicy"] for pod in pods.values()}


def test_every_pod_has_limits_and_a_timeout(pods: dict[str, Any]):
    """No step can take a node's memory or run for ever."""
    assert all(pod["container"]["resources"]["limits"]["memory"] for pod in pods.values())
    assert all(pod["timeout"] for pod in pods.values())


def test_only_train_asks_for_a_gpu(pods: dict[str, Any]):
    """The parameter `pool` places train; every other step is on the CPU pool."""
    assert {"train"} == {name for name, pod in pods.items() if "nvidia.com/gpu" in pod.get("podSpecPatch", "")}
    assert {"{{inputs.parameters.pool}}"} == set(pods["train"]["nodeSelector"].values())
    assert {"cpu"} == {pod["nodeSelector"]["pool"] for name, pod in pods.items() if name != "train"}


def test_release_is_alone(pods: dict[str, Any]):
    """One release at a time, and no other step waits for a mutex."""
    assert {"release": [{"name": "release"}]} == {
        name: pod["synchronization"]["mutexes"] for name, pod in pods.items() if "synchronization" in pod
    }


def test_order_of_the_steps(workflow: dict[str, Any]):
    """Data is validated against what serves before training; nothing is released that was not checked."""
    assert {
        "source": None,
        "prepare": "source",
        "baseline": "source",
        "validate": "prepare && baseline",
        "train": "validate",
        "evaluate": "train",
        "gate": "evaluate",
        "export": "gate",
        "check": "export",
        "package": "check",
        "release": "package",
    } == {name: task.get("depends") for name, task in dag(workflow).items()}


def test_tasks_pass_exactly_what_templates_ask(workflow: dict[str, Any], pods: dict[str, Any]):
    """Neither Hera nor Argo's lint sees a misspelt argument."""
    for name, task in dag(workflow).items():
        asked = pods[task["template"]].get("inputs", {})
        given = task["arguments"]
        for kind in ("parameters", "artifacts"):
            assert [i["name"] for i in asked.get(kind, [])] == [i["name"] for i in given.get(kind, [])], name


def test_no_path_is_written_out(pods: dict[str, Any]):
    """Arguments name files by placeholder alone, so that the local engine can give each step its own."""
    paths = [
        artifact["path"]
        for pod in pods.values()
        for kind in ("inputs", "outputs")
        for artifact in pod.get(kind, {}).get("artifacts", [])
    ]
    arguments = [argument for pod in pods.values() for argument in pod["container"]["args"]]

    assert [] == [argument for argument in arguments for path in paths if path in argument]


def test_exit_handler_reads_every_report(workflow: dict[str, Any], pods: dict[str, Any]):
    """Whatever ran and whatever broke, the page of the run is written from the reports that there are."""
    handler = next(
        template for template in workflow["spec"]["templates"] if template["name"] == workflow["spec"]["onExit"]
    )
    given = handler["steps"][0][0]["arguments"]["artifacts"]
    written = {
        output["globalName"]
        for pod in pods.values()
        for output in pod["outputs"]["artifacts"]
        if "globalName" in output
    }

    assert written == {artifact["from"].split(".")[-1].rstrip("}") for artifact in given}
    assert all(artifact["optional"] for artifact in given)


def test_every_step_runs_in_the_code_of_the_commit(workflow: dict[str, Any], pods: dict[str, Any]):
    """Only the step that fetches it runs the image's own, and every other is told the commit that it found."""
    assert {"source"} == {name for name, pod in pods.items() if "workingDir" not in pod["container"]}
    found = "{{tasks.source.outputs.parameters.commit}}"
    told = {
        name: {item["name"]: item["value"] for item in task["arguments"].get("parameters", [])}.get("source-commit")
        for name, task in dag(workflow).items()
    }
    assert {"source": "{{workflow.parameters.source-commit}}", "export": found} == {n: v for n, v in told.items() if v}


def test_secrets_are_mounted_where_they_are_used_alone(pods: dict[str, Any]):
    """The key that may push is the release's; a training step sees none; a missing Secret hinders no pod."""
    mounted = {
        name: {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        for name, pod in pods.items()
    }
    optional = {
        volume["secret"]["optional"] for pod in pods.values() for volume in pod["volumes"] if "secret" in volume
    }

    assert {
        "source": {"repository"},
        "baseline": {"repository", "registry"},
        "package": {"registry", "cosign"},
        "release": {"deploy-key"},
    } == {name: names for name, names in mounted.items() if names}
    assert {True} == optional
