"""The rules and the dashboard of kustomize/monitoring, as Prometheus reads them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from workflows.kustomize import render

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "kustomize/monitoring"


@pytest.fixture(scope="session")
def objects():
    """Everything that kustomize/monitoring renders."""
    return render(FOLDER)


@pytest.fixture(scope="session")
def groups(objects):
    """The groups of every PrometheusRule."""
    return [group for item in objects if item["kind"] == "PrometheusRule" for group in item["spec"]["groups"]]


@pytest.fixture(scope="session")
def dashboard(objects):
    """The dashboard, out of its ConfigMap."""
    (item,) = [item for item in objects if item["kind"] == "ConfigMap"]
    return json.loads(item["data"]["model-servers.json"])


@pytest.fixture(scope="session")
def promtool():
    """Runs promtool: what it says, which fails the test if it is not content."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on PATH: apt-get install prometheus")

    def run(*arguments: str, cwd: Path) -> str:
        outcome = subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
        said = outcome.stdout + outcome.stderr
        assert outcome.returncode == 0, said
        return said

    return run


@pytest.fixture(scope="session")
def rule_files(tmp_path_factory):
    """A folder with the rules of each PrometheusRule as a file that Prometheus itself reads."""
    folder = tmp_path_factory.mktemp("rules")
    yaml = YAML(typ="safe", pure=True)
    for name in ("requests.yaml", "versions.yaml", "alerts.yaml"):
        with (folder / name).open("w") as file:
            yaml.dump(yaml.load(FOLDER / name)["spec"], file)
    for test in Path(__file__).parent.glob("*.test.yaml"):
        shutil.copy(test, folder)
    return folder
