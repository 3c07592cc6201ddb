"""What every Application promises: it heals, it removes what git removed, and it comes in the right order."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WAVE = "argocd.argoproj.io/sync-wave"


def applications(apps: list[dict]) -> dict[str, dict]:
    """The spec of every Application by name, that of the ApplicationSet's template among them."""
    found = {item["metadata"]["name"]: item["spec"] for item in apps if item["kind"] == "Application"}
    sets = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"] for item in apps if item["kind"] == "ApplicationSet"
    }
    return found | sets


def waves(apps: list[dict]) -> dict[str, int]:
    """The sync wave of every object; every one says its own."""
    return {f"{item['kind']} {item['metadata']['name']}": int(item["metadata"]["annotations"][WAVE]) for item in apps}


def test_every_application_heals_and_prunes_and_tries_again(apps):
    """With the newest commit at each try, so that a fix in git is taken at once."""
    for name, spec in applications(apps).items():
        assert {"prune": True, "selfHeal": True} == spec["syncPolicy"]["automated"], name
        assert spec["syncPolicy"]["retry"]["refresh"] is True, name
        assert spec["syncPolicy"]["retry"]["limit"] > 0, name


def test_projects_come_first_then_the_platform_then_what_needs_it(apps):
    """And `root` last: it waits for what it brings, but never for itself."""
    wave = waves(apps)
    of = {
        kind: {name: n for name, n in wave.items() if name.startswith(f"{kind} ")}
        for kind in ("AppProject", "Application")
    }
    others = {name: number for name, number in wave.items() if not name.startswith("AppProject ")}

    assert max(of["AppProject"].values()) < min(others.values())
    assert wave["Application kube-prometheus-stack"] < wave["Application argo-workflows"]  # ServiceMonitor
    assert wave["Application kube-prometheus-stack"] < wave["ApplicationSet serving"]  # the same
    assert wave["Application kube-prometheus-stack"] < wave["Application monitoring"]  # PrometheusRule
    assert wave["Application argo-workflows"] < wave["Application workflows"]  # WorkflowTemplate
    assert [max(others.values())] == [number for name, number in others.items() if name == "Application root"]
    assert 1 == list(others.values()).count(max(others.values()))


def test_waves_wait_for_applications_to_be_healthy(apps):
    """Argo CD's own health check of an Application is off; ours leaves out `root`, a resource of itself."""
    values = YAML(typ="safe", pure=True).load((ROOT / "apps/platform/argo-cd/values.yaml").read_text())
    script = values["configs"]["cm"]["resource.customizations.health.argoproj.io_Application"]

    assert 'obj.metadata.name == "root"' in script
    assert "obj.status.health.status" in script
    assert "root" in applications(apps)


def test_the_label_picks_root_and_its_project_only(apps):
    """What is applied by hand is enough for the first sync, and no more."""
    picked = [item for item in apps if item["metadata"].get("labels", {}).get("shipway.dev/root") == "true"]

    assert {("Application", "root"), ("AppProject", "root")} == {(i["kind"], i["metadata"]["name"]) for i in picked}
    assert {"Prune=false"} == {i["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] for i in picked}


def test_paths_exist(apps):
    """Of the Applications, of the generator, and of what a webhook looks at."""
    for name, spec in applications(apps).items():
        for source in spec.get("sources", [spec.get("source", {})]):
            path = source.get("path")
            assert path is None or "{{" in path or (ROOT / path / "kustomization.yaml").is_file(), name
    (generator,) = [item["spec"]["generators"][0]["git"] for item in apps if item["kind"] == "ApplicationSet"]
    (directory,) = generator["directories"]
    assert all((path / "kustomization.yaml").is_file() for path in ROOT.glob(directory["path"]))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("root", "apps"),
        ("workflows", "apps/workflows"),
        ("monitoring", "kustomize/monitoring"),
        ("serving", "kustomize/overlays/dev"),
    ],
)
def test_a_webhook_wakes_an_application_for_every_file_that_it_reads(apps, name, path):
    """Whatever its kustomization reaches lies in one of the folders that the annotation lists, relative to its own."""
    objects = {item["metadata"]["name"]: item for item in apps if item["kind"] in {"Application", "ApplicationSet"}}
    item = objects[name]
    metadata = item["spec"]["template"]["metadata"] if item["kind"] == "ApplicationSet" else item["metadata"]
    listed = metadata["annotations"]["argocd.argoproj.io/manifest-generate-paths"].split(";")
    watched = [(ROOT / path / entry).resolve() for entry in listed]

    assert all(entry.exists() for entry in watched)
    for read in reached(ROOT / path):
        assert any(read.is_relative_to(entry) for entry in watched), read


def test_a_webhook_wakes_environments_for_whatever_they_may_name(apps):
    """Models, canaries and components, also those that none names today."""
    (spec,) = [item["spec"] for item in apps if item["kind"] == "ApplicationSet"]
    listed = spec["template"]["metadata"]["annotations"]["argocd.argoproj.io/manifest-generate-paths"].split(";")
    folders = {path.name for path in (ROOT / "kustomize").iterdir() if path.is_dir()} - {"overlays", "monitoring"}

    assert {".", *(f"../../{name}" for name in folders)} == set(listed)


def reached(folder: Path) -> set[Path]:
    """The files that a kustomization and those it names are made of."""
    found = {folder / "kustomization.yaml"}
    text = YAML(typ="safe", pure=True).load((folder / "kustomization.yaml").read_text())
    named = [entry for key in ("resources", "components", "transformers") for entry in text.get(key) or []]
    for entry in named:
        path = (folder / entry).resolve()
        found |= reached(path) if path.is_dir() else {path}
    return found


def test_replicas_that_an_autoscaler_set_are_left_alone(apps):
    """By who owns the field, so that where there is no autoscaler git's number is healed."""
    spec = applications(apps)["serving"]

    assert [{"group": "apps", "kind": "Deployment", "managedFieldsManagers": ["kube-controller-manager"]}] == (
        spec["ignoreDifferences"]
    )
    assert {"ServerSideApply=true", "RespectIgnoreDifferences=true"} <= set(spec["syncPolicy"]["syncOptions"])


def test_charts_are_pinned_and_have_values_here(apps):
    """A whole version, and a values file beside the Application."""
    for name, spec in applications(apps).items():
        for source in spec.get("sources", []):
            if "chart" in source:
                assert source["targetRevision"].lstrip("v").replace(".", "").isdigit(), name
                assert 3 == len(source["targetRevision"].split(".")), name
                assert [f"$values/apps/platform/{name}/values.yaml"] == source["helm"]["valueFiles"]
                assert (ROOT / f"apps/platform/{name}/values.yaml").is_file()


def test_files_are_short_and_no_secret_is_in_them():
    """Hand-written YAML stays below 80 lines."""
    for path in (ROOT / "apps").rglob("*.yaml"):
        text = path.read_text()
        assert len(text.splitlines()) <= 80, path
        assert "kind: Secret" not in text, path
