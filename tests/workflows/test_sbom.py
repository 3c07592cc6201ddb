"""The bill of materials of an image."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workflows.sbom import bill

METADATA = "Metadata-Version: 2.1\nName: half-plus-two\nVersion: 1.5\nLicense-Expression: Apache-2.0\n"
DEBIAN = "git\t1:2.39.5-0+deb12u3\tamd64\nca-certificates\t20230311\tall\n"
IMAGES = ("gcr.local/tools/crane:v0.20.6", "python@sha256:aa", "gcr.local/tools/crane:v0.20.6")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with one package."""
    path = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
    installed = next(path.glob("lib/python*/site-packages")) / "half_plus_two-1.5.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(METADATA)
    return path


@pytest.fixture(scope="module")
def document(environment: Path) -> dict[str, Any]:
    """A bill, which was held against CycloneDX's schema when it was made."""
    return json.loads(bill("shipway/serving", environment, DEBIAN, IMAGES))


def test_it_is_of_the_image(document: dict[str, Any]):
    """The root component is the container, and depends on everything."""
    assert ("CycloneDX", "1.6") == (document["bomFormat"], document["specVersion"])
    root = document["metadata"]["component"]
    assert ("shipway/serving", "container") == (root["name"], root["type"])
    depends = next(entry["dependsOn"] for entry in document["dependencies"] if entry["ref"] == root["bom-ref"])
    assert len(document["components"]) == len(depends)


def test_it_lists_what_is_installed(document: dict[str, Any]):
    """Python's packages, Debian's, and each image that was copied from, once."""
    assert [
        ("ca-certificates", "20230311", "pkg:deb/debian/ca-certificates@20230311?arch=all"),
        ("gcr.local/tools/crane", "v0.20.6", None),
        ("git", "1:2.39.5-0+deb12u3", "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u3?arch=amd64"),
        ("half-plus-two", "1.5", "pkg:pypi/half-plus-two@1.5"),
        ("python", "sha256:aa", None),
    ] == sorted((entry["name"], entry["version"], entry.get("purl")) for entry in document["components"])


def test_it_says_the_licence_of_a_package(document: dict[str, Any]):
    """As the package declares it."""
    package = next(entry for entry in document["components"] if entry["name"] == "half-plus-two")

    assert "Apache-2.0" in json.dumps(package["licenses"])


def test_it_is_the_same_again(environment: Path, document: dict[str, Any]):
    """Two builds of the same give the same image."""
    assert document == json.loads(bill("shipway/serving", environment, DEBIAN, IMAGES))
