"""The same model on one server and on a cluster, when a server dies, load triples, a version is updated and a node is
drained. What the clients saw is printed, and written into docs/why-a-cluster.md with SHIPWAY_E2E_WRITE=1.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import callers, faults, one_and_many, why_page
from tests.e2e.kubectl import get, kubectl, until
from tests.e2e.one_and_many import MANY, MODEL, NAME, ONE, Form
from tests.e2e.outage import Outage, p99, seen
from tests.e2e.tiny_versions import publish_versions
from workflows.overlay import Pin

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not faults.CLUSTER, reason="SHIPWAY_E2E_CLUSTER is not set: this cluster is not ours to break"),
]
SCRIPT = (Path(__file__).parent / "crowd.py").read_text()
CROWD = "crowd"
RATE = 40  # requests a second; the clients share two cores with the servers
BEFORE_S, AFTER_S = 15, 10
CALM_MS, CALM_WITHIN_S, PATIENCE_S = 500, 90, 300
# For the tripled load each server is held to a part of a core, since both nodes stand on one machine: more servers
# would else get no more of it. Of a quarter of a core these requests use about half on one server.
CPU, ROWS, SLOW_RATE, TRIPLED_S = "250m", 256, 16, 60
# An autoscaler acts on figures that are up to 30 s old: 15 s between its looks, 15 s between the metrics server's.
REACTION_S = 30
REPLICAS = 4
RUNS = int(os.environ.get("SHIPWAY_E2E_RUNS", "1"))


@dataclass(frozen=True)
class Bench:
    """Where the servers' manifests are made, and the two versions."""

    folder: Path
    old: Pin
    new: Pin


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Two versions; the namespaces are gone afterwards."""
    try:
        folder = tmp_path_factory.mktemp("why")
        yield Bench(folder, *publish_versions(folder, MODEL, 2))
    finally:
        one_and_many.uncordon()
        for form in (ONE, MANY):
            form.remove()


@pytest.fixture(scope="module")
def results() -> Iterator[why_page.Results]:
    """What every scenario gave; told at the end."""
    found: why_page.Results = {}
    yield found
    print("\n" + why_page.table(found))  # noqa: T201 - for who runs it with -s
    if os.environ.get("SHIPWAY_E2E_WRITE"):
        why_page.write(found)


@contextmanager
def crowd(form: Form, rows: int, phases: str) -> Iterator[None]:
    """Clients within the block, which begins when the machine is calm: else it would be measured instead."""
    callers.pod(CROWD, form.namespace, MODEL, NAME, str(rows), phases, script=SCRIPT)
    try:
        until("the clients are answered", lambda: callers.log(CROWD, form.namespace).versions(), within=PATIENCE_S)
        await_calm(form)
        yield
    finally:
        kubectl("-n", form.namespace, "delete", "pod", CROWD, "--ignore-not-found", "--grace-period=0", "--force")


def lines(form: Form) -> list[dict[str, Any]]:
    """What the clients saw so far."""
    return callers.log(CROWD, form.namespace).lines


def await_calm(form: Form) -> None:
    """Waits for BEFORE_S of fast answers; on a machine that is never calm, which the page then tells, not for ever."""
    end = time.monotonic() + CALM_WITHIN_S
    while not calm(lines(form)) and time.monotonic() < end:
        time.sleep(1)


def calm(found: list[dict[str, Any]]) -> bool:
    """Whether the last seconds had no failure and no slow answer."""
    last = [line for line in found if line["at"] > time.time() - BEFORE_S]
    whole = len(last) < len(found) and last[0]["at"] - found[0]["at"] > 1 if last else False
    return whole and not [line for line in last if line["error"]] and p99(last) < CALM_MS


def steady(form: Form, happens: Callable[[], None]) -> Outage:
    """What the clients saw of something that happens under a steady load."""
    with crowd(form, 1, f"3600:{RATE}"):
        event = time.time()
        happens()
        form.settled()
        time.sleep(AFTER_S)  # these seconds are what is measured
        return seen(lines(form), event, BEFORE_S)


def a_server_dies(form: Form, bench: Bench) -> Outage:
    """Its process is killed."""
    form.apply(bench.folder, bench.old)
    form.settled()

    def happens() -> None:
        pod = form.pods()[0]
        one_and_many.kill(pod)
        until("it has been started again", lambda: restarts(form, pod["metadata"]["name"]))

    return steady(form, happens)


def restarts(form: Form, pod: str) -> int:
    """How often the kubelet has started a pod's server again."""
    return int(get("pod", pod, form.namespace)["status"]["containerStatuses"][0]["restartCount"])


def load_triples(form: Form, bench: Bench) -> Outage:
    """Three times the clients for a minute."""
    form.apply(bench.folder, bench.old, cpu=CPU)
    form.settled()
    with crowd(form, ROWS, f"3600:{SLOW_RATE},{TRIPLED_S}:{3 * SLOW_RATE},{BEFORE_S}:{SLOW_RATE}"):
        event = time.time()
        kubectl("-n", form.namespace, "exec", CROWD, "--", "touch", "/tmp/next")  # noqa: S108 - in the pod
        if form.many:
            time.sleep(REACTION_S)  # before that no autoscaler would act
            form.scale(REPLICAS)
        until("the clients have asked", lambda: phase(form) == "Succeeded", within=PATIENCE_S)
        return seen(lines(form), event, BEFORE_S)


def phase(form: Form) -> str:
    """Of the clients' pod."""
    return str(get("pod", CROWD, form.namespace)["status"].get("phase"))


def a_version_is_updated(form: Form, bench: Bench) -> Outage:
    """The manifests of another version are applied."""
    form.apply(bench.folder, bench.old)
    form.settled()
    return steady(form, lambda: form.apply(bench.folder, bench.new))


def a_node_is_drained(form: Form, bench: Bench) -> Outage:
    """The one with the only server, or with one of several."""
    form.apply(bench.folder, bench.old)
    form.settled()
    until("a server is on the node", lambda: one_and_many.DRAINED in one_and_many.nodes(form), within=10)

    def happens() -> None:
        assert one_and_many.drain().wait(timeout=120) == 0

    try:
        return steady(form, happens)
    finally:
        one_and_many.uncordon()


SCENARIOS = {
    "A server dies": a_server_dies,
    "Load triples for a minute": load_triples,
    "Another version is rolled out": a_version_is_updated,
    "A node is drained": a_node_is_drained,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_cluster_fails_fewer_requests_than_one_server(name: str, bench: Bench, results: why_page.Results):
    """None where something is done on purpose."""
    for _ in range(RUNS):
        for form in (ONE, MANY):
            load = os.getloadavg()[0]
            outage = SCENARIOS[name](form, bench)
            results.setdefault(name, {}).setdefault(form.title, []).append(why_page.Result(outage, load))
            kubectl("-n", form.namespace, "delete", "deployment", NAME, "--cascade=foreground")
            print(name, form.title, why_page.cells([outage]), outage.kinds())  # noqa: T201 - for who runs it with -s

    one, many = ([result.outage for result in results[name][form.title]] for form in (ONE, MANY))
    planned = name in ("Another version is rolled out", "A node is drained")
    assert all(outage.failed for outage in one)
    assert not planned or [] == [line["error"] for outage in many for line in outage.failed]
    assert all(len(m.failed) < len(o.failed) for o, m in zip(one, many, strict=True))
