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
IMAGE_LOCKS = sorted(ROOT.glob("*/requirements*.lock"))
LOCKS = [ROOT / "requirements.lock", *IMAGE_LOCKS]
CUDA = re.compile(r"tensorflow|nvidia-.*")  # what only the image for GPUs has
IMAGE, _, SERVER = PROJECT["tool"]["shipway"]["serving-image"].partition(":")


def tensorflow_pins() -> dict[str, Version]:
    """Every pin of TensorFlow in pyproject.toml and the lock file, by where it stands."""
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [line for role in ("train", "serve", "gpu") for line in extras[role]] + PROJECT["tool"]["uv"][
        "override-dependencies"
    ]
    found = [Requirement(line) for line in lines]
    pins = {f"pyproject {r}": r.specifier for r in found if r.name in {"tensorflow", "tensorflow-cpu"}}
    locked = {
        f"{path.relative_to(ROOT)} {name}": version
        for path in LOCKS
        for name, version in re.findall(r"^(tensorflow(?:-cpu)?)==([\d.]+)", path.read_text(), re.MULTILINE)
    }
    return {
        **{where: Version(str(specifier).removeprefix("==")) for where, specifier in pins.items()},
        **{where: Version(version) for where, version in locked.items()},
    }


def versions(lock: str) -> dict[str, set[str]]:
    """The versions of each package that a lock file names, of which there may be several, for different Pythons."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


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


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_file_names_no_registry(path: Path):
    """Anyone's index serves the environment; hashes say that it is the same."""
    lock = path.read_text()

    assert "://" not in lock
    assert "--index" not in lock


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_requirement_is_hashed(path: Path):
    """Nothing is installed that was not there when the lock file was made."""
    blocks = re.split(r"\n(?=\S)", path.read_text().strip())

    assert [] == [block.split()[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("path", IMAGE_LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_image_has_the_versions_that_were_tested(path: Path):
    """Each lock file of an image is a part of requirements.lock; only what CUDA needs comes on top."""
    tested, found = versions(LOCK), versions(path.read_text())
    ours = {name: pins for name, pins in found.items() if "gpu" not in path.name or not CUDA.fullmatch(name)}

    assert {} == {name: pins for name, pins in ours.items() if not pins <= tested.get(name, set())}
    assert len(ours) > 10


def test_the_servers_image_has_what_the_role_asks_for():
    """serving/requirements.in, which leaves out what others need, leaves out nothing of `serve`."""
    asked = {Requirement(line).name for line in PROJECT["project"]["optional-dependencies"]["serve"]}
    lines = (ROOT / "serving" / "requirements.in").read_text().splitlines()
    had = {Requirement(line).name for line in lines if not line.startswith("#")}

    assert set() == asked - had
    assert {name for name in had if not name.startswith("tensorflow")} <= set(
        versions((ROOT / "serving" / "requirements.lock").read_text())
    )


def test_make_lists_every_target_with_a_line():
    """`make` alone says what there is."""
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert phony == set(re.findall(r"^  make (\S+)", listed, re.MULTILINE))
