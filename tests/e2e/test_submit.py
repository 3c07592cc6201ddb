"""`shipway submit` and `shipway watch` on a real cluster, with steps that do as little as they can."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from tests.e2e.argo_server import OwnServer, apply, argo_server, moved, namespace
from tests.e2e.kubectl import Object, every, kubectl, until
from tests.e2e.site import S3
from workflows.kustomize import render
from workflows.platform import POD_SECURITY, SERVICE_ACCOUNT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
IMAGE = os.environ.get("SHIPWAY_E2E_IMAGE", "python:3.11-slim-bookworm")
COMMIT = "abcdef0123456789abcdef0123456789abcdef01"
RELEASED = {"commit": COMMIT, "version": "20261123000000", "message": "Release digits 20261123000000 to dev"}
STEPS = {
    "prepare": "echo ready",
    "train": """for i in 1 2 3 4 5 6; do echo "progress $i/6 epoch"; sleep 1; done
      if [ {{workflow.parameters.seed}} = 13 ]; then echo 'error: no luck with 13' >&2; exit 1; fi""",
    "release": f"echo '{json.dumps(RELEASED)}' > /tmp/report.json",
    "report": "mkdir /tmp/page; echo '<html>' > /tmp/page/report.html; echo '{}' > /tmp/page/summary.json",
}
OUTPUTS = {"release": ("report", "/tmp/report.json"), "report": ("page", "/tmp/page")}  # noqa: S108 - in the pod


@dataclass(frozen=True)
class Person:
    """Somebody with a clone, and a token of the cluster's."""

    clone: Path
    server: OwnServer
    namespace: str
    token: str

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command `shipway`, as it runs."""
        given = {"ARGO_SERVER": self.server.url, "ARGO_NAMESPACE": self.namespace, "ARGO_TOKEN": self.token}
        command = [sys.executable, "-m", "workflows", "-C", str(self.clone), *words]
        environment = {**os.environ, **given, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        """Its exit code, and what it wrote to either stream."""
        process = self.start(*words)
        out, err = process.communicate(timeout=280)
        return process.returncode, out, err

    def workflow(self, name: str) -> Object:
        """A Workflow, which has to be there."""
        (found,) = [item for item in every("workflows", self.namespace) if item["metadata"]["name"] == name]
        return found


def template() -> Object:
    """The WorkflowTemplate `train` with its parameters, and steps of its names that say what they would do."""
    given = next(item for item in render(ROOT / "apps/workflows") if item["kind"] == "WorkflowTemplate")
    parameters = [item for item in given["spec"]["arguments"]["parameters"] if item["name"] != "image"]
    tasks = [
        {"name": "prepare", "template": "prepare"},
        {"name": "train", "template": "train", "depends": "prepare"},
        {
            "name": "release",
            "template": "release",
            "depends": "train",
            "when": "{{workflow.parameters.release}} == true",
        },
    ]
    spec = {
        "entrypoint": "main",
        "onExit": "exit",
        "serviceAccountName": SERVICE_ACCOUNT,
        "securityContext": POD_SECURITY.model_dump(by_alias=True, exclude_none=True),
        "podGC": {"strategy": "OnPodSuccess"},
        "arguments": {"parameters": [*parameters, {"name": "image", "value": IMAGE}]},
        "templates": [
            {"name": "main", "dag": {"tasks": tasks}},
            {"name": "exit", "steps": [[{"name": "report", "template": "report"}]]},
            *(step(name, script) for name, script in STEPS.items()),
        ],
    }
    return {**given, "spec": spec}


def step(name: str, script: str) -> Object:
    """The template of a step; `train` runs on the pool that is asked for."""
    artifacts = [{"name": OUTPUTS[name][0], "path": OUTPUTS[name][1]}] if name in OUTPUTS else []
    pool = {"nodeSelector": {"pool": "{{workflow.parameters.pool}}"}} if name == "train" else {}
    return {
        "name": name,
        "container": {"image": "{{workflow.parameters.image}}", "command": ["sh", "-ec", script]},
        "outputs": {"artifacts": artifacts},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "retryStrategy": {"limit": 1, "retryPolicy": "OnError"},
        **pool,
    }


def artifact_store(item: Object) -> Object:
    """The ConfigMap of apps/workflows with the test cluster's store."""
    store = urlsplit(S3)
    repository = YAML(typ="safe", pure=True).load(item["data"]["s3"])
    repository["s3"] |= {"endpoint": store.netloc.rpartition("@")[2], "bucket": store.path.strip("/")}
    return {**item, "data": {"s3": json.dumps(repository)}}


def objects(name: str) -> list[Object]:
    """What apps/workflows brings, with that template and store, the keys of the store, and a person who is bound."""
    kinds = {"WorkflowTemplate": lambda _: template(), "ConfigMap": artifact_store}
    items = [kinds.get(item["kind"], dict)(item) for item in render(ROOT / "apps/workflows")]
    store = urlsplit(S3)
    role, subject = "rbac.authorization.k8s.io", {"kind": "ServiceAccount", "name": "person", "namespace": name}
    keys = {"accesskey": store.username, "secretkey": store.password}
    mine = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "artifacts"}, "stringData": keys},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "person"}},
        {
            "apiVersion": f"{role}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "person"},
            "roleRef": {"apiGroup": role, "kind": "Role", "name": "submitter"},
            "subjects": [subject],
        },
    ]
    return moved([*items, *mine], name)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    """Somebody who may submit runs in a namespace of this test's, by a server that asks for a token."""
    clone = tmp_path_factory.mktemp("person") / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    with namespace(f"submit-{secrets.token_hex(3)}") as name, argo_server() as server:
        apply(objects(name), name)
        yield Person(clone, server, name, kubectl("create", "token", "person", "-n", name).strip())


def test_a_run_is_followed_to_its_release(person: Person):
    """The outcome for a script: what was released, and where the page is on this machine."""
    code, out, err = person.run("submit", "digits", "--pool=gpu", "--commit=main", "--json")
    outcome = json.loads(out)

    assert (0, "") == (code, err)
    assert ("digits", "Succeeded", COMMIT) == tuple(outcome[key] for key in ("model", "phase", "commit"))
    assert "<html>\n" == Path(outcome["report"]).read_text()
    given = person.workflow(outcome["name"])["spec"]["arguments"]["parameters"]
    assert {"model": "digits", "pool": "gpu", "source-commit": "main"} == {
        item["name"]: item["value"] for item in given
    }


def test_a_server_that_restarts_ends_nothing(person: Person):
    """The run is followed on; a step that fails is told of with its last words, and the exit code is 1."""
    process = person.start("submit", "digits", "--seed=13", "--pool=cpu")
    assert process.stdout
    assert process.stderr
    seen = [process.stdout.readline()]
    person.server.kill()
    person.server.start()
    out, err = process.communicate(timeout=280)
    text = "".join(seen) + out

    assert 1 == process.returncode, text + err
    assert "✖ train" in text
    assert "the last lines of train:\n" in text
    assert "\n    error: no luck with 13\n" in text
    assert "report: " in text
    assert err.endswith("failed: train: no luck with 13\n")


def test_ctrl_c_ends_the_following_and_not_the_run(person: Person):
    """Which waits for an image that is not there, and says so; it is stopped by name, the second time at once."""
    process = person.start("submit", "digits", "--image=no/such:1")
    assert process.stdout
    assert process.stderr
    lines = iter(process.stdout.readline, "")
    assert next((line for line in lines if "no/such:1" in line), None), "why the pod waits was not said"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    name = err.partition("`shipway watch ")[2].partition("`")[0]

    assert 130 == process.returncode
    assert f"{name} goes on without you" in err
    assert "Running" == person.workflow(name)["status"]["phase"]
    first = person.start("watch", name, "--stop", "--json")
    until("the run is told to stop", lambda: person.workflow(name)["spec"].get("shutdown"))
    code, _, err = person.run("watch", name, "--stop", "--json")
    first.communicate(timeout=60)

    assert (1, 1) == (first.returncode, code)
    assert "was stopped" in err


def test_a_run_that_is_deleted_is_said_to_be(person: Person):
    """By its name; `shipway watch` without one had found it as the newest."""
    code, out, _ = person.run("submit", "cancer", "--no-follow")
    process = person.start("watch")
    assert process.stdout
    assert process.stdout.readline()
    kubectl("delete", "workflow", out.strip(), "-n", person.namespace)
    _, err = process.communicate(timeout=60)

    assert (0, 1) == (code, process.returncode)
    assert f"the run {out.strip()} was deleted while it was followed" in err


def test_without_a_token(person: Person):
    """The sentence says how to give one."""
    code, _, err = Person(person.clone, person.server, person.namespace, "").run("submit", "digits")

    assert 1 == code
    assert "give a token that may by ARGO_TOKEN" in err
