"""A pod reaches a private repository with the keys of a Secret, and only there."""

import base64
import http.server
import os
import shlex
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from workflows.credentials import environment
from workflows.errors import RepositoryError
from workflows.repository import Repository

USER, PASSWORD = "robot", 'it\'s $(secret) "quoted"'


class Git(http.server.BaseHTTPRequestHandler):
    """git's own http-backend behind a password."""

    def do_GET(self):
        """Answers a fetch or a push."""
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.server.asked.append(self.headers.get("Authorization"))
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        variables = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": USER,
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        outcome = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, check=True, env=os.environ | variables
        ).stdout
        head, _, content = outcome.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_):
        """Tests are quiet."""


@pytest.fixture
def private(remote):
    """The URL of a remote that asks for a password, and what it was given."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Git) as server:
        server.root, server.asked = remote.path.parent, []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}/{remote.path.name}"
        yield server
        server.shutdown()
        thread.join()


def secret(folder: Path, **keys: str) -> Path:
    """A Secret as a pod mounts it."""
    folder.mkdir()
    for name, value in keys.items():
        (folder / name).write_text(value)
    return folder


def test_a_password_opens_a_private_repository(private, tmp_path, monkeypatch):
    """Whatever characters it has."""
    mounted = secret(tmp_path / "secret", username=USER, password=PASSWORD)
    for name, value in environment(private.url, mounted).items():
        monkeypatch.setenv(name, value)

    clone = Repository.clone(private.url, tmp_path / "clone")

    assert (clone.path / "kustomize").is_dir()


def test_without_the_secret_it_stays_shut(private, tmp_path):
    """In one sentence, and nobody is asked for a password."""
    with pytest.raises(RepositoryError, match="missing or out of reach"):
        Repository.clone(private.url, tmp_path / "clone")


def test_another_host_is_not_given_the_password(private, tmp_path, monkeypatch):
    """The repository's own is the only one."""
    mounted = secret(tmp_path / "secret", username=USER, password=PASSWORD)
    for name, value in environment("http://git.mine.test/models.git", mounted).items():
        monkeypatch.setenv(name, value)

    with pytest.raises(RepositoryError):
        Repository.clone(private.url, tmp_path / "clone")

    assert {None} == set(private.asked)


def test_the_password_is_in_no_variable(tmp_path):
    """A child's environment is easier to read than a file."""
    mounted = secret(tmp_path / "secret", username=USER, password=PASSWORD)

    assert not [value for value in environment("https://git.mine.test/x.git", mounted).values() if PASSWORD in value]


def test_ssh_uses_the_key_and_the_known_hosts_alone(tmp_path):
    """What ssh itself says it would do; the key's missing line end is put back."""
    mounted = secret(tmp_path / "secret", sshPrivateKey="-----KEY-----\nabc\n-----END-----", known_hosts="host key\n")

    command = shlex.split(environment("git@git.mine.test:x.git", mounted)["GIT_SSH_COMMAND"])
    told = subprocess.run([*command, "-G", "git.mine.test"], check=True, capture_output=True, text=True).stdout

    options = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    key = Path(options["identityfile"])
    assert "-----KEY-----\nabc\n-----END-----\n" == key.read_text()
    assert 0o600 == key.stat().st_mode & 0o777
    assert str(mounted / "known_hosts") == options["userknownhostsfile"]
    assert ("yes", "true") == (options["identitiesonly"], options["stricthostkeychecking"])


def test_no_secret_changes_nothing(tmp_path):
    """A public repository needs none."""
    assert {} == environment("https://git.mine.test/x.git", tmp_path / "none")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"sshPrivateKey": "key"}, "add the key `known_hosts`"),
        ({"username": USER}, "add the key `password`"),
    ],
)
def test_half_a_secret_is_refused(tmp_path, keys, sentence):
    """And the other half named."""
    with pytest.raises(RepositoryError, match=sentence):
        environment("git@git.mine.test:x.git", secret(tmp_path / "secret", **keys))
