"""A team's installation on a cluster: a clone with its settings, pushed; the Secrets; and the root Application.

What a person does by hand on the way is here and nowhere else, so that it can be read beside apps/README.md.
"""

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.e2e.kubectl import Object, every, get, kubectl, until

ROOT = Path(__file__).parents[2]
HOST = os.environ.get("REGISTRY", "").partition(":")[0]
# The test cluster's own; a variable of this name says where another cluster has it.
GIT = os.environ.get("SHIPWAY_E2E_GIT", f"http://{HOST}:3000/git/e2e.git")
REGISTRY = os.environ.get("SHIPWAY_E2E_REGISTRY", f"{HOST}:5000")
S3 = os.environ.get("SHIPWAY_E2E_S3", f"http://cluster:cluster@{HOST}:8333/artifacts")
ARGO_CD = os.environ.get("SHIPWAY_E2E_ARGOCD", f"http://{HOST}:8080")
ARGO_SERVER = os.environ.get("SHIPWAY_E2E_ARGO_SERVER", f"{HOST}:2746")
TAG = os.environ.get("SHIPWAY_E2E_TAG", "0.1.0")  # of the image of the steps
HAS = (
    "argo-cd",
    "argo-workflows",
    "gpu-operator",
    "kube-prometheus-stack",
    "seaweedfs",
)  # parts that are there, or not needed
ENVIRONMENTS = ("dev", "staging", "prod")
APPLICATIONS = ("root", "workflows", *(f"serving-{name}" for name in ENVIRONMENTS))
LOOK_S = 0.5
PERSON = ["-c", "user.name=Person", "-c", "user.email=person@localhost"]


@dataclass(frozen=True)
class Site:
    """A clone with a work tree, whose remote the cluster follows."""

    clone: Path

    def git(self, *words: str) -> str:
        """What git printed."""
        done = subprocess.run(["git", *PERSON, *words], cwd=self.clone, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def edit(self, path: str, pattern: str, replacement: str) -> None:
        """Changes a file by a regular expression that must match."""
        file = self.clone / path
        text, times = re.subn(pattern, replacement, file.read_text(), flags=re.MULTILINE)
        assert times, f"{path} has nothing like {pattern}"
        file.write_text(text)

    def push(self, subject: str) -> str:
        """Commits everything and pushes; gives the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)
        self.git("pull", "-q", "--rebase", "origin", "main")
        self.git("push", "-q", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def pull(self) -> str:
        """Brings the clone to the remote's main and gives its id."""
        self.git("pull", "-q", "--rebase", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def copy(self, folder: Path, commit: str) -> "Site":
        """Another clone, at a commit, which knows nothing of the cluster's remote."""
        subprocess.run(["git", "clone", "-q", str(self.clone), str(folder)], check=True)
        other = Site(folder)
        other.git("checkout", "-q", "-B", "main", commit)
        return other

    def image(self, environment: str, model: str) -> str:
        """`<version>@<digest>` of a model as git has it for an environment; empty where it runs none."""
        self.pull()
        text = (self.clone / f"kustomize/overlays/{environment}/kustomization.yaml").read_text()
        found = re.search(rf'name: models/{model}\n\s+newTag: "(\d+)"\n\s+digest: (\S+)', text)
        return f"{found[1]}@{found[2]}" if found else ""


def make(folder: Path) -> Site:
    """Clones this repository's last commit, makes the settings a team's, and pushes it as main."""
    site = Site(folder / "clone")
    subprocess.run(["git", "clone", "-q", str(ROOT), str(site.clone)], check=True)
    settings = "kustomize/settings/settings.yaml"
    site.edit(settings, r"^  repository: .*$", f"  repository: {GIT}")
    site.edit(settings, r"^  registry: .*$", f"  registry: {REGISTRY}")
    site.edit(settings, r"^  serving-image: .*?/", f"  serving-image: {REGISTRY}/")
    for part in HAS:
        site.edit("apps/kustomization.yaml", rf"^  - (platform/{part}/.*)$", r"  # - \1")
    site.edit("apps/kustomization.yaml", r"^  - (monitoring.yaml.*)$", r"  # - \1")
    site.edit("kustomize/overlays/prod/kustomization.yaml", r"^  - (\.\./\.\./components/monitoring.*)$", r"  # - \1")
    site.edit("workflows/rendered/train.yaml", r"value: shipway/training:.*$", f"value: shipway/training:{TAG}")
    for environment in ("staging", "prod"):  # so that a small cluster has room for the workflow beside them
        site.edit(f"kustomize/overlays/{environment}/server.yaml", r"cpu: .*$", "cpu: 50m")
    store = urlsplit(S3)
    artifacts = "apps/workflows/artifact-repositories.yaml"
    site.edit(artifacts, r"endpoint: .*$", f"endpoint: {store.netloc.rpartition('@')[2]}")
    site.edit(artifacts, r"bucket: .*$", f"bucket: {store.path.strip('/')}")
    site.git("remote", "set-url", "origin", GIT)
    site.git("checkout", "-q", "-B", "main")
    site.git("commit", "-qam", "Make it ours")
    site.git("push", "-q", "--force", "origin", "HEAD:main")
    return site


def image() -> str:
    """The image of the steps."""
    return f"{REGISTRY}/shipway/training:{TAG}"


def install(site: Site) -> None:
    """The steps by hand of apps/README.md: the Secret of the artifact store, and the root Application."""
    if not get("namespace", "training", "default"):
        kubectl("create", "namespace", "training")
    store = urlsplit(S3)
    keys = [f"--from-literal=accesskey={store.username}", f"--from-literal=secretkey={store.password}"]
    kubectl("-n", "training", "create", "secret", "generic", "artifacts", *keys, check=False)
    kubectl("apply", "-k", str(site.clone / "apps"), "-l", "shipway.dev/root=true")


@contextmanager
def git_host() -> Iterator[None]:
    """Tells Argo CD of every push within the block, as the webhook of a git host does; the git server here has none."""
    over = threading.Event()

    def watch() -> None:
        told = ""
        while not over.wait(LOOK_S):
            found = subprocess.run(
                ["git", "ls-remote", GIT, "refs/heads/main"], capture_output=True, check=False
            ).stdout
            if found and found != told:
                _tell_argo_cd()
                told = found

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tell_argo_cd() -> None:
    event = {
        "ref": "refs/heads/main",
        "repository": {"html_url": GIT.removesuffix(".git"), "clone_url": GIT, "default_branch": "main"},
        "commits": [],
    }
    with contextlib.suppress(httpx.HTTPError):  # it is told again by the next push, and looks by itself
        httpx.post(f"{ARGO_CD}/api/webhook", json=event, headers={"X-GitHub-Event": "push"})


def application(name: str) -> Object:
    """An Application of Argo CD."""
    return get("application", name, "argocd")


def settled(name: str, commit: str = "") -> str:
    """`Synced Healthy`, at a commit if one is given; empty before that."""
    status = application(name).get("status", {})
    state = f"{status.get('sync', {}).get('status')} {status.get('health', {}).get('status')}"
    at = status.get("sync", {}).get("revision", "")
    return state if state == "Synced Healthy" and (not commit or at == commit) else ""


def sync(name: str) -> None:
    """A sync by hand, which a closed sync window lets through."""
    kubectl("-n", "argocd", "patch", "application", name, "--type=merge", "-p", '{"operation": {"sync": {}}}')


def wait_until_settled(commit: str = "", within: float = 180) -> float:
    """Waits until every Application is Synced and Healthy; gives the seconds it took."""
    started = time.monotonic()
    for name in APPLICATIONS:
        if name == "serving-prod":
            until("Application serving-prod is there", partial(application, "serving-prod"), within=within)
            sync(name)
        until(f"Application {name} is Synced and Healthy", partial(settled, name, commit), within=within)
    return time.monotonic() - started


def remove() -> None:
    """Takes away everything: root first, which would bring it back, and the projects last, which deleting needs."""
    namespaces = ("training", *(f"serving-{name}" for name in ENVIRONMENTS))
    for kind, name in [("application", "root"), ("applicationset", "serving"), ("application", "workflows")]:
        kubectl("-n", "argocd", "delete", kind, name, "--ignore-not-found")
    until("the Applications are gone", lambda: not every("applications", "argocd"))
    for name in ("root", "serving", "workflows", "platform"):
        kubectl("-n", "argocd", "delete", "appproject", name, "--ignore-not-found")
    kubectl("delete", "namespace", *namespaces, "--ignore-not-found")
