"""What is pinned in more than one file says the same everywhere."""

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from ruamel.yaml import YAML

from workflows.platform import SERVING_IMAGE

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
IMAGE, _, SERVER = PROJECT["tool"]["shipway"]["serving-image"].partition(":")


def tensorflow_pins() -> dict[str, Version]:
    """Every pin of TensorFlow in pyproject.toml and the lock file, by where it stands."""
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [line for role in ("train", "serve") for line in extras[role]] + PROJECT["tool"]["uv"][
        "override-dependencies"
    ]
    found = [Requirement(line) for line in lines]
    pins = {f"pyproject {r}": r.specifier for r in found if r.name in {"tensorflow", "tensorflow-cpu"}}
    locked = re.findall(r"^(tensorflow(?:-cpu)?)==([\d.]+)", LOCK, re.MULTILINE)
    return {
        **{where: Version(str(specifier).removeprefix("==")) for where, specifier in pins.items()},
        **{f"lock {name}": Version(version) for name, version in locked},
    }


@pytest.mark.parametrize(("where", "version"), tensorflow_pins().items(), ids=str)
def test_the_trainer_is_never_newer_than_the_server(where: str, version: Version):
    """An older server need not load a newer SavedModel."""
    assert version <= Version(SERVER), where


def test_the_base_runs_the_pinned_server():
    """The image of kustomize/base is the one that pyproject.toml names."""
    deployment = YAML(typ="safe").load(ROOT / "kustomize" / "base" / "deployment.yaml")

    assert f"{IMAGE}:{SERVER}" == deployment["spec"]["template"]["spec"]["containers"][0]["image"]


def test_versions_are_put_upon_the_pinned_server():
    """The settings and the workflow's own default name the same image."""
    settings = YAML(typ="safe").load(ROOT / "kustomize" / "settings" / "settings.yaml")["data"]

    assert f"{IMAGE}:{SERVER}" == SERVING_IMAGE == settings["serving-image"].removeprefix("docker.io/")


def test_the_lock_file_names_no_registry():
    """Anyone's index serves the environment; hashes say that it is the same."""
    assert "://" not in LOCK
    assert "--index" not in LOCK


def test_every_requirement_is_hashed():
    """Nothing is installed that was not there when the lock file was made."""
    blocks = re.split(r"\n(?=\S)", LOCK.strip())

    assert [] == [block.split()[0] for block in blocks if "--hash=sha256:" not in block]


def test_make_lists_every_target_with_a_line():
    """`make` alone says what there is."""
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert phony == set(re.findall(r"^  make (\S+)", listed, re.MULTILINE))
