"""Argo Server out of reach, busy, refusing or somebody else: one sentence each, and no second try where it may harm."""

from collections.abc import Iterator

import pytest

from tests.workflows.argo_api import ArgoApi, argo_api
from workflows import argo_server
from workflows.argo_server import Address, ArgoServer, address
from workflows.errors import ClusterError, NotOnCluster, UsageError

BEARER = "Bearer x"


@pytest.fixture
def api() -> Iterator[ArgoApi]:
    """A server that answers."""
    with argo_api() as server:
        yield server


@pytest.fixture
def server(api: ArgoApi) -> Iterator[ArgoServer]:
    """Its client."""
    client = ArgoServer(Address(api.url, token=BEARER))
    yield client
    client.close()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ARGO_SERVER": "argo.mine.test:2746"}, Address("https://argo.mine.test:2746")),
        ({"ARGO_SERVER": "localhost:2746", "ARGO_SECURE": "false"}, Address("http://localhost:2746")),
        ({"ARGO_SERVER": "http://localhost:2746/"}, Address("http://localhost:2746")),
        ({"ARGO_SERVER": "a:1", "ARGO_BASE_HREF": "/argo/"}, Address("https://a:1/argo")),
        ({"ARGO_SERVER": "a:1", "ARGO_TOKEN": "Bearer x"}, Address("https://a:1", token=BEARER)),
        ({"ARGO_SERVER": "a:1", "ARGO_TOKEN": "x"}, Address("https://a:1", token=BEARER)),
        ({"ARGO_SERVER": "a:1", "ARGO_NAMESPACE": "ml"}, Address("https://a:1", "ml")),
        ({"ARGO_SERVER": "a:1", "ARGO_INSECURE_SKIP_VERIFY": "true"}, Address("https://a:1", verify=False)),
    ],
)
def test_the_address_is_as_the_command_argo_has_it(environment: dict[str, str], expected: Address):
    """By the same variables."""
    assert expected == address(environment=environment)


def test_options_go_before_the_environment():
    """What is typed is meant."""
    found = address("http://b:2", "other", {"ARGO_SERVER": "a:1", "ARGO_NAMESPACE": "ml"})

    assert Address("http://b:2", "other") == found


def test_no_address_at_all():
    """The sentence says how to come by one."""
    with pytest.raises(UsageError, match=r"set ARGO_SERVER or --server.*port-forward"):
        address(environment={})


def test_a_token_is_sent_and_never_shown(api: ArgoApi, server: ArgoServer):
    """Not even where an address is printed."""
    server.template("train")

    assert BEARER == api.headers[0]["Authorization"]
    assert "Bearer" not in repr(server.address)


@pytest.mark.parametrize("faults", [[503], [502, 429], [None], [None, 504]])
def test_a_server_that_comes_back_is_asked_again(api: ArgoApi, server: ArgoServer, faults: list[int | str | None]):
    """A restart, a proxy without it, a broken connection; whoever waits is told."""
    said: list[str] = []
    server.waiting = said.append
    api.faults = faults
    tries = len(faults)

    assert api.templates["train"] == server.template("train")
    assert tries == len(said) == len(api.asked) - 1
    assert all("asking again" in sentence for sentence in said)


def test_no_server(monkeypatch: pytest.MonkeyPatch):
    """One sentence with the address and what to check."""
    monkeypatch.setattr(argo_server, "SHORT_S", 0.1)
    client = ArgoServer(Address("http://127.0.0.1:1"))

    with pytest.raises(ClusterError, match=r"127.0.0.1:1 does not answer \(.*refused\): check ARGO_SERVER"):
        client.template("train")
    client.close()


@pytest.mark.parametrize("url", ["http://[", "ftp://a:1", "http://a b:1", "https://:2746"])
def test_an_address_that_is_none(url: str, monkeypatch: pytest.MonkeyPatch):
    """Whatever was typed, one sentence."""
    monkeypatch.setattr(argo_server, "SHORT_S", 0.1)
    with pytest.raises((UsageError, ClusterError), match=r"expected host:port|check ARGO_SERVER"):
        ArgoServer(Address(url)).template("train")


@pytest.mark.parametrize("status", [401, 403])
def test_not_allowed(api: ArgoApi, server: ArgoServer, status: int):
    """Asked once; the sentence says where a token goes."""
    api.faults = [status]
    with pytest.raises(ClusterError, match=r"does not allow it \(not now\): give a token that may by ARGO_TOKEN"):
        server.template("train")
    assert 1 == len(api.asked)


def test_refused(api: ArgoApi, server: ArgoServer):
    """In the server's own words."""
    api.faults = [400]
    with pytest.raises(ClusterError, match="refused with 400: not now"):
        server.template("train")


def test_not_there(server: ArgoServer):
    """Another error than one of the server's, so that callers can say what it means."""
    with pytest.raises(NotOnCluster, match=r'"none" not found \(namespace training\)'):
        server.workflow("none")


@pytest.mark.parametrize("path", ["train", "list"])
def test_a_server_that_is_not_argos(api: ArgoApi, server: ArgoServer, path: str):
    """A page of something else is no answer."""
    api.templates = {"train": b"<html>", "list": []}
    with pytest.raises(ClusterError, match="does not speak as Argo Server does"):
        server.template(path)


def test_the_lines_of_a_log(api: ArgoApi, server: ArgoServer):
    """Argo gives one document a line; of a pod that is gone, none."""
    api.logs = {"pod": ["one", "two"]}

    assert ["one", "two"] == server.log("wf", "pod", 2)
    assert [] == server.log("wf", "gone", 2)
