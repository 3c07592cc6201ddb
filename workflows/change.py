"""One commit on a remote branch: made apart from every clone, pushed whole or not at all, redone on a lost race.

The commit is built in a bare clone in a temporary folder, so a kill at any moment leaves the remote as it was or with
the commit, and the user's clone untouched. Not here: what the commit says (release.py, promote.py, rollback.py).
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from workflows.errors import RepositoryError, UnreachableError
from workflows.repository import Commit, Repository, run, words

ATTEMPTS = 12
STALE_S = 3.0
AUTHOR = "Shipway <shipway@localhost>"


class PushLostError(RepositoryError):
    """Somebody else's push came first; fetch, redo, push again."""


@dataclass(frozen=True)
class Change:
    """The files of one commit, by path within the repository, and what its message says."""

    files: Mapping[str, str]
    subject: str
    trailers: Mapping[str, str]

    @property
    def message(self) -> str:
        """The commit message. Raises: RepositoryError (a trailer of several lines)."""
        for name, value in self.trailers.items():
            if "\n" in value or "\r" in value:
                raise RepositoryError(f"the trailer {name} must be one line: received {value!r}")
        lines = (f"{name}: {value}" for name, value in self.trailers.items())
        return f"{self.subject}\n\n" + "\n".join(lines) + "\n"


# Called with a clone and its head; gives the commit to make, or in a sentence why there is nothing to do.
Edit = Callable[[Repository, str], "Change | str"]


def push_change(remote: str, branch: str, edit: Edit, *, author: str = AUTHOR, wait_s: float = 2) -> Commit | str:
    """Puts one commit onto a remote branch and gives it back, or the sentence of an `edit` with nothing to do.

    Args:
      remote: A path or URL that git can push to.
      branch: The one that the commit goes on top of.
      edit: Asked for the commit, again after each lost race.
      author: `Name <address>`, author and committer of the commit.
      wait_s: The longest pause after a lost race, in seconds.
    Raises: RepositoryError (remote out of reach, push refused by a hook or the server, race lost 12 times).
    """
    if not Path(remote).is_dir() and "://" not in remote and ":" not in remote:
        raise RepositoryError(f"the remote {remote} is missing: expected a folder or a URL with a git repository")
    with tempfile.TemporaryDirectory(prefix="shipway-change-", ignore_cleanup_errors=True) as folder:
        clone = Repository.clone(_absolute(remote), Path(folder) / "change.git", branch=branch, bare=True)
        for attempt in Retrying(
            retry=retry_if_exception_type(PushLostError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=wait_s),
            reraise=True,
        ):
            with attempt:
                if attempt.retry_state.attempt_number > 1:
                    clone.git("update-ref", f"refs/heads/{branch}", clone.fetch(branch))
                return _attempt(clone, branch, edit, author)
    raise AssertionError("tenacity either returns or raises")


def _attempt(clone: Repository, branch: str, edit: Edit, author: str) -> Commit | str:
    head = clone.resolve(f"refs/heads/{branch}")
    change = edit(clone, head)
    if isinstance(change, str):
        return change
    commit = _commit(clone, head, change, author)
    _unlock(clone, branch)
    _push(clone, commit, branch)
    return clone.log(commit, next(iter(change.files)))[0]


def _commit(clone: Repository, head: str, change: Change, author: str) -> str:
    """Makes the commit by plumbing in the bare clone: no work tree, no hooks, no identity of the machine's."""
    clone.git("read-tree", head)
    for path, text in change.files.items():
        blob = clone.git("hash-object", "-w", "--stdin", stdin=text.encode())
        clone.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    tree = clone.git("write-tree")
    name, _, address = author.rstrip(">").partition(" <")
    identity = ["-c", f"user.name={name}", "-c", f"user.email={address}"]
    return clone.git(*identity, "commit-tree", tree, "-p", head, stdin=change.message.encode())


def _unlock(clone: Repository, branch: str) -> None:
    """Takes away a lock that a push left behind when it was killed in the moment of its rename.

    Git holds it for milliseconds and never clears it. Only where the remote is a folder; a server does it itself.
    """
    remote = Path(clone.remote())
    for lock in (remote / "refs" / "heads" / f"{branch}.lock", remote / "HEAD.lock"):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if time.time() - lock.stat().st_mtime > STALE_S:
                lock.unlink()


def _push(clone: Repository, commit: str, branch: str) -> None:
    """Pushes and tells a lost race from a refusal. Raises: PushLostError; RepositoryError."""
    outcome = run("push", "--porcelain", "--no-verify", "origin", f"{commit}:refs/heads/{branch}", cwd=clone.path)
    if outcome.returncode == 0:
        return
    remote = clone.remote()
    refused = [line for line in outcome.stdout.decode(errors="replace").splitlines() if line.startswith("!")]
    if not refused:
        raise UnreachableError(f"the push to {remote} did not get through: {words(outcome.stderr)}")
    reason = refused[0].split("\t")[-1]
    if reason.startswith("[rejected]") or "lock ref" in reason or "failed to update ref" in reason:
        raise PushLostError(f"the push to {remote} was overtaken {ATTEMPTS} times ({reason}): try again in a minute")
    said = [
        line.removeprefix("remote:").strip()
        for line in outcome.stderr.decode(errors="replace").splitlines()
        if line.startswith("remote:")
    ]
    detail = " ".join(line for line in said if line)
    raise RepositoryError(f"{remote} refused the push {reason}{': ' if detail else ''}{detail}")


def _absolute(remote: str) -> str:
    return str(Path(remote).absolute()) if Path(remote).is_dir() else remote
