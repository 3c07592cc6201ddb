"""Every object of apps/ fits the schema of its kind, Argo's own included."""

import io
import subprocess

import kubernetes_validate
import pytest
from ruamel.yaml import YAML


def text_of(objects: list[dict]) -> str:
    """The objects as YAML."""
    stream = io.StringIO()
    YAML(typ="safe", pure=True).dump_all(objects, stream)
    return stream.getvalue()


def judged(kubeconform: list[str], objects: list[dict]) -> str:
    """What kubeconform complains of."""
    outcome = subprocess.run(kubeconform, input=text_of(objects), capture_output=True, text=True, check=False)
    return outcome.stdout + outcome.stderr


def of_argo(objects: list[dict]) -> list[dict]:
    """The objects of Argo's kinds."""
    return [item for item in objects if item["apiVersion"].startswith("argoproj.io/")]


def test_what_argo_cd_is_told_is_valid(kubeconform, apps):
    """All of it is of Argo's kinds; strictly, so that no field is misspelt."""
    assert apps == of_argo(apps)
    assert "" == judged(kubeconform, apps)


def test_the_workflow_templates_are_valid(kubeconform, training):
    """As they reach the cluster, with the settings in them."""
    assert of_argo(training)
    assert "" == judged(kubeconform, of_argo(training))


def test_the_rest_of_the_training_namespace_is_valid(training):
    """Kinds of Kubernetes itself."""
    for item in training:
        if item not in of_argo(training):
            kubernetes_validate.validate(item, "1.34", strict=True)


@pytest.mark.parametrize("field", ["spec", "spec.source", "spec.syncPolicy"])
def test_a_misspelt_field_would_be_seen(kubeconform, apps, field):
    """The schemas are closed at every depth."""
    (root,) = [item for item in apps if (item["kind"], item["metadata"]["name"]) == ("Application", "root")]
    changed = YAML(typ="safe", pure=True).load(text_of([root]))
    place = changed
    for key in field.split("."):
        place = place[key]
    place["misspelt"] = True

    assert "misspelt" in judged(kubeconform, [changed])
