"""Mutexes within a run and between runs on one machine."""

import threading

import pytest

MUTEX = {"mutexes": [{"name": "release"}]}
ALONE = "mkdir busy && sleep 0.05 && rmdir busy"


def _locked(local, script: str, **fields) -> dict:
    template = local.template("one", script, synchronization=MUTEX, **fields)
    tasks = [{"name": f"t{number}", "template": "one"} for number in range(3)]
    return local.document({"name": "main", "dag": {"tasks": tasks}}, template)


def test_one_step_at_a_time_holds_a_mutex(local):
    """Three tasks, none sees another one's folder."""
    status = local.run(_locked(local, ALONE))

    assert ("Succeeded", 3) == (status.phase, list(local.phases(status).values()).count("Succeeded"))


def test_a_retried_step_keeps_its_mutex_between_attempts(local):
    """The folder that the first attempt left is still there for the second."""
    script = "[ {{retries}} = 1 ] && rmdir busy || { mkdir busy; exit 1; }"
    status = local.run(_locked(local, script, retryStrategy={"limit": 1}))

    assert "Succeeded" == status.phase


def test_a_mutex_holds_between_runs(local, tmp_path):
    """Two runs at once: neither finds the other one in the middle."""
    document = _locked(local, ALONE)
    phases: dict[str, str] = {}

    def start(name: str) -> None:
        directory = tmp_path / name
        phases[name] = local.run(document, name=name, directory=directory).phase

    threads = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"one": "Succeeded", "two": "Succeeded"} == phases


def test_the_workflow_as_a_whole_can_hold_a_mutex(local, tmp_path):
    """Its steps start only when it has it."""
    document = local.dag(local.task("a", ALONE), synchronization=MUTEX)
    phases = []

    def start(name: str) -> None:
        phases.append(local.run(document, name=name, directory=tmp_path / name).phase)

    threads = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ["Succeeded", "Succeeded"] == phases


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"]])
def test_two_mutexes_are_taken_in_one_order(local, order):
    """Whatever order they are written in, no two steps wait for each other."""
    first = local.template("x", ALONE, synchronization={"mutexes": [{"name": "a"}, {"name": "b"}]})
    second = local.template("y", ALONE, synchronization={"mutexes": [{"name": name} for name in order]})
    tasks = [{"name": "x", "template": "x"}, {"name": "y", "template": "y"}]
    status = local.run(local.document({"name": "main", "dag": {"tasks": tasks}}, first, second))

    assert "Succeeded" == status.phase
