"""What both images promise a cluster, as far as it can be read from their Dockerfiles."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILES = {path.parent.name: path for path in sorted(ROOT.glob("*/Dockerfile"))}
PINNED = re.compile(r"(?:[a-z0-9.-]+/)+[a-z0-9-]+:v?\d[\w.-]*\d[\w.-]*")


def instructions(image: str) -> list[tuple[str, str]]:
    """Each instruction with its argument, lines joined, without comments."""
    text = re.sub(r"^#.*\n", "", DOCKERFILES[image].read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line.strip()]


def final_stage(image: str) -> list[tuple[str, str]]:
    """The instructions of the stage that becomes the image."""
    found = instructions(image)
    last = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[last + 1 :]


def test_there_are_two_images():
    """The tests below have something to look at."""
    assert ["serving", "training"] == list(DOCKERFILES)


@pytest.mark.parametrize("image", DOCKERFILES)
def test_it_runs_as_the_user_of_the_manifests(image: str):
    """By number: a kubelet cannot tell from a name that it is not root."""
    assert [("USER", "10001:10001")] == [pair for pair in final_stage(image) if pair[0] == "USER"]


@pytest.mark.parametrize("image", DOCKERFILES)
def test_every_image_that_it_stands_on_is_pinned(image: str):
    """By a tag that says a version, in an argument that can say more."""
    found = instructions(image)
    arguments = dict(value.split("=", 1) for name, value in found if name == "ARG" and "=" in value)
    arguments = {
        name: value for name, value in arguments.items() if name != "ACCELERATOR" and not value.startswith("$")
    }
    stages = {value.partition(" AS ")[2] for name, value in found if name == "FROM"}
    bases = {value.partition(" AS ")[0] for name, value in found if name == "FROM"} - stages - {"scratch"}

    assert all(re.fullmatch(r"\$\{\w+\}", base) for base in bases)
    assert {} == {name: value for name, value in arguments.items() if not PINNED.fullmatch(value)}


@pytest.mark.parametrize("image", DOCKERFILES)
def test_a_change_of_the_code_leaves_the_dependencies_layer_as_it_was(image: str):
    """The code comes last, and nothing is installed after it."""
    found = final_stage(image)
    first_code = next(number for number, (name, value) in enumerate(found) if name == "COPY" and "--from" not in value)

    assert not [value for _, value in found[first_code:] if "install" in value]
    assert {f"{image}/"} <= {value.split()[0] for name, value in found[first_code:] if name == "COPY"}


def test_the_server_takes_signals_itself():
    """Its program is started without a shell around it, and replaces the one that reads the variables."""
    assert ("ENTRYPOINT", '["/usr/bin/tf_serving_entrypoint.sh"]') in final_stage("serving")
    scripts = re.findall(r"printf '#!/bin/sh\\n(\w+) ", DOCKERFILES["serving"].read_text(encoding="utf-8"))
    assert ["exec", "exec"] == scripts
