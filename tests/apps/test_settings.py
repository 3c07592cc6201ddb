"""One file says where everything comes from, and its values arrive everywhere."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from workflows.kustomize import render
from workflows.overlay import Pin, load, overlay_path, set_model

ROOT = Path(__file__).parents[2]
SETTINGS = "kustomize/settings/settings.yaml"
DATA = YAML(typ="safe", pure=True).load((ROOT / SETTINGS).read_text())["data"]
MINE = {
    "repository": "https://git.mine.test/models.git",
    "revision": "release",
    "registry": "registry.mine.test:5000/team",
    "serving-image": "mirror.mine.test/tensorflow/serving:2.20.0",
}
OVERLAYS = sorted(path.name for path in (ROOT / "kustomize/overlays").iterdir())


@pytest.fixture
def mine(tree: Path) -> Path:
    """The tree of a team that has changed the settings, and nothing else but to release a model."""
    path = tree / SETTINGS
    text = path.read_text()
    for key, value in MINE.items():
        text = re.sub(rf"^  {key}: .*$", f"  {key}: {value}", text, flags=re.MULTILINE)
    path.write_text(text)
    for environment in OVERLAYS:
        overlay = tree / overlay_path(environment)
        overlay.write_text(set_model(load(overlay), "digits", Pin("20261122143000", "sha256:" + "a" * 64), environment))
    return tree


def strings(item: object) -> list[str]:
    """Every string in an object."""
    if isinstance(item, dict):
        return [text for value in item.values() for text in strings(value)]
    if isinstance(item, list):
        return [text for value in item for text in strings(value)]
    return [item] if isinstance(item, str) else []


def test_the_settings_are_what_the_tests_change():
    """A key that is added is tested here too."""
    assert set(MINE) == set(DATA)


@pytest.mark.parametrize("folder", ["apps", "apps/workflows", *(f"kustomize/overlays/{name}" for name in OVERLAYS)])
def test_nothing_keeps_the_old_settings(mine, folder):
    """No default, and no text that a setting ought to replace; the settings themselves go nowhere."""
    objects = render(mine / folder)
    found = [text for item in objects for text in strings(item)]

    assert [] == [text for text in found if DATA["repository"] in text or "from-settings" in text]
    assert [] == [text for text in found if text.startswith(DATA["registry"])]
    assert [] == [item for item in objects if item["metadata"]["name"] == "settings"]


def test_a_run_is_given_them(mine):
    """What the parameters of the WorkflowTemplate default to."""
    (template,) = [item for item in render(mine / "apps/workflows") if item["metadata"]["name"] == "train"]
    given = {item["name"]: item.get("value") for item in template["spec"]["arguments"]["parameters"]}

    assert f"oci://{MINE['registry']}" == given["store"]
    assert given["image"].startswith(f"{MINE['registry']}/shipway/training:")
    assert (MINE["repository"], MINE["serving-image"]) == (given["repository"], given["serving-image"])
    assert MINE["revision"] == given["revision"] == given["source-commit"]


def test_every_source_that_is_ours_is_the_repository_at_the_revision(mine):
    """Applications, the template and the generator of the ApplicationSet; charts have repositories of their own."""
    for item in render(mine / "apps"):
        spec = item["spec"]
        if item["kind"] == "ApplicationSet":
            git = spec["generators"][0]["git"]
            assert (MINE["repository"], MINE["revision"]) == (git["repoURL"], git["revision"])
            spec = spec["template"]["spec"]
        if item["kind"] != "AppProject":
            sources = spec["sources"] if "sources" in spec else [spec["source"]]
            (ours,) = [source for source in sources if "chart" not in source]
            assert (MINE["repository"], MINE["revision"]) == (ours["repoURL"], ours["targetRevision"])


def test_every_project_allows_the_repository(mine):
    """And, but for the platform's, no other."""
    for item in render(mine / "apps"):
        if item["kind"] == "AppProject":
            repositories = item["spec"]["sourceRepos"]
            assert MINE["repository"] == repositories[0]
            assert item["metadata"]["name"] == "platform" or 1 == len(repositories)


@pytest.mark.parametrize("environment", OVERLAYS)
def test_models_are_pulled_from_the_registry(mine, environment):
    """The version and the digest stay what the overlay says."""
    (server,) = [item for item in render((mine / overlay_path(environment)).parent) if item["kind"] == "Deployment"]
    (container,) = server["spec"]["template"]["spec"]["containers"]

    assert f"{MINE['registry']}/models/digits:20261122143000@sha256:{'a' * 64}" == container["image"]


def test_workflows_run_the_registrys_image_on_the_repository(mine):
    """By the defaults of the template's parameters, so that nobody who submits has to say them."""
    (template,) = [item for item in render(mine / "apps/workflows") if item["kind"] == "WorkflowTemplate"]
    values = {item["name"]: item.get("value") for item in template["spec"]["arguments"]["parameters"]}

    assert re.fullmatch(rf"{MINE['registry']}/shipway/training:[0-9.]+", values["image"])
    assert MINE["repository"] == values["repository"]


def test_targets_are_named_as_every_kustomize_understands_them():
    """Argo CD's own takes a name literally where a newer one takes it as a pattern."""
    files = [ROOT / "apps/settings.yaml", ROOT / "apps/workflows/settings.yaml"]
    names = [name for path in files for name in re.findall(r"^ +name: (.*)$", path.read_text(), re.MULTILINE)]

    assert names
    assert [] == [name for name in names if not re.fullmatch(r"[a-z-]+", name)]


def test_the_platform_can_be_left_out(tree):
    """Each line of the list, and all of them."""
    path = tree / "apps/kustomization.yaml"
    text = path.read_text()
    lines = [line for line in text.splitlines() if line.startswith("  - platform/")]
    assert sorted(line.split("/")[1] for line in lines) == sorted(p.name for p in (ROOT / "apps/platform").iterdir())

    for left_out in [*([line] for line in lines), lines]:
        path.write_text("\n".join(f"  # {line.strip()}" if line in left_out else line for line in text.splitlines()))
        names = {item["metadata"]["name"] for item in render(tree / "apps")}

        assert {line.split("/")[1] for line in lines if line not in left_out} == names - {
            *("root", "serving", "workflows", "platform", "monitoring")
        }
