"""An Argo Server of a test's own, which asks for a token as a team's does; the test cluster's asks nobody for one."""

import copy
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.kubectl import Object, kubectl, until


class OwnServer:
    """Where it is, and how to end it and start it again at the same place."""

    def __init__(self, program: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        options = ["--auth-mode=client", "--secure=false", f"--port={port}", "--loglevel=warn", "--namespace=argo"]
        self._command = [program, "server", f"--kubeconfig={os.environ['KUBECONFIG']}", *options]
        self._log = Path(tempfile.mkdtemp(prefix="argo-server-")) / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        with self._log.open("ab") as file:
            self._process = subprocess.Popen(self._command, stdout=file, stderr=subprocess.STDOUT)
        until(f"an answer of Argo Server, whose log is {self._log}", lambda: answers(self.url))

    def kill(self) -> None:
        """At once: it keeps nothing, and on SIGTERM it would wait for connections that are open."""
        if self._process:
            self._process.kill()
            self._process.wait()


@contextmanager
def argo_server() -> Iterator[OwnServer]:
    """A server that ends with the test; skips where the program `argo` is not."""
    program = shutil.which("argo")
    if program is None:
        pytest.skip("an Argo Server that asks for a token is started by the program argo")
    server = OwnServer(program)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        return httpx.get(f"{url}/api/v1/version").status_code < 500
    except httpx.TransportError:
        return False


@contextmanager
def namespace(name: str) -> Iterator[str]:
    """A namespace that goes with the test."""
    kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def apply(objects: list[Object], namespace: str) -> None:
    """Makes or changes objects of a namespace."""
    kubectl("apply", "-n", namespace, "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": objects})


def moved(objects: list[Object], to: str) -> list[Object]:
    """The objects of apps/workflows in another namespace, which is there already."""
    items = [copy.deepcopy(item) for item in objects if item["kind"] != "Namespace"]
    for item in items:
        item["metadata"]["namespace"] = to
        for subject in item.get("subjects", []):
            subject["namespace"] = to
    return items


def webhook_secrets(secret: str, *, host: str = "github") -> list[Object]:
    """The two Secrets that are made by hand: what the host signs with, and a token that Kubernetes fills in."""
    metadata = {
        "name": "webhook.service-account-token",
        "annotations": {"kubernetes.io/service-account.name": "webhook"},
    }
    clients = {"webhook": f"type: {host}\nsecret: {secret}\n"}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/service-account-token"},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "argo-workflows-webhook-clients"},
            "stringData": clients,
        },
    ]


def idle(template: Object) -> Object:
    """The WorkflowTemplate with the same parameters and nothing to do: its workflows wait, and no pod runs."""
    spec = {"entrypoint": "main", "arguments": template["spec"]["arguments"]}
    return {**template, "spec": {**spec, "templates": [{"name": "main", "suspend": {}}]}}


def delivered(url: str, namespace: str, payload: Any, secret: str, *, host: str = "github") -> int:
    """The status with which a push is taken, told as a git host tells of it."""
    body = json.dumps(payload).encode()
    return httpx.post(
        f"{url}/api/v1/events/{namespace}/", content=body, headers=signed(body, secret, host), timeout=30
    ).status_code


def signed(body: bytes, secret: str, host: str) -> dict[str, str]:
    """The headers by which a host proves who it is; Gitea sends GitHub's as well as its own."""
    if host == "gitlab":
        return {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": secret}
    one = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
    two = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": "push", "X-Hub-Signature": f"sha1={one}", "X-Hub-Signature-256": f"sha256={two}"}
