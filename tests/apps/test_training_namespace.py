"""The namespace that workflows run in: few rights, restricted pods, and a place for their files."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from training.model import known
from workflows.kustomize import render
from workflows.platform import NAMESPACE, SERVICE_ACCOUNT

ROOT = Path(__file__).parents[2]


def one(objects: list[dict], kind: str, name: str | None = None) -> dict:
    """The only object of a kind, or of a kind and name."""
    (found,) = [item for item in objects if item["kind"] == kind and name in {None, item["metadata"]["name"]}]
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
        one(training, "Role", SERVICE_ACCOUNT)["rules"]
    )


def test_a_push_may_find_the_triggers_and_start_the_workflow(training):
    """What Argo Server does in its name; it reads no Secret and sees no run."""
    rules = [
        (rule["verbs"], rule["resources"], rule.get("resourceNames"))
        for rule in one(training, "Role", "webhook")["rules"]
    ]

    assert [
        (["list"], ["workfloweventbindings"], None),
        (["get"], ["workflowtemplates"], ["train"]),
        (["create"], ["workflows"], None),
    ] == rules


def test_nobody_is_bound_to_what_a_person_may(training):
    """Who submits is for the team to say; of Secrets it is the keys of the artifact store alone."""
    rules = one(training, "Role", "submitter")["rules"]

    assert "submitter" not in {item["roleRef"]["name"] for item in training if item["kind"] == "RoleBinding"}
    assert [["artifacts"]] == [rule["resourceNames"] for rule in rules if "secrets" in rule["resources"]]
    assert all("delete" not in rule["verbs"] and "*" not in rule["verbs"] for rule in rules)


@pytest.mark.parametrize("name", [SERVICE_ACCOUNT, "webhook"])
def test_the_rights_are_those_of_the_account(training, name):
    """The binding joins the two by name."""
    binding = one(training, "RoleBinding", name)

    assert one(training, "ServiceAccount", name)
    assert [name] == [subject["name"] for subject in binding["subjects"]]
    assert name == binding["roleRef"]["name"]


def test_every_model_is_started_by_a_push_and_by_the_week(training):
    """A model that is added is rendered into both."""
    objects = [(item["kind"], item["metadata"]["name"]) for item in training]

    assert {("WorkflowEventBinding", f"push-{name}") for name in known()} < set(objects)
    assert {("CronWorkflow", f"retrain-{name}") for name in known()} < set(objects)


def test_a_push_counts_on_the_branch_of_the_settings(tree):
    """The one place that names it."""
    settings = tree / "kustomize/settings/settings.yaml"
    settings.write_text(settings.read_text().replace("revision: main", "revision: production"))
    objects = render(tree / "apps/workflows")
    selectors = [item["spec"]["event"]["selector"] for item in objects if item["kind"] == "WorkflowEventBinding"]

    assert selectors
    assert all(text.startswith('let branch = "production";\n') for text in selectors)
    assert all(text.count("production") == 1 for text in selectors)


def test_the_week_starts_one_run_at_a_time(training):
    """At a time that is said with its zone, late rather than not at all, from the template as a push does."""
    for item in training:
        if item["kind"] == "CronWorkflow":
            spec = item["spec"]

            assert ("Forbid", "Etc/UTC", 6 * 3600) == tuple(
                spec[key] for key in ("concurrencyPolicy", "timezone", "startingDeadlineSeconds")
            )
            assert [" * * 0"] == [schedule[-6:] for schedule in spec["schedules"]]
            assert {"workflowTemplateRef", "arguments"} == set(spec["workflowSpec"])


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
