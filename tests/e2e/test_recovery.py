"""A run that everything happens to still ends well, or fails cleanly and is completed by a retry."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e import faults, runs
from tests.e2e import site as sites
from tests.e2e.kubectl import PAUSE_S, Object, every, get

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not faults.CLUSTER, reason="SHIPWAY_E2E_CLUSTER is not set: this cluster is not ours to break"),
]
MODEL = "cancer"
NODE = "workflows.argoproj.io/node-name"
DOWN_S = 20


@pytest.fixture(scope="module")
def installed(site):
    """The installation, Synced and Healthy."""
    sites.wait_until_settled()
    return site


def pods(run: str) -> dict[str, str]:
    """The pods of a run that are running: step(attempt) by pod."""
    found = every("pods", runs.NAMESPACE, "-l", f"workflows.argoproj.io/workflow={run}")
    alive = [pod for pod in found if pod["status"].get("phase") == "Running"]
    return {pod["metadata"]["name"]: pod["metadata"]["annotations"][NODE].rpartition(".")[2] for pod in alive}


def trouble(run: str, happens: dict[str, Callable[[], None]]) -> Object:
    """Kills one pod of every step, and lets more happen with it for some; gives the Workflow at its end.

    Argo tries the step again, or, if it had not seen the pod running yet, makes the pod again.
    """
    killed: set[str] = set()
    end = time.monotonic() + runs.LIMIT_S
    with ThreadPoolExecutor() as pool:
        happened = []
        while not (workflow := get("workflow", run, runs.NAMESPACE))["status"].get("finishedAt"):
            assert time.monotonic() < end, f"{run} goes on for ever; killed were {killed}"
            for pod, node in pods(run).items():
                step = re.sub(r"\(\d+\)$", "", node)
                if step not in killed:
                    killed.add(step)
                    faults.delete_pod(pod, runs.NAMESPACE)
                    happened.append(pool.submit(happens.get(step, lambda: None)))
            time.sleep(PAUSE_S)
        for each in happened:
            each.result()
    assert killed == set(runs.STEPS)
    return workflow


def registry_is_away() -> None:
    """For as long as a restart takes that somebody has to notice."""
    with faults.registry_down():
        time.sleep(DOWN_S)


def test_a_run_survives_killed_pods_a_restarted_controller_and_an_absent_registry(installed):
    """(10) Every step loses its first pod; the controller is restarted; the registry is down for 20 s; the git server
    refuses the first push. The refusal ends the run with its reason and nothing half done; a retry completes it.
    """
    repository = sites.GIT.rpartition("/")[2]
    before = installed.pull()
    run = runs.submit(installed, MODEL, "--seed=2", "--epochs=20")

    workflow = trouble(
        run,
        {
            "validate": faults.restart_controller,
            "package": registry_is_away,
            "release": lambda: faults.refuse_next_push(repository),
        },
    )

    assert dict.fromkeys(runs.STEPS, "Succeeded") | {"release": "Failed"} == runs.steps(workflow)
    assert before == installed.pull()

    runs.retry(run)
    workflow = runs.finished(run)

    assert "Succeeded" == runs.phase(workflow).split()[0]
    assert f"Release {MODEL} " in installed.git("log", "-1", "--format=%s", installed.pull())
    assert before == installed.git("rev-parse", "HEAD~1")
