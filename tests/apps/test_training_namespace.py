"""The namespace that workflows run in: few rights, restricted pods, and a place for their files."""

from pathlib import Path

from ruamel.yaml import YAML

from workflows.platform import NAMESPACE, SERVICE_ACCOUNT

ROOT = Path(__file__).parents[2]


def one(objects: list[dict], kind: str) -> dict:
    """The only object of a kind."""
    (found,) = [item for item in objects if item["kind"] == kind]
    return found


def test_everything_is_in_the_namespace_that_the_workflows_name(training):
    """Which enforces Pod Security `restricted`."""
    namespace = one(training, "Namespace")

    assert NAMESPACE == namespace["metadata"]["name"]
    assert "restricted" == namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert {NAMESPACE} == {item["metadata"]["namespace"] for item in training if item["kind"] != "Namespace"}


def test_a_step_may_hand_in_its_result_and_nothing_else(training):
    """What Argo's executor needs; no Secret, no pod, no other workflow."""
    assert [{"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}] == (
        one(training, "Role")["rules"]
    )


def test_the_rights_are_those_of_the_account_that_the_workflows_name(training):
    """The binding joins the two by name."""
    binding = one(training, "RoleBinding")

    assert SERVICE_ACCOUNT == one(training, "ServiceAccount")["metadata"]["name"]
    assert [SERVICE_ACCOUNT] == [subject["name"] for subject in binding["subjects"]]
    assert one(training, "Role")["metadata"]["name"] == binding["roleRef"]["name"]


def test_artifacts_have_a_default_place_and_keys_that_git_does_not_know(training):
    """Argo finds it by its name and the annotation."""
    item = one(training, "ConfigMap")
    key = item["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]
    repository = YAML(typ="safe", pure=True).load(item["data"][key])

    assert "artifact-repositories" == item["metadata"]["name"]
    assert repository["archiveLogs"] is True
    assert {"name": "artifacts", "key": "accesskey"} == repository["s3"]["accessKeySecret"]
    assert {"name": "artifacts", "key": "secretkey"} == repository["s3"]["secretKeySecret"]
    assert isinstance(repository["s3"]["insecure"], bool)


def test_nobody_calls_a_training_pod(training):
    """Whatever its labels are."""
    spec = one(training, "NetworkPolicy")["spec"]

    assert ({}, ["Ingress"], []) == (spec["podSelector"], spec["policyTypes"], spec.get("ingress", []))


def test_every_rendered_workflow_reaches_the_cluster():
    """The kustomization names each file of workflows/rendered."""
    listed = YAML(typ="safe", pure=True).load((ROOT / "workflows/kustomization.yaml").read_text())["resources"]

    assert sorted(f"rendered/{path.name}" for path in (ROOT / "workflows/rendered").glob("*.yaml")) == sorted(listed)
