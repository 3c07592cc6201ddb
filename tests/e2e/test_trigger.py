"""A push starts what it should, on a real Argo Server that checks signatures and evaluates the selectors."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.argo_server import apply, argo_server, delivered, idle, moved, namespace, webhook_secrets
from tests.e2e.kubectl import every, kubectl, until
from workflows.kustomize import render
from workflows.triggers import BOT, LISTED

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
BOTH = {"cancer", "digits"}
NONE: set[str] = set()
SECRET = "only the host and the cluster know"  # noqa: S105 - of this test's namespace
GITLAB = "GitLab's own"


@dataclass(frozen=True)
class Site:
    """A namespace with the triggers in it, and the server that is told of pushes."""

    url: str
    namespace: str

    def started(self, commit: str) -> set[str]:
        """The models for which there is a run of a commit."""
        label = "shipway.dev/model"
        found = every("workflows", self.namespace)
        return {
            item["metadata"]["labels"][label]
            for item in found
            if {"name": "source-commit", "value": commit} in item["spec"]["arguments"]["parameters"]
        }

    def push(self, payload: Any, secret: str = SECRET, host: str = "github") -> int:
        """The status with which a push is taken."""
        return delivered(self.url, self.namespace, payload, secret, host=host)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """What apps/workflows brings, with a template that does nothing, and the Secret that is made by hand."""
    with namespace(f"trigger-{secrets.token_hex(3)}") as name, argo_server() as server:
        items = moved(render(ROOT / "apps/workflows"), name)
        items = [idle(item) if item["kind"] == "WorkflowTemplate" else item for item in items]
        apply([*items, *webhook_secrets(SECRET)], name)
        token = ["get", "secret", "webhook.service-account-token", "-n", name, "-o", "jsonpath={.data.token}"]
        until("the token of the account webhook", lambda: kubectl(*token))
        yield Site(server.url, name)


@dataclass
class Commit:
    """A commit as GitHub, GitLab and Gitea tell of one."""

    modified: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    email: str = "person@example.com"

    def document(self) -> dict[str, Any]:
        """Its entry in the payload."""
        author = {"name": "Somebody", "email": self.email}
        return {"author": author, "added": self.added, "modified": self.modified, "removed": self.removed}


def pushed(*commits: Commit, ref: str = "refs/heads/main", **more: Any) -> dict[str, Any]:
    """The payload of a push, with a commit id of its own."""
    return {"ref": ref, "after": secrets.token_hex(20), "commits": [commit.document() for commit in commits], **more}


def bare(**left: Any) -> dict[str, Any]:
    """A push of one commit of which the host gives just what is named."""
    return {**pushed(), "commits": [left]}


PUSHES = {
    "a file of a model": (pushed(Commit(["training/models/digits/config.py"])), {"digits"}),
    "a file that a model did not have": (pushed(Commit(added=["training/models/cancer/more/data.py"])), {"cancer"}),
    "a file that a model has no more": (pushed(Commit(removed=["training/models/digits/old.py"])), {"digits"}),
    "files of two models in two commits": (
        pushed(Commit(["training/models/digits/data.py"]), Commit(["training/models/cancer/data.py"])),
        BOTH,
    ),
    "a step that all models share": (pushed(Commit(["training/train.py"])), BOTH),
    "a file beside the models": (pushed(Commit(["training/models/__init__.py"])), BOTH),
    "the workflow": (pushed(Commit(["workflows/train.py"])), BOTH),
    "the rendered workflow": (pushed(Commit(["workflows/rendered/train.yaml"])), BOTH),
    "a model of another name that begins alike": (pushed(Commit(["training/models/digits2/data.py"])), NONE),
    "only the engine of one machine": (pushed(Commit(["workflows/local/tree.py", "workflows/commands/run.py"])), NONE),
    "only the triggers": (pushed(Commit(["workflows/triggers.py", "workflows/rendered/triggers.yaml"])), NONE),
    "only words": (pushed(Commit(["training/README.md", "training/models/digits/README.md"])), NONE),
    "a release": (pushed(Commit(["kustomize/overlays/dev/kustomization.yaml"], email=BOT)), NONE),
    "a promotion by hand": (pushed(Commit(["kustomize/overlays/prod/kustomization.yaml"])), NONE),
    "the bot in training": (pushed(Commit(["training/train.py"], email=BOT)), NONE),
    "the bot after a person": (
        pushed(
            Commit(["training/models/digits/data.py"]),
            Commit(["kustomize/overlays/dev/kustomization.yaml"], email=BOT),
        ),
        {"digits"},
    ),
    "another folder of that name": (pushed(Commit(["docs/training/train.py", "serving/workflows/train.py"])), NONE),
    "a file called training": (pushed(Commit(["training"])), NONE),
    "another branch": (pushed(Commit(["training/train.py"]), ref="refs/heads/maintenance"), NONE),
    "a tag": (pushed(Commit(["training/train.py"]), ref="refs/tags/main"), NONE),
    "the branch removed": ({**pushed(Commit(["training/train.py"])), "after": "0" * 40, "deleted": True}, NONE),
    "an empty commit": (pushed(Commit()), NONE),
    "a force push back to an old commit": (pushed(forced=True), NONE),
    "a force push of other commits": (pushed(Commit(["training/train.py"]), forced=True), BOTH),
    "no list of commits": ({**pushed(), "commits": None}, NONE),
    "no author": (bare(modified=["training/train.py"]), BOTH),
    "no list of files": (bare(author={"email": "person@example.com"}), BOTH),
    "one list of files": (bare(author={"email": "person@example.com"}, added=["kustomize/README.md"]), NONE),
    "no list of the bot's files": (bare(author={"email": BOT}), NONE),
    "as many files as are listed": (pushed(Commit([f"docs/{number}" for number in range(LISTED)])), BOTH),
    "GitLab leaving commits out": (pushed(Commit(["docs/a"]), total_commits_count=21), BOTH),
    "Gitea leaving commits out": (pushed(Commit(["docs/a"]), total_commits=16), BOTH),
    "all commits counted": (pushed(Commit(["docs/a"]), total_commits_count=1, total_commits=1), NONE),
    "an id of 64 digits": ({**pushed(Commit(["training/train.py"])), "after": secrets.token_hex(32)}, BOTH),
}


@pytest.mark.parametrize("name", PUSHES)
def test_a_push_starts_the_models_that_it_changes(site: Site, name: str):
    """One run for each model that is made by other code now, of the commit that the branch is at."""
    payload, models = PUSHES[name]

    assert 200 == site.push(payload)
    assert models == site.started(payload["after"])


def test_an_event_that_is_no_push_starts_nothing(site: Site):
    """GitHub says hello when a webhook is made, and tells of other things if it is asked to."""
    before = len(every("workflows", site.namespace))

    assert [200, 200] == [site.push({"zen": "Keep it logically awesome."}), site.push({"ref": "main"})]
    assert before == len(every("workflows", site.namespace))


def test_a_wrong_signature_starts_nothing(site: Site):
    """Whoever does not know the secret is nobody to Argo Server."""
    payload = pushed(Commit(["training/train.py"]))

    assert 401 == site.push(payload, "guessed")
    assert NONE == site.started(payload["after"])


def test_a_push_without_a_signature_starts_nothing(site: Site):
    """As does a signature of a kind that the Secret does not name."""
    payload = pushed(Commit(["training/train.py"]))

    assert 401 == site.push(payload, SECRET, host="gitlab")
    assert NONE == site.started(payload["after"])


def test_a_push_that_is_told_twice_starts_one_run(site: Site):
    """The run is named for the commit, so the second is refused; the host sees that it was."""
    payload = pushed(Commit(["training/models/digits/data.py"]))

    assert [200, 500] == [site.push(payload), site.push(payload)]
    assert {"digits"} == site.started(payload["after"])
    assert 1 == sum(payload["after"][:12] in item["metadata"]["name"] for item in every("workflows", site.namespace))


def test_gitlab_shows_its_secret_instead_of_a_signature(site: Site):
    """The Secret says by the account's name which host it is and what it shows."""
    payload = pushed(Commit(["training/train.py"]), object_kind="push")
    apply(webhook_secrets(GITLAB, host="gitlab"), site.namespace)

    assert [401, 200] == [site.push(payload, "guessed", "gitlab"), site.push(payload, GITLAB, "gitlab")]
    assert BOTH == site.started(payload["after"])


def test_the_week_starts_a_run_of_the_branch(site: Site):
    """Here each minute is a week: a run of the template, by a name of its own, and no commit is given."""
    kubectl(
        "patch",
        *("cronworkflow", "retrain-cancer", "-n", site.namespace),
        *("--type=merge", "-p", '{"spec": {"schedules": ["* * * * *"]}}'),
    )
    label = ["-l", "workflows.argoproj.io/cron-workflow=retrain-cancer"]
    (run, *_) = until("a run of retrain-cancer", lambda: every("workflows", site.namespace, *label))

    assert run["metadata"]["name"].startswith("retrain-cancer-")
    assert "cancer" == run["metadata"]["labels"]["shipway.dev/model"]
    assert {"name": "train"} == run["spec"]["workflowTemplateRef"]
    assert [{"name": "model", "value": "cancer"}] == run["spec"]["arguments"]["parameters"]


def test_the_webhook_may_do_nothing_else(site: Site):
    """Its token starts workflows and reads neither them, nor Secrets, nor anything of another namespace."""
    account = f"--as=system:serviceaccount:{site.namespace}:webhook"

    def may(verb: str, what: str, where: str = site.namespace) -> bool:
        return kubectl("auth", "can-i", verb, what, "-n", where, account, check=False).strip() == "yes"

    assert [True, True, True] == [
        may("create", "workflows"),
        may("list", "workfloweventbindings"),
        may("get", "workflowtemplates/train"),
    ]
    assert [] == [
        (verb, what)
        for verb, what in [
            ("get", "workflows"),
            ("delete", "workflows"),
            ("get", "workflowtemplates/other"),
            ("get", "secrets"),
            ("create", "pods"),
            ("create", "workflowtemplates"),
        ]
        if may(verb, what)
    ]
    assert not may("create", "workflows", "default")
