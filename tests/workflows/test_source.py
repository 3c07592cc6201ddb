"""The code that steps run is what git has at a commit, and nothing else."""

import subprocess
import sys

import pytest

from workflows.errors import RepositoryError
from workflows.source import fetch


@pytest.fixture
def pushed(remote, tmp_path):
    """A remote whose main has a package `training`, and the clone that pushed it."""
    clone = remote.clone(tmp_path / "clone")
    remote.commit(clone, "training/__init__.py", 'SAYS = "first"\n', "Train")
    return clone


def says(code) -> str:
    """What the fetched package says, in a process of its own."""
    command = [sys.executable, "-c", "import training; print(training.SAYS)"]
    return subprocess.run(command, cwd=code, check=True, capture_output=True, text=True).stdout.strip()


def test_a_branch_means_its_last_commit(remote, pushed, tmp_path):
    """The id comes back, so that whoever follows is told one commit and not a branch that moves on."""
    assert remote.git("rev-parse", "main") == fetch(str(remote), "main", tmp_path / "code")
    assert "first" == says(tmp_path / "code")


def test_a_commit_stays_what_it_was(remote, pushed, tmp_path):
    """However far main has moved on."""
    first = remote.git("rev-parse", "main")
    remote.commit(pushed, "training/__init__.py", 'SAYS = "second"\n', "Train otherwise")

    assert first == fetch(str(remote), first, tmp_path / "code")
    assert "first" == says(tmp_path / "code")


def test_a_commit_of_another_branch_is_found(remote, pushed, tmp_path):
    """A run may be of a branch that was never merged."""
    remote.git("switch", "-q", "-c", "try", cwd=pushed)
    (pushed / "training" / "__init__.py").write_text('SAYS = "tried"\n')
    remote.git("commit", "-qam", "Try", cwd=pushed)
    remote.git("push", "-q", "origin", "try", cwd=pushed)

    fetch(str(remote), remote.git("rev-parse", "try"), tmp_path / "code")

    assert "tried" == says(tmp_path / "code")


def test_only_the_packages_of_steps_come_and_they_are_compiled(remote, pushed, tmp_path):
    """Manifests are not code; and a step need not compile what the step before it did."""
    fetch(str(remote), "main", tmp_path / "code")

    assert ["training"] == [path.name for path in (tmp_path / "code").iterdir()]
    assert list((tmp_path / "code").rglob("*.pyc"))


@pytest.mark.parametrize("commit", ["0" * 40, "nowhere", "--help", ""])
def test_a_commit_that_is_not_there_is_refused(remote, pushed, tmp_path, commit):
    """In one sentence that names it."""
    with pytest.raises(RepositoryError, match=f"has no commit {commit}: push it"):
        fetch(str(remote), commit, tmp_path / "code")


def test_a_commit_without_training_is_refused(remote, tmp_path):
    """The kustomize tree alone trains nothing."""
    with pytest.raises(RepositoryError, match="has no training/ at commit"):
        fetch(str(remote), "main", tmp_path / "code")
