"""Each component alone and all together, with no model, one and two, and with a canary: valid, and what each adds."""

import shutil
from copy import deepcopy
from pathlib import Path

import pytest

from tests.kustomize.objects import of, pod, selects, server, validate
from workflows.kustomize import render
from workflows.overlay import read_models

ROOT = Path(__file__).parents[2]
COMPONENTS = ("autoscaling", "gpu", "monitoring", "requests-autoscaling")
SETS = [*((name,) for name in COMPONENTS), ("requests-autoscaling", "autoscaling"), COMPONENTS, ()]
MODELS = [(), ("digits",), ("digits", "cancer")]
TRACK = "shipway.dev/track"
OVERLAY = """
namespace: serving-test
resources: [{resources}]
components: [{components}]
images:
  - name: models/digits
    newName: registry.example:5000/team/models/digits
    newTag: "1"
  - name: models/cancer
    newTag: "2"
    digest: sha256:{digest}
  - name: canaries/digits
    newName: registry.example:5000/team/models/digits
    newTag: "3"
  - name: canaries/cancer
    newName: models/cancer
    newTag: "4"
replicas:
  - name: digits-server
    count: 9
  - name: digits-server-canary
    count: 1
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Renders an environment of these components and models, each combination once."""
    tree = tmp_path_factory.mktemp("components")
    shutil.copytree(ROOT / "kustomize", tree / "kustomize")
    seen: dict[tuple, list[dict]] = {}

    def make(components=(), models=(), canaries=()) -> list[dict]:
        key = (components, models, canaries)
        if key not in seen:
            folder = tree / "kustomize/overlays" / f"test-{len(seen)}"
            folder.mkdir()
            resources = [f"../../models/{name}" for name in models] + [f"../../canaries/{name}" for name in canaries]
            text = OVERLAY.format(
                resources=", ".join(resources),
                components=", ".join(f"../../components/{name}" for name in components),
                digest="b" * 64,
            )
            if "digits" not in canaries:
                text = text.partition("replicas:")[0]
            (folder / "kustomization.yaml").write_text(text)
            seen[key] = render(folder) if models or "monitoring" in components else []
        return seen[key]

    return make


every_set = pytest.mark.parametrize("components", SETS, ids=lambda names: "+".join(names) or "none")


@pytest.mark.parametrize("models", MODELS, ids=len)
@every_set
def test_every_object_fits_its_schema(built, components, models):
    """Whatever is combined, with canaries of all models; and no object is there twice."""
    objects = built(components, models, models)
    for item in objects:
        validate(item)
    names = [(item["kind"], item["metadata"]["name"]) for item in objects]
    assert len(set(names)) == len(names)


@every_set
def test_an_autoscaler_is_printed_where_a_component_asks_for_it(built, components):
    """One for each model, none for its canary, each driving the model's own Deployment."""
    scalers = of(built(components, ("digits", "cancer"), ("digits",)), "HorizontalPodAutoscaler")
    asked = {"autoscaling", "requests-autoscaling"} & set(components)

    assert ({"digits-server", "cancer-server"} if asked else set()) == set(scalers)
    for name, scaler in scalers.items():
        assert name == scaler["spec"]["scaleTargetRef"]["name"]
        assert "annotations" not in scaler["metadata"]


@every_set
def test_an_autoscaler_looks_at_what_its_components_say(built, components):
    """CPU always; requests once, however the two components stand together."""
    for scaler in of(built(components, ("digits",), ("digits",)), "HorizontalPodAutoscaler").values():
        kinds = [metric["type"] for metric in scaler["spec"]["metrics"]]
        assert (["Resource", "Pods"] if "requests-autoscaling" in components else ["Resource"]) == kinds


@every_set
def test_a_canary_gets_what_its_model_gets(built, components):
    """GPU and exporter alike: the two differ in name, track, image and number only."""
    deployments = deepcopy(of(built(components, ("digits",), ("digits",)), "Deployment"))
    stable, canary = deployments["digits-server"], deployments["digits-server-canary"]
    for deployment in (stable, canary):
        deployment["spec"].pop("replicas", None)
        deployment["spec"]["template"]["spec"] = {**pod(deployment), "serviceAccountName": "", "containers": []}
        deployment["metadata"] = {}
    text = str(canary).replace(f"'{TRACK}': 'canary'", f"'{TRACK}': 'stable'")

    assert str(stable) == text


def test_one_service_is_in_front_of_both_versions(built):
    """Service, policy and budget select stable and canary pods of their own model and no others."""
    objects = built((), ("digits", "cancer"), ("digits",))
    deployments = of(objects, "Deployment")
    both = {"digits-server", "digits-server-canary"}

    assert both | {"cancer-server"} == set(deployments)
    for kind, where in (
        ("Service", ()),
        ("PodDisruptionBudget", ("matchLabels",)),
        ("NetworkPolicy", ("podSelector", "matchLabels")),
    ):
        found = of(objects, kind)
        assert {"digits-server", "cancer-server"} == set(found), kind
        for name, expected in (("digits-server", both), ("cancer-server", {"cancer-server"})):
            selector = found[name]["spec"] if kind == "NetworkPolicy" else found[name]["spec"]["selector"]
            for step in where:
                selector = selector[step]
            assert expected == {other for other in deployments if selects(selector, deployments[other])}, kind


def test_the_selectors_of_two_deployments_never_meet(built):
    """Else each would count the other's pods, and an autoscaler would average over both."""
    deployments = of(built((), ("digits", "cancer"), ("digits", "cancer")), "Deployment")
    for name, deployment in deployments.items():
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert [name] == [other for other in deployments if selects(selector, deployments[other])]


def test_the_overlay_says_both_versions_and_how_many_of_each(built):
    """The canary's image is the model's, at its own version, whatever the registry; the rest is counts."""
    deployments = of(built((), ("digits", "cancer"), ("digits",)), "Deployment")

    assert {
        "digits-server": ("registry.example:5000/team/models/digits:1", 9),
        "digits-server-canary": ("registry.example:5000/team/models/digits:3", 1),
        "cancer-server": (f"models/cancer:2@sha256:{'b' * 64}", None),
    } == {name: (server(item)["image"], item["spec"].get("replicas")) for name, item in deployments.items()}
    for deployment in deployments.values():
        assert server(deployment)["image"] == deployment["metadata"]["annotations"]["shipway.dev/image"]


def test_a_canary_asks_for_its_own_account_and_probes_its_own_model(built):
    """What kustomize renames is renamed together."""
    objects = built((), ("digits",), ("digits",))
    canary = of(objects, "Deployment")["digits-server-canary"]

    assert pod(canary)["serviceAccountName"] in of(objects, "ServiceAccount")
    assert "/v1/models/digits/metadata" == server(canary)["readinessProbe"]["httpGet"]["path"]
    assert "digits" == canary["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/instance"]


def test_a_canary_is_no_model_of_its_own_to_an_overlay():
    """What reads and writes overlays leaves its lines alone."""
    text = """resources:
  - ../../models/digits
  - ../../canaries/digits
images:
  - name: models/digits
    newTag: "1"
  - name: canaries/digits
    newName: models/digits
    newTag: "3"
"""
    assert {"digits"} == set(read_models(text, "overlay"))


@pytest.mark.parametrize("model", sorted(path.name for path in (ROOT / "kustomize/models").iterdir()))
def test_every_model_has_a_canary_of_the_same_few_lines(model):
    """Equal but for the name."""
    text = (ROOT / f"kustomize/canaries/{model}/kustomization.yaml").read_text()
    other = (ROOT / "kustomize/canaries/digits/kustomization.yaml").read_text()

    assert other == text.replace(model, "digits")
