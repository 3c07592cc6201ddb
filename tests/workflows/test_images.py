"""Which commands build and push the images, and what the images are told of where they come from."""

import subprocess
from pathlib import Path

import pytest

from workflows.errors import ShipwayError, UsageError
from workflows.images import BUILDERS, Order, build, build_command, find_builder, labels, push_command, require_pushable

REGISTRY = "registry.local:5000/team"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A git repository with one commit, which came from somewhere with a password."""
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "train.py").write_text("epochs = 1\n")
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["remote", "add", "origin", "https://bot:secret@git.local/team/shipway.git"],
        ["add", "training"],
        ["commit", "-q", "-m", "First"],
    ):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("builder", BUILDERS)
def test_any_builder_is_given_the_file_the_name_and_the_labels(builder: str):
    """What all three understand."""
    command = build_command("serving", Order(builder, "0.1.0", REGISTRY, labels={"a": "b"}, arguments=("BASE=x:1",)))

    assert (builder, "build") == command[:2]
    assert {"--file=serving/Dockerfile", "--label=a=b", "--build-arg=BASE=x:1", "."} <= set(command)
    assert f"--tag={REGISTRY}/shipway/serving:0.1.0" in command


def test_layers_have_the_same_time_whenever_they_are_made():
    """So that what did not change need not be pulled again; docker is told by the environment."""
    timed = {builder: "--timestamp=0" in build_command("training", Order(builder, "1")) for builder in BUILDERS}

    assert {"buildah": True, "podman": True, "docker": False} == timed


def test_an_image_for_gpus_says_so_in_its_tag():
    """It never takes the name of the other one; the server has one image only."""
    order = Order("buildah", "0.1.0", accelerator="gpu")

    assert "shipway/training:0.1.0-gpu" == order.reference("training")
    assert "shipway/serving:0.1.0" == order.reference("serving")
    assert "--build-arg=ACCELERATOR=gpu" in build_command("training", order)
    assert "--build-arg=ACCELERATOR=gpu" not in build_command("serving", order)


def test_plain_http_is_used_only_when_asked_for():
    """An image is not sent unprotected by accident."""
    plain = ("podman", "push", "--tls-verify=false", f"{REGISTRY}/shipway/serving:1")

    assert plain == push_command("serving", Order("podman", "1", REGISTRY, plain_http=True))
    assert "--tls-verify=false" not in push_command("serving", Order("podman", "1", REGISTRY))


@pytest.mark.parametrize(
    ("order", "says"),
    [(Order("buildah", "1"), "--registry"), (Order("docker", "1", REGISTRY, plain_http=True), "insecure-registries")],
)
def test_what_cannot_be_pushed_is_said_before_anything_is_built(order: Order, says: str):
    """A build takes minutes."""
    with pytest.raises(UsageError, match=says):
        require_pushable(order)


def test_labels_say_which_commit_without_the_password(clone: Path):
    """The names are those of the OCI's annotations."""
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True
    ).stdout

    assert {
        "org.opencontainers.image.version": "0.1.0",
        "org.opencontainers.image.revision": revision.strip(),
        "org.opencontainers.image.source": "https://git.local/team/shipway.git",
    } == labels(clone, "0.1.0")


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("git@git.local:team/shipway.git", "git@git.local:team/shipway.git"),
        ("ssh://git@git.local/shipway.git", "ssh://git.local/shipway.git"),
        ("/srv/git/shipway", None),
        ("file:///srv/git/shipway", None),
    ],
)
def test_the_source_is_where_others_find_it_too(clone: Path, origin: str, source: str | None):
    """A folder of the machine that built the image says nothing to anyone else."""
    subprocess.run(["git", "remote", "set-url", "origin", origin], cwd=clone, check=True)

    assert source == labels(clone, "1").get("org.opencontainers.image.source")


def test_labels_say_that_the_code_is_not_the_commits(clone: Path):
    """Changes of what goes into an image; others do not matter."""
    (clone / "notes.txt").write_text("nothing\n")
    clean = labels(clone, "1")["org.opencontainers.image.revision"]
    (clone / "training" / "train.py").write_text("epochs = 2\n")

    assert "-dirty" not in clean
    assert f"{clean}-dirty" == labels(clone, "1")["org.opencontainers.image.revision"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, name: str, script: str) -> None:
    """Puts a program on PATH."""
    (path / name).write_text(f"#!/bin/sh\n{script}\n")
    (path / name).chmod(0o755)


def test_a_builder_without_a_daemon_is_preferred(path: Path):
    """Docker's client is on many machines where no daemon answers it."""
    program(path, "docker", "exit 1")
    assert "docker" == find_builder()
    program(path, "podman", "exit 0")
    assert "podman" == find_builder()


def test_a_machine_without_a_builder_is_told_what_would_do(path: Path):
    """All three names."""
    with pytest.raises(UsageError, match="buildah, podman or docker"):
        find_builder()


def test_a_build_that_fails_is_one_sentence(path: Path, tmp_path: Path):
    """What the builder printed stands above it."""
    program(path, "buildah", "exit 125")

    with pytest.raises(ShipwayError, match="buildah build failed with exit code 125"):
        build("serving", Order("buildah", "1"), tmp_path)
