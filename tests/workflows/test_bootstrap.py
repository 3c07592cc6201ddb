"""`shipway bootstrap`, against an API server that knows as much of Kubernetes as the command asks."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://git.mine.test/models.git"
CRDS = "customresourcedefinitions"
CHART = YAML(typ="safe", pure=True).load((ROOT / "apps/platform/argo-cd/application.yaml").read_text())["spec"][
    "sources"
][0]
# A helm that notes down what it was asked, and says what the test wants.
HELM = """#!/bin/sh
echo "$@" >> "$HELM_ASKED"
case "$*" in *" list "*) echo "$HELM_LIST";; *) echo "helm was here"; exit "${HELM_EXIT:-0}";; esac
"""


class Api(ThreadingHTTPServer):
    """An API server with one kind, of which it has Argo CD's or nothing."""

    has_argo_cd = False

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """Discovery, and one object."""

    server: Api

    def do_GET(self) -> None:
        """What kubectl needs to find a CustomResourceDefinition."""
        group = {"groupVersion": "apiextensions.k8s.io/v1", "version": "v1"}
        kind = {"name": CRDS, "shortNames": ["crd"], "singularName": "", "namespaced": False, "verbs": ["get"]}
        answers = {
            "/api": {"kind": "APIVersions", "versions": []},
            "/apis": {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [{"name": "apiextensions.k8s.io", "versions": [group], "preferredVersion": group}],
            },
            "/apis/apiextensions.k8s.io/v1": {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": group["groupVersion"],
                "resources": [{**kind, "kind": "CustomResourceDefinition"}],
            },
        }
        if self.server.has_argo_cd:
            name = "applications.argoproj.io"
            answers[f"/apis/apiextensions.k8s.io/v1/{CRDS}/{name}"] = {
                "kind": "CustomResourceDefinition",
                "apiVersion": group["groupVersion"],
                "metadata": {"name": name},
            }
        found = answers.get(self.path.partition("?")[0])
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        body = json.dumps(found or missing).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def api() -> Iterator[Api]:
    """A running API server, without Argo CD."""
    server = Api(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A team's clone, its settings made and committed."""
    folder = tmp_path / "clone"
    for name in ("apps", "kustomize", "workflows/rendered"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "workflows/kustomization.yaml", folder / "workflows")
    settings = folder / "kustomize/settings/settings.yaml"
    settings.write_text(settings.read_text().replace("https://git.example.com/team/shipway.git", REPOSITORY))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *arguments], cwd=folder, check=True)
    return folder


@pytest.fixture
def environment(tmp_path: Path, api: Api) -> dict[str, str]:
    """A context for the API server, and a helm that is none."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": api.url}}],
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "mine",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    (tmp_path / "bin").mkdir()
    helm = tmp_path / "bin/helm"
    helm.write_text(HELM)
    helm.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{Path(shutil.which('git') or '').parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),  # kubectl keeps what it discovered there
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "HELM_ASKED": str(tmp_path / "asked"),
        "HELM_LIST": "[]",
        "PYTHONPATH": str(ROOT),
    }


def bootstrap(
    clone: Path, environment: dict[str, str], *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user would."""
    command = [sys.executable, "-m", "workflows", "bootstrap", *arguments]
    return subprocess.run(
        command, cwd=clone, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=120
    )


def sentence(outcome: subprocess.CompletedProcess[str]) -> str:
    """The one line that an error has; never a traceback."""
    (line,) = outcome.stderr.strip().splitlines()
    assert line.startswith("shipway: ")
    return line


def asked(environment: dict[str, str]) -> list[str]:
    """What helm was asked to change."""
    path = Path(environment["HELM_ASKED"])
    return [line for line in path.read_text().splitlines() if " list " not in line] if path.exists() else []


def test_it_says_what_it_will_do_and_a_no_changes_nothing(clone, environment, api):
    """The cluster, the repository, each step with its command and the chart's pinned version."""
    outcome = bootstrap(clone, environment, stdin="n\n")

    assert 1 == outcome.returncode
    assert f"mine ({api.url})" in outcome.stdout
    assert f"{REPOSITORY} at main" in outcome.stdout
    assert f"1. install Argo CD into the namespace argocd: chart argo-cd {CHART['targetRevision']}" in outcome.stdout
    assert "kubectl --context mine apply -k apps -l shipway.dev/root=true" in outcome.stdout
    assert outcome.stdout.endswith("nothing was changed\n")
    assert [] == asked(environment)


def test_it_installs_the_chart_that_argo_cd_keeps_itself_by_and_stops_where_that_fails(clone, environment):
    """Chart, repository, version, release and values are those of apps/platform/argo-cd."""
    outcome = bootstrap(clone, {**environment, "HELM_EXIT": "3"}, "--yes")
    (line,) = asked(environment)

    assert 1 == outcome.returncode
    assert "ended with exit code 3: see above" in sentence(outcome)
    assert "helm was here" in outcome.stdout
    assert "$ kubectl" not in outcome.stdout
    assert "--kube-context mine upgrade --install argocd argo-cd" in line
    assert f"--repo {CHART['repoURL']} --version {CHART['targetRevision']} --namespace argocd" in line
    assert "--values apps/platform/argo-cd/values.yaml" in line


def test_where_argo_cd_is_there_it_is_only_given_the_repository(clone, environment, api):
    """Whoever installed it, and even where helm is not."""
    api.has_argo_cd = True
    (Path(environment["PATH"].split(":")[0]) / "helm").unlink()
    outcome = bootstrap(clone, environment, stdin="n\n")

    assert "Argo CD is there already" in outcome.stdout
    assert "1. give it this repository" in outcome.stdout
    assert "helm" not in outcome.stdout


def test_an_installation_that_broke_off_is_done_again(clone, environment, api):
    """The kinds came first, so they are no proof."""
    api.has_argo_cd = True
    environment["HELM_LIST"] = json.dumps([{"name": "argocd", "status": "failed"}])

    assert "1. install Argo CD" in bootstrap(clone, environment, stdin="n\n").stdout


def test_where_nobody_can_answer_it_asks_for_yes(clone, environment):
    """As in a script."""
    outcome = bootstrap(clone, environment)

    assert 2 == outcome.returncode
    assert "nobody is there to be asked: say --yes" in outcome.stderr


def test_the_examples_settings_are_refused(clone, environment):
    """With the file to change."""
    path = clone / "kustomize/settings/settings.yaml"
    path.write_text(path.read_text().replace(REPOSITORY, "https://git.example.com/team/shipway.git"))
    outcome = bootstrap(clone, environment)

    assert 2 == outcome.returncode
    assert "kustomize/settings/settings.yaml still names the example" in sentence(outcome)


def test_what_is_not_committed_is_refused(clone, environment):
    """Argo CD would find something else in git."""
    (clone / "apps/root.yaml").write_text((clone / "apps/root.yaml").read_text() + "# more\n")
    outcome = bootstrap(clone, environment)

    assert 2 == outcome.returncode
    assert f"apps/root.yaml is not committed, and Argo CD reads {REPOSITORY}" in sentence(outcome)


def test_without_a_context_no_cluster_is_meant(clone, environment):
    """Neither a file nor a current context in it."""
    outcome = bootstrap(clone, {**environment, "KUBECONFIG": str(clone / "none")})

    assert 2 == outcome.returncode
    assert "kubectl has no current context" in sentence(outcome)


def test_without_helm_the_sentence_says_where_it_is_from(clone, environment):
    """On a cluster without Argo CD."""
    (Path(environment["PATH"].split(":")[0]) / "helm").unlink()
    outcome = bootstrap(clone, environment)

    assert 2 == outcome.returncode
    assert "helm is not installed" in sentence(outcome)


def test_a_cluster_that_does_not_answer_is_named(clone, environment, api):
    """With its address and kubectl's reason."""
    path = Path(environment["KUBECONFIG"])
    path.write_text(path.read_text().replace(api.url, "http://127.0.0.1:9"))
    outcome = bootstrap(clone, environment)

    assert 1 == outcome.returncode
    assert "the context mine (http://127.0.0.1:9) cannot be asked: " in sentence(outcome)
