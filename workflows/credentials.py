"""What git needs to reach a private repository from a pod: the keys of a mounted Secret, as environment variables.

The Secret has the keys of Argo CD's repository Secrets: `username` and `password`, or `sshPrivateKey` and beside it
`known_hosts`. The release's pod alone mounts one that may push. Not here: a laptop, where git has its own ways.
"""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from workflows.errors import RepositoryError

MOUNTED = Path("/etc/shipway/git")


def environment(repository: str, folder: Path = MOUNTED) -> dict[str, str]:
    """The variables that let git use the Secret's keys for a repository; none where no Secret is mounted.

    A password stays in its file: git asks for it when the repository's host does, and no other host is given it.
    Raises: RepositoryError (an ssh key without known_hosts; a user without a password).
    """
    if (folder / "sshPrivateKey").is_file():
        return {"GIT_SSH_COMMAND": shlex.join(_ssh(folder))}
    if (folder / "password").is_file():
        return _http(repository, folder)
    if (folder / "username").is_file():
        raise RepositoryError(f"the Secret in {folder} has a username and no password: add the key `password`")
    return {}


def _ssh(folder: Path) -> list[str]:
    known = folder / "known_hosts"
    if not known.is_file():
        raise RepositoryError(
            f"the Secret in {folder} has an sshPrivateKey and no known_hosts, so the host cannot be told from another: "
            "add the key `known_hosts` with what `ssh-keyscan <host>` prints, once checked"
        )
    options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}"]
    return ["ssh", "-F", "none", "-i", str(_private(folder)), *(word for option in options for word in ("-o", option))]


def _private(folder: Path) -> Path:
    """A copy that only this user reads, with the line end that ssh asks for and that a Secret often lost."""
    key = Path(tempfile.mkdtemp(prefix="shipway-key-")) / "key"
    key.touch(mode=0o600)
    key.write_text((folder / "sshPrivateKey").read_text(encoding="utf-8").strip() + "\n", encoding="utf-8")
    return key


def _http(repository: str, folder: Path) -> dict[str, str]:
    parts = urlsplit(repository)
    host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    name, password = (shlex.quote(str(folder / key)) for key in ("username", "password"))
    user = f'echo "username=$(cat {name})"; ' if (folder / "username").is_file() else "echo username=git; "
    helper = f'!f() {{ test "$1" = get || exit 0; {user}echo "password=$(cat {password})"; }}; f'
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"credential.{host}.helper",
        "GIT_CONFIG_VALUE_0": helper,
    }
