"""One submission makes one run, whatever breaks meanwhile; and what it leaves on this machine is as a local run's."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.argo_api import ArgoApi, argo_api
from workflows.argo_server import Address, ArgoServer
from workflows.errors import ClusterError, NotOnCluster, UsageError
from workflows.local import Status
from workflows.submit import submit
from workflows.watch import Following, fetch, newest, stop

TIME = "2026-11-23T00:00:00Z"


@pytest.fixture
def api() -> Iterator[ArgoApi]:
    """A server that answers."""
    with argo_api() as server:
        yield server


@pytest.fixture
def server(api: ArgoApi) -> Iterator[ArgoServer]:
    """Its client."""
    client = ArgoServer(Address(api.url))
    yield client
    client.close()


class Seen:
    """What a tree was told to show."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.closed = False

    def changed(self, status: Status) -> None:
        """Notes the run's message."""
        self.messages.append(status.message)

    def close(self, status: Status) -> None:
        """Notes the end."""
        self.closed = bool(status.name)


def node(name: str, phase: str = "Succeeded", *artifacts: str) -> dict[str, Any]:
    """A pod of a run called wf."""
    outputs = {"artifacts": [{"name": artifact} for artifact in artifacts]}
    times = {"startedAt": TIME, "finishedAt": TIME}
    kind = {"displayName": name, "type": "Pod", "templateName": name, "boundaryID": "wf", "outputs": outputs}
    return {"id": f"wf-{name}", "name": f"wf.{name}", "phase": phase, **kind, **times}


def ended(*nodes: dict[str, Any], phase: str = "Succeeded", **status: Any) -> dict[str, Any]:
    """A Workflow at its end."""
    given = [{"name": "model", "value": "digits"}]
    return {
        "metadata": {"name": "wf", "creationTimestamp": TIME},
        "spec": {"arguments": {"parameters": given}},
        "status": {
            "phase": phase,
            "startedAt": TIME,
            "finishedAt": TIME,
            "nodes": {n["id"]: n for n in nodes},
            **status,
        },
    }


def packed(**files: str) -> bytes:
    """An archive as Argo's executor makes one of a folder `page`."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"page/{name.replace('_', '.')}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def test_a_run_is_named_as_one_of_this_machine_is(server: ArgoServer):
    """Template, model and second; with the parameters that were given and no other."""
    made = submit(server, "digits", {"pool": "cpu"})

    assert made["metadata"]["name"].startswith("train-digits-20")
    assert [{"name": "model", "value": "digits"}, {"name": "pool", "value": "cpu"}] == (
        made["spec"]["arguments"]["parameters"]
    )


@pytest.mark.parametrize("fault", ["after", 503])
def test_a_connection_that_breaks_makes_no_second_run(api: ArgoApi, server: ArgoServer, fault: str | int):
    """Whether the server had made the run by then or not."""
    api.faults = [200, fault]
    made = submit(server, "digits", {})

    assert [made["metadata"]["name"]] == list(api.workflows)


def test_somebody_elses_run_of_that_second_is_left_alone(api: ArgoApi, server: ArgoServer):
    """Ours is of the next."""
    others: list[str] = []

    def first(name: str) -> Any:
        others.extend([name] if not others else [])
        return {"metadata": {"name": name, "labels": {}}} if name in others else None

    api.taken = first
    made = submit(server, "digits", {})

    assert made["metadata"]["name"] not in others
    assert 2 == len(api.workflows)


def test_a_refusal_is_said_in_the_servers_words(api: ArgoApi, server: ArgoServer):
    """And nothing is made."""
    api.faults = [200, 400]
    with pytest.raises(ClusterError, match="refused with 400: not now"):
        submit(server, "digits", {})
    assert {} == api.workflows


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"pools": "cpu"}, "has no parameter pools: it has model, pool, release"),
        ({"pool": "tpu"}, "pool is tpu.*gpu, cpu"),
    ],
)
def test_parameters_that_the_cluster_does_not_know(
    api: ArgoApi, server: ArgoServer, parameters: dict[str, str], words: str
):
    """Argo itself would take them without a word."""
    with pytest.raises(UsageError, match=words):
        submit(server, "digits", parameters)
    assert {} == api.workflows


def test_no_template(api: ArgoApi, server: ArgoServer):
    """The sentence says what brings it."""
    api.templates = {}
    with pytest.raises(NotOnCluster, match=r"no WorkflowTemplate train.*Application `workflows`"):
        submit(server, "digits", {})


def test_a_run_is_kept_as_one_of_this_machine(api: ArgoApi, server: ArgoServer, tmp_path: Path):
    """State, page, summary, and what was released."""
    api.workflows["wf"] = ended(
        node("release", "Succeeded", "report"), node("report", "Succeeded", "page", "main-logs")
    )
    api.artifacts["wf-report", "page"] = packed(report_html="<html>", summary_json="{}")
    api.artifacts["wf-release", "report"] = json.dumps(
        {"commit": "c0", "version": "1", "message": "Release it"}
    ).encode()
    following = Following(server, "wf")
    following.to_the_end()
    outcome = fetch(server, following, tmp_path)

    assert ("wf", "digits", "Succeeded", "1", "c0", "Release it") == (
        outcome.name,
        outcome.model,
        outcome.phase,
        outcome.version,
        outcome.commit,
        outcome.release,
    )
    assert ["<html>", "{}"] == [(tmp_path / "wf" / name).read_text() for name in ("report.html", "summary.json")]
    assert api.workflows["wf"] == json.loads((tmp_path / "wf/workflow.json").read_text())


def test_what_the_store_has_no_more_is_left_out(api: ArgoApi, server: ArgoServer, tmp_path: Path):
    """A run of last month: its state is there, its page is not."""
    api.workflows["wf"] = ended(node("report", "Succeeded", "page"))
    following = Following(server, "wf")
    following.to_the_end()
    outcome = fetch(server, following, tmp_path)

    assert (None, "", "Succeeded") == (outcome.page, outcome.error, outcome.phase)


def test_an_archive_that_leads_out_of_its_folder_is_left_out(api: ArgoApi, server: ArgoServer, tmp_path: Path):
    """Whatever a step has packed."""
    api.workflows["wf"] = ended(node("report", "Succeeded", "page"))
    api.artifacts["wf-report", "page"] = packed(**{"../../../../gone": "x"})
    following = Following(server, "wf")
    following.to_the_end()

    assert fetch(server, following, tmp_path / "runs").page is None
    assert not list(tmp_path.glob("gone*"))


def test_a_failed_step_is_told_of_with_its_last_words(api: ArgoApi, server: ArgoServer, tmp_path: Path):
    """From the pod, without Argo's own lines."""
    api.workflows["wf"] = ended(node("gate", "Failed"), phase="Failed")
    api.logs["wf-gate-gate"] = ["progress 1/1", "error: accuracy 0.2 is below 0.9", "Error: exit status 1"]
    following = Following(server, "wf")
    following.to_the_end()

    assert "gate: accuracy 0.2 is below 0.9" == fetch(server, following, tmp_path).error


def test_the_words_of_a_pod_that_is_gone_are_in_the_store(api: ArgoApi, server: ArgoServer):
    """Argo keeps the log as an artifact."""
    api.workflows["wf"] = ended(node("gate", "Failed", "main-logs"), phase="Failed")
    api.artifacts["wf-gate", "main-logs"] = b"error: no luck\n"
    following = Following(server, "wf")
    following.to_the_end()

    assert {"wf-gate": ["error: no luck"]} == following.words


def test_a_run_that_is_not_there(server: ArgoServer):
    """Nothing was shown, so nothing is closed."""
    seen = Seen()
    with pytest.raises(NotOnCluster, match="the run none is not there"):
        Following(server, "none", seen).to_the_end()
    assert not seen.closed


def test_a_run_that_is_deleted_while_it_is_followed(api: ArgoApi, server: ArgoServer):
    """It is said that it was there."""
    api.workflows["wf"] = ended(phase="Running")
    seen = Seen()
    following = Following(server, "wf", seen)
    seen.changed = lambda _: api.workflows.clear()  # type: ignore[method-assign]

    with pytest.raises(NotOnCluster, match="the run wf was deleted while it was followed"):
        following.to_the_end()
    assert seen.closed


def test_a_server_that_restarts_is_shown_to_be_away(api: ArgoApi, server: ArgoServer):
    """The tree stays and says so; the run is followed on."""
    api.workflows["wf"] = ended(phase="Running")
    seen = Seen()
    following = Following(server, "wf", seen)
    server.waiting = following.waiting

    def broken(status: Status) -> None:
        seen.messages.append(status.message)
        if len(seen.messages) == 1:
            api.faults = [None, 503]
            api.workflows["wf"] = ended()

    seen.changed = broken  # type: ignore[method-assign]
    following.to_the_end()

    assert ["", "asking again", "asking again", ""] == [message[-12:] for message in seen.messages]
    assert seen.closed


def test_the_newest_run_is_by_whomever(api: ArgoApi, server: ArgoServer):
    """Such as the one that a push has just started."""
    with pytest.raises(NotOnCluster, match="there is no run in namespace training"):
        newest(server)
    for name, time in (("z", "2026-11-22T00:00:00Z"), ("a", TIME)):
        api.workflows[name] = {"metadata": {"name": name, "creationTimestamp": time}}

    assert "a" == newest(server)


@pytest.mark.parametrize(
    ("phase", "spec", "told"),
    [("Running", {}, ["stop"]), ("Running", {"shutdown": "Stop"}, ["terminate"]), ("Succeeded", {}, [])],
)
def test_stopping_a_run(api: ArgoApi, server: ArgoServer, phase: str, spec: dict[str, str], told: list[str]):
    """At first its exit handler still runs, the second time not even that; one that has ended is left as it is."""
    api.workflows["wf"] = {**ended(phase=phase), "spec": spec}
    stop(server, "wf")

    assert told == [path.rpartition("/")[2] for method, path, _ in api.asked if method == "PUT"]
