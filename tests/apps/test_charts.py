"""The platform's charts with our values; only where helm and the repositories of the charts can be reached."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHARTS = sorted(path.name for path in (ROOT / "apps/platform").iterdir())
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "PriorityClass"}
CLUSTER_WIDE |= {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ClusterPolicy", "NodeFeatureRule"}
CLUSTER_WIDE |= {"RuntimeClass", "APIService", "StorageClass", "IngressClass", "ValidatingAdmissionPolicy"}


def application(name: str) -> dict:
    """The spec of a platform's Application."""
    return yaml.safe_load((ROOT / f"apps/platform/{name}/application.yaml").read_text())["spec"]


def template(name: str, *more: str) -> subprocess.CompletedProcess[str]:
    """What `helm template` makes of a chart at its pinned version."""
    spec = application(name)
    chart = spec["sources"][0]
    command = ["helm", "template", chart["helm"]["releaseName"], chart["chart"], "--repo", chart["repoURL"]]
    command += ["--version", chart["targetRevision"], "--namespace", spec["destination"]["namespace"]]
    command += ["--values", str(ROOT / f"apps/platform/{name}/values.yaml"), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def rendered():
    """The objects of a chart; skips where they cannot be had."""
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed")

    def make(name: str) -> list[dict]:
        outcome = template(name, "--include-crds", "--api-versions", "monitoring.coreos.com/v1")
        if "no such host" in outcome.stderr or "cannot be reached" in outcome.stderr:
            pytest.skip(f"the repository of {name} is out of reach: {outcome.stderr.splitlines()[-1]}")
        assert 0 == outcome.returncode, outcome.stderr
        return [item for item in yaml.load_all(outcome.stdout, Loader=yaml.CSafeLoader) if item]

    return make


@pytest.mark.charts
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_renders_with_our_values_into_what_its_project_allows(rendered, apps, name):
    """Cluster-wide kinds are in the project's list, all else is in a namespace that it names."""
    (project,) = [
        item["spec"] for item in apps if (item["kind"], item["metadata"]["name"]) == ("AppProject", "platform")
    ]
    allowed = {item["kind"] for item in project["clusterResourceWhitelist"]}
    namespaces = {item["namespace"] for item in project["destinations"]}
    own = application(name)["destination"]["namespace"]

    for item in rendered(name):
        if item["kind"] in CLUSTER_WIDE:
            assert item["kind"] in allowed, item["metadata"]["name"]
        else:
            assert item["metadata"].get("namespace", own) in namespaces, item["metadata"]["name"]
