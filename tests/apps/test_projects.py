"""Each project allows what is rendered for it, and nothing else."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

from workflows.kustomize import render
from workflows.overlay import Pin, load, overlay_path, set_model

ROOT = Path(__file__).parents[2]
OVERLAYS = sorted(path.name for path in (ROOT / "kustomize/overlays").iterdir())
COMPONENTS = sorted(path.name for path in (ROOT / "kustomize/components").iterdir())
CLUSTER_WIDE = {"Namespace"}


def project(apps: list[dict], name: str) -> dict:
    """What a project allows."""
    (found,) = [item["spec"] for item in apps if (item["kind"], item["metadata"]["name"]) == ("AppProject", name)]
    return found


def kinds(objects: list[dict]) -> set[tuple[str, str]]:
    """Group and kind of every object."""
    return {(item["apiVersion"].rpartition("/")[0], item["kind"]) for item in objects}


def allowed(spec: dict) -> set[tuple[str, str]]:
    """Group and kind of all that a project allows, cluster-wide or not."""
    lists = [*spec["clusterResourceWhitelist"], *spec["namespaceResourceWhitelist"]]
    return {(item["group"], item["kind"]) for item in lists}


def destinations(spec: dict) -> list[str]:
    """The namespaces that a project allows, all on the cluster that Argo CD runs in."""
    assert {"https://kubernetes.default.svc"} == {item["server"] for item in spec["destinations"]}
    return [item["namespace"] for item in spec["destinations"]]


def namespaces(objects: list[dict]) -> set[str]:
    """Where the objects go; a namespace goes where it says itself."""
    return {item["metadata"].get("namespace", item["metadata"]["name"]) for item in objects}


@pytest.fixture
def environments(tree: Path) -> list[dict]:
    """All that any environment can render: each with a model, and every component in the first."""
    for environment in OVERLAYS:
        path = tree / overlay_path(environment)
        path.write_text(set_model(load(path), "digits", Pin("1", "sha256:" + "a" * 64), environment))
    first = tree / overlay_path(OVERLAYS[0])
    first.write_text(
        first.read_text() + "components:\n" + "".join(f"  - ../../components/{name}\n" for name in COMPONENTS)
    )
    return [item for name in OVERLAYS for item in render((tree / overlay_path(name)).parent)]


def test_serving_allows_just_what_the_environments_render(apps, environments):
    """Kinds and namespaces; a component that brings a new kind has to be allowed here."""
    spec = project(apps, "serving")

    assert kinds(environments) == allowed(spec)
    assert ["serving-*"] == destinations(spec)
    assert [] == [name for name in namespaces(environments) if not fnmatch(name, "serving-*")]


def test_workflows_allows_just_what_the_training_namespace_holds(apps, training):
    """The templates, their rights and their policies."""
    spec = project(apps, "workflows")

    assert kinds(training) == allowed(spec)
    assert namespaces(training) == set(destinations(spec))


def test_what_watches_the_servers_goes_where_the_platform_may_write(apps):
    """No kind of it is cluster-wide."""
    objects = render(ROOT / "kustomize/monitoring")

    assert {("", "ConfigMap"), ("monitoring.coreos.com", "PrometheusRule")} == kinds(objects)
    assert namespaces(objects) <= set(destinations(project(apps, "platform")))


def test_root_allows_just_what_apps_renders(apps):
    """Three kinds in one namespace: whoever writes these decides all the rest."""
    spec = project(apps, "root")

    assert kinds(apps) == allowed(spec)
    assert namespaces(apps) == set(destinations(spec)) == {"argocd"}
    assert [] == spec["clusterResourceWhitelist"]


@pytest.mark.parametrize("name", ["serving", "workflows"])
def test_only_a_namespace_is_allowed_outside_of_namespaces(apps, name):
    """No rights, no definitions, no admission hooks."""
    assert CLUSTER_WIDE == {item["kind"] for item in project(apps, name)["clusterResourceWhitelist"]}


def test_the_platform_may_come_from_the_charts_repositories_only(apps):
    """Each that is allowed is used, and each chart has its namespace."""
    spec = project(apps, "platform")
    charts = [item["spec"] for item in apps if "sources" in item["spec"]]

    assert {"platform"} == {chart["project"] for chart in charts}
    assert {source["repoURL"] for chart in charts for source in chart["sources"]} == set(spec["sourceRepos"])
    assert sorted(chart["destination"]["namespace"] for chart in charts) == sorted(destinations(spec))


def test_the_project_of_an_environment_is_written_out(apps):
    """A folder's name chooses where it runs, never what it may do."""
    (generator,) = [item["spec"]["template"]["spec"] for item in apps if item["kind"] == "ApplicationSet"]

    assert "serving" == generator["project"]


def test_prod_is_synced_at_working_hours_or_by_hand(apps):
    """No other environment waits for a window."""
    (window,) = project(apps, "serving")["syncWindows"]

    assert ("allow", ["serving-prod"], True) == (window["kind"], window["applications"], window["manualSync"])
    assert ("0 8 * * 1-5", "9h", "Etc/UTC") == (window["schedule"], window["duration"], window["timeZone"])
    assert "prod" in OVERLAYS
