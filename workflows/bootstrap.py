"""Puts Argo CD onto a cluster and gives it this repository; from then on everything there comes from git.

Two commands at most: Helm installs the chart of apps/platform/argo-cd, by which Argo CD keeps itself later, and kubectl
applies the Application `root`. Not here: asking and printing (commands/bootstrap.py).
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from workflows.errors import ShipwayError, UsageError
from workflows.kustomize import kubectl, render
from workflows.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "shipway.dev/root"
SETTINGS = "kustomize/settings/settings.yaml"
ARGO_CD = "apps/platform/argo-cd/application.yaml"
EXAMPLE = "example.com"
READ = ("apps", "kustomize", "workflows/rendered", "workflows/kustomization.yaml")  # by Argo CD, from git
CRD = "applications.argoproj.io"
ANSWER_S = 15  # for a question to the cluster
INSTALL_TIMEOUT = "10m"  # images are pulled on the way


@dataclass(frozen=True)
class Step:
    """One command, and what it does as a sentence without a full stop."""

    purpose: str
    command: tuple[str, ...]

    @property
    def line(self) -> str:
        """The command as one would type it."""
        return shlex.join(self.command)


@dataclass(frozen=True)
class Plan:
    """What will be done to which cluster, and which repository it will follow."""

    context: str
    server: str
    repository: str
    revision: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Cluster:
    """The cluster that kubectl's current context names."""

    context: str
    server: str

    def ask(self, *arguments: str) -> str:
        """What kubectl answers. Raises: ShipwayError (the cluster does not answer: kubectl's own words)."""
        return _answer((str(kubectl()), "--context", self.context, f"--request-timeout={ANSWER_S}s", *arguments), self)


def plan(root: Path) -> Plan:
    """Looks at the repository and at the cluster, and changes nothing.

    Args:
      root: The top of the repository.
    Raises: UsageError (settings that are the example's or not committed; no helm, no context); OverlayError (apps/ does
      not render, no kubectl); ShipwayError (the cluster does not answer).
    """
    source = _application(render(root / "apps"), "root")["spec"]["source"]
    _require_settings(root, source["repoURL"])
    cluster = current_cluster()
    apply = ("kubectl", "--context", cluster.context, "apply", "-k", "apps", "-l", f"{ROOT}=true")
    follow = Step("give it this repository: the project and the Application `root`, which brings all the rest", apply)
    steps = (follow,) if _has_argo_cd(cluster) else (_install(root, cluster), follow)
    return Plan(cluster.context, cluster.server, source["repoURL"], source["targetRevision"], steps)


def carry_out(step: Step, root: Path) -> None:
    """Runs one step, its output on the terminal. Raises: ShipwayError (it failed, and has said why)."""
    program = str(kubectl()) if step.command[0] == "kubectl" else step.command[0]
    code = subprocess.run([program, *step.command[1:]], cwd=root, check=False).returncode
    if code:
        raise ShipwayError(
            f"`{step.line}` ended with exit code {code}: see above; once that is mended, the same command goes on"
        )


def current_cluster() -> Cluster:
    """The cluster of kubectl's current context. Raises: UsageError (there is none)."""
    command = [str(kubectl()), "config", "view", "--minify", "--output=json"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=ANSWER_S)
    try:
        config = json.loads(outcome.stdout)
        return Cluster(config["current-context"], config["clusters"][0]["cluster"]["server"])
    except (ValueError, LookupError, TypeError):
        raise UsageError(
            "kubectl has no current context, so no cluster is meant: set KUBECONFIG, or `kubectl config use-context`"
        ) from None


def _require_settings(root: Path, repository: str) -> None:
    """Refuses settings that Argo CD would not find in the repository."""
    if EXAMPLE in repository:
        raise UsageError(f"{SETTINGS} still names the example {repository}: put your clone there, commit and push")
    changed = Repository(root).git("status", "--porcelain", "--", *READ).splitlines()
    if changed:
        raise UsageError(f"{changed[0][3:]} is not committed, and Argo CD reads {repository}: commit and push it first")


def _has_argo_cd(cluster: Cluster) -> bool:
    """Whether Argo CD is there: its kinds are, and no installation of ours broke off half-way."""
    if not cluster.ask("get", "crd", CRD, "--ignore-not-found", "--output=name").strip():
        return False
    helm = shutil.which("helm")
    if helm is None:
        return True
    listed = (helm, "--kube-context", cluster.context, "list", "--all", "--namespace=argocd", "--output=json")
    releases = json.loads(_answer((*listed, "--filter=^argocd$"), cluster) or "[]")
    return all(release["status"] == "deployed" for release in releases)


def _install(root: Path, cluster: Cluster) -> Step:
    """The step that installs Argo CD, as apps/platform/argo-cd says."""
    if shutil.which("helm") is None:
        raise UsageError("helm is not installed, and Argo CD is installed by it: https://helm.sh/docs/intro/install")
    spec = YAML(typ="safe", pure=True).load((root / ARGO_CD).read_text(encoding="utf-8"))["spec"]
    chart = spec["sources"][0]
    namespace = spec["destination"]["namespace"]
    values = chart["helm"]["valueFiles"][0].removeprefix("$values/")
    command = (
        *("helm", "--kube-context", cluster.context, "upgrade", "--install", chart["helm"]["releaseName"]),
        *(chart["chart"], "--repo", chart["repoURL"], "--version", chart["targetRevision"]),
        *("--namespace", namespace, "--create-namespace", "--values", values, "--wait", "--timeout", INSTALL_TIMEOUT),
    )
    version = f"{chart['chart']} {chart['targetRevision']}"
    return Step(f"install Argo CD into the namespace {namespace}: chart {version}", command)


def _application(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The Application of that name. Raises: UsageError (apps/ has none)."""
    for item in objects:
        if (item["kind"], item["metadata"]["name"]) == ("Application", name):
            return item
    raise UsageError(f"apps/ has no Application {name}: restore it with `git checkout -- apps`")


def _answer(command: tuple[str, ...], cluster: Cluster) -> str:
    where = f"the cluster of the context {cluster.context} ({cluster.server})"
    try:
        outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * ANSWER_S)
    except subprocess.TimeoutExpired:
        raise ShipwayError(f"{where} does not answer: is it the one you mean?") from None
    if outcome.returncode:
        last = [line for line in outcome.stderr.splitlines() if line.strip()][-1:]
        raise ShipwayError(f"{where} cannot be asked: {''.join(last).removeprefix('error: ') or 'no reason given'}")
    return outcome.stdout
