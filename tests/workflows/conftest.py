"""Real remotes: bare repositories with this repository's kustomize tree, on main."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = ["-c", "gc.auto=0", "-c", "core.fsync=none", "-c", "user.name=Test", "-c", "user.email=test@localhost"]


class Remote:
    """A bare repository and what a test asks of it."""

    def __init__(self, path: Path):
        """Keeps the path; `make` fills it."""
        self.path = path

    def __str__(self) -> str:
        """The address that the functions under test take."""
        return str(self.path)

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """What git printed; fails the test where git fails."""
        command = ["git", *QUICK, *arguments]
        return subprocess.run(command, cwd=cwd or self.path, check=True, capture_output=True, text=True).stdout.strip()

    def subjects(self) -> list[str]:
        """The subjects of main but for the first commit, newest first."""
        return self.git("log", "--format=%s", "main").splitlines()[:-1]

    def overlay(self, environment: str, ref: str = "main") -> str:
        """The text of an environment's kustomization.yaml."""
        return self.git("show", f"{ref}:kustomize/overlays/{environment}/kustomization.yaml")

    def clone(self, path: Path) -> Path:
        """A clone with a work tree."""
        self.git("clone", "-q", str(self.path), str(path), cwd=path.parent)
        return path

    def commit(self, clone: Path, name: str, text: str, subject: str) -> None:
        """A person's commit of one file, pushed."""
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text)
        self.git("add", "-A", cwd=clone)
        self.git("commit", "-qm", subject, cwd=clone)
        self.git("push", "-q", cwd=clone)

    def hook(self, name: str, script: str) -> None:
        """A hook of the server's."""
        path = self.path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture(scope="session")
def seed(tmp_path_factory) -> Path:
    """A bare repository with this repository's kustomize tree as its only commit; copied, never pushed to."""
    folder = tmp_path_factory.mktemp("seed")
    remote = Remote(folder / "seed.git")
    remote.git("init", "-q", "--bare", "--template=", "-b", "main", str(remote.path), cwd=folder)
    work = folder / "work"
    shutil.copytree(ROOT / "kustomize", work / "kustomize")
    remote.git("init", "-q", "-b", "main", cwd=work)
    remote.git("add", "-A", cwd=work)
    remote.git("commit", "-qm", "Begin", cwd=work)
    remote.git("push", "-q", str(remote.path), "main", cwd=work)
    return remote.path


@pytest.fixture(scope="session")
def copy_remote():
    """Copies a bare repository into a folder: quicker than to make its history again."""
    return lambda source, folder: Remote(shutil.copytree(source, folder / "remote.git"))


@pytest.fixture
def remote(seed, tmp_path, copy_remote) -> Remote:
    """A bare repository of the test's own."""
    return copy_remote(seed, tmp_path)


@pytest.fixture(scope="session")
def manifest_of():
    """Makes the manifest.json of a version, complete but for the files."""

    def make(version: str, model: str = "digits", accuracy: float = 0.98) -> dict:
        def digest(what: str) -> str:
            return "sha256:" + hashlib.sha256(f"{model} {version} {what}".encode()).hexdigest()

        return {
            "model": model,
            "version": version,
            "digest": digest("model"),
            "weights_digest": digest("weights"),
            "data_digest": digest("data"),
            "source_commit": "c" * 40,
            "workflow": f"train-{model}-{version}",
            "uid": f"uid-{version}",
            "seed": 0,
            "epochs": 1,
            "tensorflow": "2.20.0",
            "metrics": {"loss": 0.1, "accuracy": accuracy},
            "files": {},
        }

    return make
