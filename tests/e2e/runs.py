"""Runs of the workflow `train` on the cluster: started, followed to their end, and read."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.argo_server import apply, delivered, webhook_secrets
from tests.e2e.kubectl import Object, every, get, kubectl, until
from tests.e2e.site import ARGO_SERVER, Site
from workflows.report.reports import STEPS as REPORTED

NAMESPACE = "training"
STEPS = (*REPORTED, "report")
LIMIT_S = 900
OK = 200
SECRET = "only the git host and the cluster know"  # noqa: S105 - of this test's namespace


def names() -> set[str]:
    """The runs that there are."""
    return {item["metadata"]["name"] for item in every("workflows", NAMESPACE)}


def let_the_git_host_in() -> None:
    """The Secrets of the webhook, as a person makes them once its service account is there."""
    apply(webhook_secrets(SECRET), NAMESPACE)
    token = ["get", "secret", "webhook.service-account-token", "-n", NAMESPACE, "-o", "jsonpath={.data.token}"]
    until("the token of the account webhook", lambda: kubectl(*token))


def announce(site: Site, before: str, after: str) -> None:
    """Tells Argo Server of a push, as a git host does, with what the clone has between two commits."""
    site.pull()
    payload = {"ref": "refs/heads/main", "before": before, "after": after, "commits": _commits(site, before, after)}
    assert delivered(f"http://{ARGO_SERVER}", NAMESPACE, payload, SECRET) == OK


def _commits(site: Site, before: str, after: str) -> list[dict[str, Any]]:
    commits = []
    for commit in site.git("rev-list", "--reverse", f"{before}..{after}").splitlines():
        name, email = site.git("log", "-1", "--format=%an%n%ae", commit).splitlines()
        changed = [line.split("\t") for line in site.git("show", "--format=", "--name-status", commit).splitlines()]
        files = {key: [path for kind, path in changed if kind == letter] for key, letter in KINDS.items()}
        commits.append({"id": commit, "author": {"name": name, "email": email}, **files})
    return commits


KINDS = {"added": "A", "modified": "M", "removed": "D"}


def submit(site: Site, model: str, *flags: str) -> str:
    """`shipway submit`, not followed; gives the run's name."""
    done = shipway(site, "submit", model, "--no-follow", "--json", *flags)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["name"])


def shipway(site: Site, *words: str) -> "subprocess.CompletedProcess[str]":
    """The command, as a person runs it in the clone."""
    server = {"ARGO_SERVER": ARGO_SERVER, "ARGO_SECURE": os.environ.get("ARGO_SECURE", "false")}
    command = [sys.executable, "-m", "workflows", *words]
    environment = {**os.environ, **server, "PYTHONPATH": str(site.clone)}
    return subprocess.run(command, cwd=site.clone, env=environment, capture_output=True, text=True, check=False)


def finished(name: str, within: float = LIMIT_S) -> Object:
    """The Workflow, once it has ended."""

    def ended() -> Object:
        found = get("workflow", name, NAMESPACE)
        return found if found.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error") else {}

    return dict(until(f"the run {name} has ended", ended, within=within))


def phase(workflow: Object) -> str:
    """How it ended, and where it failed what the pods said, so that a test's failure tells why."""
    status = workflow["status"]
    wrong = [
        f"{node['displayName']}: {node.get('message')}"
        for node in pods(workflow).values()
        if node["phase"] != "Succeeded"
    ]
    return " ".join([status["phase"], *wrong]) if status["phase"] != "Succeeded" else "Succeeded"


def pods(workflow: Object) -> dict[str, Object]:
    """The nodes that were pods, by id."""
    return {key: node for key, node in workflow["status"].get("nodes", {}).items() if node["type"] == "Pod"}


def steps(workflow: Object) -> dict[str, str]:
    """The phase of every step, by name, whatever its attempts were."""
    nodes = workflow["status"].get("nodes", {}).values()
    return {node["displayName"]: node["phase"] for node in nodes if node["displayName"] in STEPS}


def hosts(workflow: Object) -> dict[str, str]:
    """The node of the cluster that each step's last attempt ran on."""
    found = sorted(pods(workflow).values(), key=lambda node: node.get("startedAt") or "")
    return {re.sub(r"\(\d+\)$", "", node["displayName"]): node.get("hostNodeName", "") for node in found}


def manifest(model: str, version_at_digest: str, folder: Path) -> Path:
    """The version that an overlay names, taken out of the registry's image."""
    from tests.e2e.site import REGISTRY
    from workflows.overlay import Pin
    from workflows.registry import fetch

    version, _, digest = version_at_digest.partition("@")
    return fetch(f"oci://{REGISTRY}", model, Pin(version, digest), folder / version)


def retry(name: str) -> None:
    """`argo retry`, by its API."""
    httpx.put(f"http://{ARGO_SERVER}/api/v1/workflows/{NAMESPACE}/{name}/retry", json={}, timeout=30).raise_for_status()
    until(
        f"{name} goes on",
        lambda: kubectl("-n", NAMESPACE, "get", "workflow", name, "-o", "jsonpath={.status.phase}") == "Running",
    )
