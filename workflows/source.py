"""The code of a run: what git has at one commit, fetched once and handed to every step.

Not here: the checkout of a laptop, which no step reads.
"""

from __future__ import annotations

import compileall
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode

from workflows.errors import RepositoryError
from workflows.repository import Repository

PACKAGES = ("training", "workflows", "serving")


def fetch(repository: str, commit: str, destination: Path) -> str:
    """Writes the packages that steps run as they are at a commit, compiled, and gives the commit's whole id.

    Args:
      repository: Path or URL of the git remote.
      commit: A commit's id, or the name of a branch: its last commit now.
      destination: A folder that is not there yet.
    Raises: RepositoryError (remote out of reach; no such commit or branch; one without training/).
    """
    with tempfile.TemporaryDirectory(prefix="shipway-source-") as folder:
        clone = Repository.clone(repository, Path(folder) / "remote.git", branch=None, bare=True)
        try:
            found = clone.resolve(commit)
        except RepositoryError:
            raise RepositoryError(f"{repository} has no commit {commit}: push it, or name another") from None
        there = clone.folders(found, "")
        if "training" not in there:
            raise RepositoryError(f"{repository} has no training/ at commit {found[:12]}: name a commit that has")
        for package in PACKAGES:
            if package in there:
                clone.export(found, package, destination)
    # Once for all steps; by content, since an artifact store need not keep the times of files.
    compileall.compile_dir(destination, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return found
