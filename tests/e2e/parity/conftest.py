"""Every case is run once for all tests: on the cluster, and meanwhile with the local engine."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.parity import argo, local


@dataclass(frozen=True)
class Runs:
    """Both engines' results by the name of the case."""

    argo: dict[str, dict[str, Any]]
    local: dict[str, Future[dict[str, Any]]]


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """What both engines made of the cases that this session has tests for."""
    wanted = [item.callspec.params["case"] for item in request.session.items if "runs" in item.fixturenames]
    folder = tmp_path_factory.mktemp("local")
    with ThreadPoolExecutor(2) as pool, argo.namespace():
        own = {case.name: pool.submit(local.run, case.document, folder) for case in wanted}
        yield Runs(argo.run([case.for_argo() for case in wanted]), own)
