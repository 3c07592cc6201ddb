"""What Argo CD is told, rendered by the real kustomize, and the schemas of its kinds where a cluster kit is beside."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from workflows.kustomize import render

ROOT = Path(__file__).parents[2]
KIT = ROOT.parent / "shared/cluster"
PLURALS = (
    "applications",
    "applicationsets",
    "appprojects",
    "cronworkflows",
    "workfloweventbindings",
    "workflowtemplates",
)
READ = ("apps", "kustomize", "workflows/rendered", "workflows/kustomization.yaml")  # by Argo CD, from git


@pytest.fixture(scope="session")
def apps() -> list[dict]:
    """Every object of apps/."""
    return render(ROOT / "apps")


@pytest.fixture(scope="session")
def training() -> list[dict]:
    """Every object of apps/workflows."""
    return render(ROOT / "apps/workflows")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that Argo CD reads, to change."""
    for name in READ:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return tmp_path


@pytest.fixture(scope="session")
def kubeconform(tmp_path_factory) -> list[str]:
    """The command that holds YAML on its standard input against schemas, strictly; skips where the kit is not."""
    if not KIT.is_dir():
        pytest.skip("the schemas of Argo's kinds are those of ../shared/cluster")
    folder = tmp_path_factory.mktemp("schemas")
    for path in (KIT / "manifests").glob("*.yaml"):
        write_schemas(path, folder)
    program = shutil.which("kubeconform") or unpacked(tmp_path_factory.mktemp("bin"))
    location = f"{folder}/{{{{.Group}}}}-{{{{.ResourceAPIVersion}}}}-{{{{.ResourceKind}}}}.json"
    return [program, "-strict", "-schema-location", location]


def unpacked(folder: Path) -> str:
    """The kit's kubeconform."""
    program = folder / "kubeconform"
    subprocess.run(["zstd", "-qd", KIT / "bin/kubeconform.zst", "-o", program], check=True)
    program.chmod(0o755)
    return os.fspath(program)


def write_schemas(path: Path, folder: Path) -> None:
    """Writes one strict JSON schema for each version of the custom kinds that are used here."""
    for text in path.read_text().split("\n---\n"):
        if not any(f"  name: {plural}.argoproj.io\n" in text for plural in PLURALS):
            continue
        spec = yaml.load(text, Loader=yaml.CSafeLoader)["spec"]
        for version in spec["versions"]:
            name = f"{spec['group']}-{version['name']}-{spec['names']['kind'].lower()}.json"
            (folder / name).write_text(json.dumps(strict(version["schema"]["openAPIV3Schema"])))


def strict(schema: object) -> object:
    """A schema that allows no property it does not name."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(value) for name, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and "additionalProperties" not in closed:
        closed["additionalProperties"] = bool(closed.get("x-kubernetes-preserve-unknown-fields"))
    if closed.pop("x-kubernetes-int-or-string", False):
        closed.pop("type", None)
    return closed
