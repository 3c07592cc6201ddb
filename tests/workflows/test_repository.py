import subprocess

import pytest

from workflows.errors import RepositoryError, UnreachableError
from workflows.patience import patiently
from workflows.repository import Repository, git, run


@pytest.fixture
def clone(remote, tmp_path):
    """A clone with a work tree."""
    return remote.clone(tmp_path / "clone")


def refused(clone) -> str:
    """The sentence with which a clone is refused."""
    with pytest.raises(RepositoryError) as caught:
        Repository.open(clone).fast_forward()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def own_commit(remote, clone) -> None:
    """A commit that the remote does not have."""
    (clone / "mine").write_text("mine")
    remote.git("add", "mine", cwd=clone)
    remote.git("commit", "-qm", "Mine", cwd=clone)


def test_a_clean_clone_follows_the_remote(remote, clone, tmp_path):
    """It ends at the remote's head, files included."""
    remote.commit(remote.clone(tmp_path / "other"), "notes", "a\n", "Note")

    head = Repository.open(clone).fast_forward()

    assert remote.git("rev-parse", "main") == head == Repository.open(clone).fast_forward()
    assert "a\n" == (clone / "notes").read_text()


def test_a_dirty_clone_is_left_alone_and_its_files_named(clone):
    """New files are nobody's business."""
    (clone / "kustomize/base/service.yaml").write_text("mine")
    (clone / "new").write_text("mine")

    assert "has changes that are not committed (kustomize/base/service.yaml): commit or undo them" in refused(clone)
    assert "mine" == (clone / "kustomize/base/service.yaml").read_text()


def test_many_dirty_files_are_counted(clone):
    """Five names are enough for a sentence."""
    for path in (clone / "kustomize/base").glob("*.yaml"):
        path.write_text("mine")

    assert "and 2 more" in refused(clone)


def test_a_diverged_clone_is_left_alone(remote, clone, tmp_path):
    """Both sides are counted and both ways out named."""
    remote.commit(remote.clone(tmp_path / "other"), "notes", "a\n", "Note")
    own_commit(remote, clone)
    before = remote.git("rev-parse", "HEAD", cwd=clone)

    assert "has diverged: 1 here and 1 on the remote that the other lacks" in refused(clone)
    assert before == remote.git("rev-parse", "HEAD", cwd=clone)


def test_commits_of_ones_own_are_no_divergence(remote, clone):
    """A clone may be ahead."""
    own_commit(remote, clone)

    assert remote.git("rev-parse", "HEAD", cwd=clone) == Repository.open(clone).fast_forward()


def test_another_branch_and_a_detached_head_are_named(remote, clone):
    """With the way back."""
    remote.git("switch", "-qc", "mine", cwd=clone)
    assert "is on branch mine: go back with `git switch main`" in refused(clone)

    remote.git("checkout", "-q", "--detach", cwd=clone)
    assert f"is at the detached commit {remote.git('rev-parse', 'main')[:12]}: go back" in refused(clone)


def test_a_remote_that_went_away_is_named(remote, clone):
    """So is a clone without one."""
    remote.path.rename(remote.path.with_name("gone"))
    assert f"the remote {remote.path} is missing or out of reach" in refused(clone)

    subprocess.run(["git", "remote", "remove", "origin"], cwd=clone, check=True)
    assert "has no remote origin: add one" in refused(clone)


def test_a_folder_that_is_no_repository_is_named(tmp_path):
    """Also one that is not there."""
    with pytest.raises(RepositoryError, match=r"is not a git repository \(not a git repository"):
        Repository.open(tmp_path)
    with pytest.raises(RepositoryError, match="is not there"):
        Repository.open(tmp_path / "missing")


def test_a_commit_that_is_not_there_is_named(remote):
    """An option is no commit either."""
    for ref in ("v9", "--help"):
        with pytest.raises(RepositoryError, match=f"has no commit {ref}"):
            Repository.open(remote.path).resolve(ref)


def test_files_are_read_at_a_commit_from_a_bare_repository(remote, clone):
    """As they were then; None before they were there; line ends kept."""
    for text in ("one\r\n", "two\n"):
        (clone / "notes").write_bytes(text.encode())
        remote.commit(clone, "other", text, "Note")
    repository = Repository.open(remote.path)

    assert ["two\n", "one\r\n", None] == repository.show_each(["main", "main~1", "main~2"], "notes")
    assert "one\r\n" == repository.show("main~1", "notes")


def test_a_file_that_is_no_text_is_named(remote, clone):
    """Instead of being garbled by an edit."""
    (clone / "notes").write_bytes(b"\xff\xfe")
    remote.commit(clone, "other", "", "Note")

    with pytest.raises(RepositoryError, match=r"notes in \S+ is not UTF-8 text"):
        Repository.open(remote.path).show("main", "notes")


def test_a_folder_is_exported_as_it_was(remote, tmp_path):
    """Whatever lies in a work tree."""
    Repository.open(remote.path).export("main", "kustomize/base", tmp_path / "out")

    text = (tmp_path / "out/kustomize/base/service.yaml").read_text()
    assert remote.git("show", "main:kustomize/base/service.yaml") == text.rstrip("\n")


def test_trailers_and_merges_are_read_from_the_log(remote, clone):
    """A merge counts once, as what it brought."""
    remote.git("switch", "-qc", "side", cwd=clone)
    own_commit(remote, clone)
    remote.git("switch", "-q", "main", cwd=clone)
    remote.git("merge", "-q", "--no-ff", "-m", "Merge\n\nModel: digits\nVersion: 1", "side", cwd=clone)
    remote.git("push", "-q", cwd=clone)

    (commit,) = Repository.open(remote.path).log("main", "mine")

    assert ("Merge", {"Model": "digits", "Version": "1"}) == (commit.subject, dict(commit.trailers))
    assert commit.time.tzinfo is not None


def test_git_that_hangs_is_ended(remote, clone):
    """After its time; the sentence says which command it was."""
    remote.hook("pre-receive", "exec sleep 20")
    own_commit(remote, clone)

    with pytest.raises(RepositoryError, match=r"git push took longer than 0.5 s"):
        run("push", "-q", cwd=clone, timeout_s=0.5)


def test_what_git_complains_of_is_one_line(tmp_path):
    """Its first words left out."""
    with pytest.raises(RepositoryError, match=r"^git log failed in \S+: not a git repository"):
        git("log", cwd=tmp_path)


def test_a_remote_that_is_back_soon_is_waited_for(remote, tmp_path):
    """A step that nobody watches outlives a restart of the git server; a refusal is told at once."""
    away = remote.path.rename(tmp_path / "away.git")
    calls = []

    def clone() -> Repository:
        calls.append(1)
        if len(calls) == 2:
            away.rename(remote.path)
        return Repository.clone(str(remote), tmp_path / f"clone{len(calls)}")

    assert (patiently(clone, UnreachableError, 60).path / "kustomize").is_dir()
    with pytest.raises(UnreachableError):
        patiently(lambda: Repository.clone("/nowhere.git", tmp_path / "none"), UnreachableError, 0)
    with pytest.raises(RepositoryError, match="has no branch"):
        patiently(lambda: Repository.clone(str(remote), tmp_path / "no", branch="nowhere"), UnreachableError, 60)
