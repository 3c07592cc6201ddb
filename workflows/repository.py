"""Git as this project needs it: read a branch at a commit, and say in one sentence what is wrong with a clone.

Every call is a `git` process with an argument list. Not here: the commit that is made and pushed (change.py).
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import tarfile
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from workflows.errors import RepositoryError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
from types import MappingProxyType

TIMEOUT_S = 120.0
FIELDS = "%x1e%H%x1f%cI%x1f%s%x1f%(trailers:only=true,unfold=true)"
# git speaks English and asks nobody; a hook's or a wrapper's GIT_DIR must not redirect it.
ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True)
class Commit:
    """One commit: full id, committer time (with zone), subject and trailers by name."""

    id: str
    time: datetime
    subject: str
    trailers: Mapping[str, str] = field(default_factory=dict)


def git(*arguments: str, cwd: Path, stdin: bytes | None = None, timeout_s: float = TIMEOUT_S) -> bytes:
    """What one git command printed.

    It runs in a process group of its own, so that a kill or Ctrl-C that ends this program lets a push finish, whole.
    Raises: RepositoryError (git is missing, took too long, or failed: its own last words).
    """
    outcome = run(*arguments, cwd=cwd, stdin=stdin, timeout_s=timeout_s)
    if outcome.returncode:
        raise RepositoryError(f"git {arguments[0]} failed in {cwd}: {words(outcome.stderr)}")
    return outcome.stdout


def run(
    *arguments: str,
    cwd: Path,
    stdin: bytes | None = None,
    timeout_s: float = TIMEOUT_S,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.CompletedProcess[bytes]:
    """One git command, whatever its exit code. Raises: RepositoryError (git is missing, or took too long)."""
    inherited = {name: value for name, value in os.environ.items() if name not in INHERITED}
    if not cwd.is_dir():
        raise RepositoryError(f"{cwd} is not there: expected a folder with a git repository")
    try:
        process = subprocess.Popen(
            ["git", *arguments],
            cwd=cwd,
            env=inherited | ENVIRONMENT | dict(environment),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise RepositoryError("git is not on PATH: install it (Debian: apt install git)") from None
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            raise RepositoryError(
                f"git {arguments[0]} took longer than {timeout_s:g} s in {cwd}: check the remote and the network"
            ) from None
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def words(stderr: bytes) -> str:
    """What git complained of, in one line, without its hints."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    kept = [line for line in lines if line and not line.startswith(("hint:", "Cloning into"))]
    return " ".join(kept).removeprefix("fatal: ").removeprefix("error: ") or "no reason given"


@dataclass(frozen=True)
class Repository:
    """A bare repository or a clone on this machine."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> Repository:
        """The repository in a folder. Raises: RepositoryError (no folder, or no repository)."""
        # A folder inside of another repository is none: git would walk up and act on that one.
        ceiling = {"GIT_CEILING_DIRECTORIES": str(path.resolve().parent)}
        outcome = run("rev-parse", "--git-dir", cwd=path, environment=ceiling)
        if outcome.returncode:
            raise RepositoryError(
                f"{path} is not a git repository ({words(outcome.stderr)}): name a clone or a bare one"
            )
        return cls(path)

    @classmethod
    def clone(cls, remote: str, path: Path, *, branch: str | None = "main", bare: bool = False) -> Repository:
        """A new clone of one branch, or of all. Raises: RepositoryError (remote out of reach, no such branch)."""
        options = [
            "--quiet",
            "--template=",
            "--config=gc.auto=0",
            "--no-tags",
            *(["--single-branch", f"--branch={branch}"] if branch else []),
            *(["--bare"] if bare else []),
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        outcome = run("clone", *options, "--", remote, str(path), cwd=path.parent)
        if outcome.returncode:
            raise unreachable(remote, branch or "main", outcome.stderr)
        return cls(path)

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        """What a git command printed, without the last line end."""
        return git(*arguments, cwd=self.path, stdin=stdin).decode(errors="replace").rstrip("\n")

    def resolve(self, ref: str) -> str:
        """The id of the commit that a branch, tag or id names. Raises: RepositoryError (there is none)."""
        outcome = run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", cwd=self.path)
        if outcome.returncode:
            raise RepositoryError(f"{self.path} has no commit {ref}: name a branch or a commit of it")
        return outcome.stdout.decode().strip()

    def show(self, ref: str, path: str) -> str | None:
        """A file's text at a commit, line ends as they are; None if it was not there."""
        return self.show_each([ref], path)[0]

    def show_each(self, refs: Sequence[str], path: str) -> list[str | None]:
        """A file's text at each of some commits, by one git process; None where it was not there.

        Raises: RepositoryError (the file is not UTF-8 text).
        """
        output = git("cat-file", "--batch", cwd=self.path, stdin="".join(f"{ref}:{path}\n" for ref in refs).encode())
        try:
            return list(_blobs(output))
        except UnicodeDecodeError:
            raise RepositoryError(f"{path} in {self.path} is not UTF-8 text: commit it again as text") from None

    def folders(self, ref: str, path: str) -> list[str]:
        """The names of the folders in a folder at a commit."""
        return self.git("ls-tree", "-d", "--name-only", f"{ref}:{path}").splitlines()

    def log(self, ref: str, path: str) -> list[Commit]:
        """The commits of a branch that changed a path, newest first; a merge counts once, as what it brought."""
        text = self.git("log", "--first-parent", f"--format={FIELDS}", ref, "--", path)
        return [_commit(record) for record in text.split("\x1e") if record]

    def export(self, ref: str, path: str, destination: Path) -> None:
        """Writes a folder as it is at a commit to another place, without touching the clone."""
        archive = git("archive", "--format=tar", ref, "--", path, cwd=self.path)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for member in files:
                content = files.extractfile(member)
                if content is not None:
                    target = destination / member.name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())

    def remote(self, name: str = "origin") -> str:
        """The address of a remote. Raises: RepositoryError (there is none)."""
        outcome = run("remote", "get-url", name, cwd=self.path)
        if outcome.returncode:
            raise RepositoryError(f"{self.path} has no remote {name}: add one with `git remote add {name} <address>`")
        return outcome.stdout.decode().strip()

    def fetch(self, branch: str = "main") -> str:
        """The id of the remote branch's last commit, here afterwards. Raises: RepositoryError (out of reach)."""
        outcome = run("fetch", "--quiet", "--no-tags", "origin", branch, cwd=self.path)
        if outcome.returncode:
            raise unreachable(self.remote(), branch, outcome.stderr)
        return self.resolve("FETCH_HEAD")

    def check(self, branch: str = "main") -> None:
        """Says why a clone must not be used as it is.

        Raises: RepositoryError (files changed but not committed, by name; not on the branch; own commits that the
          remote lacks while it has others).
        """
        here = run("symbolic-ref", "--quiet", "--short", "HEAD", cwd=self.path).stdout.decode().strip()
        if here != branch:
            state = f"on branch {here}" if here else f"at the detached commit {self.resolve('HEAD')[:12]}"
            raise RepositoryError(f"{self.path} is {state}: go back with `git switch {branch}`")
        dirty = [line[3:] for line in self.git("status", "--porcelain", "--untracked-files=no").splitlines()]
        if dirty:
            names = ", ".join(dirty[:5]) + (f" and {len(dirty) - 5} more" if len(dirty) > 5 else "")  # noqa: PLR2004 - fits a line
            raise RepositoryError(f"{self.path} has changes that are not committed ({names}): commit or undo them")

    def fast_forward(self, branch: str = "main") -> str:
        """Brings a clean clone to the remote's last commit and says which that is.

        Raises: RepositoryError (see `check` and `fetch`; diverged: the clone has commits that the remote lacks).
        """
        self.check(branch)
        theirs = self.fetch(branch)
        ahead, behind = map(int, self.git("rev-list", "--left-right", "--count", f"HEAD...{theirs}").split())
        if ahead and behind:
            raise RepositoryError(
                f"{self.path} has diverged: {ahead} here and {behind} on the remote that the other lacks; "
                f"rebase with `git pull --rebase`, or drop yours with `git reset --hard origin/{branch}`"
            )
        if behind:
            self.git("merge", "--quiet", "--ff-only", theirs)
        return self.resolve("HEAD")


def unreachable(remote: str, branch: str, stderr: bytes) -> RepositoryError:
    """The error of a remote that did not answer with the branch."""
    reason = words(stderr)
    if "Remote branch" in reason or "couldn't find remote ref" in reason:
        return RepositoryError(
            f"the remote {remote} has no branch {branch}: push one first with `git push {remote} HEAD:{branch}`"
        )
    return UnreachableError(
        f"the remote {remote} is missing or out of reach: check its address, your access and the network ({reason})"
    )


def _blobs(output: bytes) -> Iterator[str | None]:
    """The files that `git cat-file --batch` printed: a line that ends in the size, or `missing`, then the bytes."""
    while output:
        header, _, output = output.partition(b"\n")
        if header.endswith(b" missing"):
            yield None
        else:
            size = int(header.rpartition(b" ")[2])
            yield output[:size].decode()
            output = output[size + 1 :]


def _commit(record: str) -> Commit:
    sha, time, subject, block = record.strip("\n").split("\x1f")
    pairs = (line.partition(": ") for line in block.splitlines() if ": " in line)
    return Commit(sha, datetime.fromisoformat(time), subject, {name: value for name, _, value in pairs})


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends git and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
