"""The workspace `.shipway/`: a git remote, a clone of it, the model store and the runs, apart from the user's files.

    .shipway/
      remote.git/   bare remote, branch main: it says which version runs where (absent if another remote was given)
      clone/        a clone of the remote, through which commands read and write
      models/       the model store: <model>/<version>/
      runs/         one folder per run of a workflow

Not here: what a command does with it.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workflows.errors import RepositoryError, WorkspaceError
from workflows.repository import Repository, run, words

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = ".shipway"
BRANCH = "main"
USED = ("kustomize", "serving", "training", "workflows")
BOT = ("-c", "user.name=shipway", "-c", "user.email=shipway@localhost")


@dataclass(frozen=True)
class Workspace:
    """The folders of a workspace that is there."""

    root: Path

    @property
    def clone(self) -> Path:
        """The clone of the remote."""
        return self.root / "clone"

    @property
    def store(self) -> Path:
        """The model store."""
        return self.root / "models"

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def remote(self) -> str:
        """The remote's address, as the clone knows it."""
        return Repository.open(self.clone).remote()


def top(directory: Path) -> Path:
    """The root of the Shipway repository that a folder is in.

    Raises: WorkspaceError (no git repository, or not one of Shipway's).
    """
    outcome = run("rev-parse", "--show-toplevel", cwd=directory)
    if outcome.returncode:
        raise WorkspaceError(f"{directory} is in no git repository: run shipway in a clone of your Shipway repository")
    root = Path(outcome.stdout.decode().rstrip("\n"))
    if not (root / "kustomize" / "overlays").is_dir():
        raise WorkspaceError(f"{root} has no kustomize/overlays: run shipway in a clone of your Shipway repository")
    return root


def open_workspace(directory: Path) -> Workspace:
    """The workspace of the repository that a folder is in. Raises: WorkspaceError (none yet)."""
    workspace = Workspace(top(directory) / NAME)
    if not workspace.clone.is_dir():
        raise WorkspaceError(f"{workspace.root} is no workspace yet: make one with `shipway init`")
    _require_whole(workspace)
    return workspace


def make_workspace(directory: Path, remote: str | None = None) -> Workspace:
    """The workspace of the repository that a folder is in, made if there is none.

    Args:
      directory: Any folder of the repository.
      remote: Address of an existing remote with a branch main; without it a bare one is made from the last commit.
    Raises: WorkspaceError (no commit yet; another remote than the workspace has); RepositoryError (remote unreachable).
    """
    source = top(directory)
    workspace = Workspace(source / NAME)
    if workspace.clone.is_dir():
        _require_whole(workspace)
        if remote is not None and remote != workspace.remote:
            raise WorkspaceError(f"{workspace.root} already follows {workspace.remote}: remove it to follow {remote}")
        return workspace
    if workspace.root.exists() and not workspace.root.is_dir():
        raise WorkspaceError(f"{workspace.root} is a file: move it away, the workspace goes there")
    workspace.root.mkdir(exist_ok=True)
    if remote is None:
        remote = str(_bare(source, workspace.root / "remote.git"))
    _whole(workspace.clone, lambda path: Repository.clone(remote, path, branch=BRANCH))
    workspace.store.mkdir(exist_ok=True)
    workspace.runs.mkdir(exist_ok=True)
    return workspace


def bring_in(workspace: Workspace, source: Path) -> str:
    """Brings the last commit of the user's repository into the workspace's remote and says where main is now.

    Release commits live on the remote alone, so the two are merged; what is not committed stays out.
    Raises: RepositoryError (dirty or diverged clone; both changed the same lines; push refused).
    """
    clone = Repository.open(workspace.clone)
    clone.fast_forward(BRANCH)
    clone.git("fetch", "--quiet", "--no-tags", str(source), "HEAD")
    merge = run(
        *BOT, "merge", "--quiet", "-m", "Merge the last commit of the source repository", "FETCH_HEAD", cwd=clone.path
    )
    if merge.returncode:
        run("merge", "--abort", cwd=clone.path)
        raise RepositoryError(
            f"your last commit and {workspace.remote} changed the same lines, so they cannot be merged: "
            f"pull from there and solve it ({words(merge.stdout + merge.stderr)})"
        )
    if clone.resolve("HEAD") != clone.resolve(f"origin/{BRANCH}"):
        clone.git("push", "--quiet", "origin", f"HEAD:{BRANCH}")
    return clone.resolve("HEAD")


def uncommitted(source: Path) -> list[str]:
    """The files that a run would use and that differ from the last commit, new ones included."""
    return [line[3:] for line in Repository(source).git("status", "--porcelain", "--", *USED).splitlines()]


def _require_whole(workspace: Workspace) -> None:
    """Refuses a workspace that lost a part of it. Raises: WorkspaceError (says how to bring it back)."""
    try:
        remote = Repository.open(workspace.clone).remote()
    except RepositoryError as error:
        raise WorkspaceError(f"{error}; remove {workspace.clone} and run `shipway init`") from None
    own = workspace.root / "remote.git"
    if remote == str(own) and not own.is_dir():
        raise WorkspaceError(
            f"{own} is gone: bring it back from the clone with `git clone --bare {workspace.clone} {own}`"
        )


def _bare(source: Path, path: Path) -> Path:
    """A bare remote with the last commit of a repository as main, made whole or not at all."""

    def fill(remote: Path) -> None:
        if run("rev-parse", "--verify", "--quiet", "HEAD", cwd=source).returncode:
            raise WorkspaceError(f"{source} has no commit yet: commit once, then run shipway again")
        remote.mkdir()
        bare = Repository(remote)
        bare.git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}")
        # The user's repository may be a shallow clone, as CI makes it.
        bare.git("config", "receive.shallowUpdate", "true")
        Repository(source).git("push", "--quiet", str(remote), f"HEAD:refs/heads/{BRANCH}")

    if not path.is_dir():
        _whole(path, fill)
    return path


def _whole(path: Path, fill: Callable[[Path], object]) -> None:
    """Fills a folder under another name first, so that a kill leaves nothing half done under its own."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        fill(scratch / path.name)
        (scratch / path.name).rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
