"""What the probes of a pod ask, put to a real server whose only version could not be loaded."""

import socket
import time

import httpx
import pytest

from serving.core.servable_data import ServableData
from serving.core.servable_id import ServableId
from serving.errors import FailedPrecondition
from serving.options import ServerOptions
from serving.server import Server
from tests.kustomize.conftest import ROOT
from tests.kustomize.objects import of, server
from workflows.kustomize import render

TIMEOUT_S = 30


class BrokenVersion:
    """A source that aspires to one version of the model `model`, which no loader can load."""

    def set_aspired_versions_callback(self, callback):
        """Says so at once."""
        callback("model", [ServableData(ServableId("model", 1), FailedPrecondition("a file was altered"))])

    def stop(self):
        """Has nothing to stop."""


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def broken():
    """The address of such a server, once its version has ended."""
    options = ServerOptions(grpc_port=free_port(), rest_api_port=free_port(), host="127.0.0.1")
    with Server(options, BrokenVersion()):
        url = f"http://127.0.0.1:{options.rest_api_port}"
        end = time.monotonic() + TIMEOUT_S
        while '"END"' not in httpx.get(f"{url}/v1/models/model").text:
            assert time.monotonic() < end
            time.sleep(0.05)
        yield url


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe"])
def test_a_pod_without_a_version_that_answers_is_not_ready(broken, probe):
    """By the path in the base."""
    (deployment,) = of(render(ROOT / "kustomize/base"), "Deployment").values()

    assert 404 == httpx.get(broken + server(deployment)[probe]["httpGet"]["path"]).status_code


def test_the_status_alone_would_say_200(broken):
    """As upstream's does: it answers for any version that it knows of."""
    assert 200 == httpx.get(f"{broken}/v1/models/model").status_code
