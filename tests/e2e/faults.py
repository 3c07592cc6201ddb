"""What breaks on a cluster: a pod, the controller, the registry, the git server.

The last three are processes of the test cluster's machine, found by their command; SHIPWAY_E2E_CLUSTER is the command
whose `up` starts again what is not there. On another cluster the controller is a Deployment, and the others are not
ours to stop: their tests are left out.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.kubectl import every, kubectl, until

CLUSTER = os.environ.get("SHIPWAY_E2E_CLUSTER", "")
STATE = Path(os.environ.get("CLUSTER_STATE", "/var/tmp/cluster"))  # noqa: S108 - the test cluster's own
REFUSAL = "Not now: the first push is refused"


def delete_pod(name: str, namespace: str) -> None:
    """Takes a pod away at once, as a node that dies does."""
    kubectl("-n", namespace, "delete", "pod", name, "--grace-period=0", "--force", "--ignore-not-found")


def restart_controller() -> None:
    """Ends Argo's workflow controller without warning and lets it come back."""
    pods = every("pods", "argo", "-l", "app.kubernetes.io/component=workflow-controller")
    for pod in pods:
        delete_pod(pod["metadata"]["name"], "argo")
    if not pods:
        kill("workflow-controller")
        up()


@contextmanager
def registry_down() -> Iterator[None]:
    """No registry within the block."""
    kill("docker-registry", "serve")
    try:
        yield
    finally:
        up()


def refuse_next_push(repository: str) -> None:
    """The git server refuses one push, then takes them again."""
    hook = STATE / "git" / repository / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nrm -f {hook}\necho '{REFUSAL}' >&2\nexit 1\n")
    hook.chmod(0o755)


def up() -> None:
    """Starts what is missing of the test cluster."""
    soon = {"DEFAULT_REQUEUE_TIME": "1s"}  # of the controller, as tests/e2e/run and apps/platform have it
    subprocess.run([CLUSTER, "up"], check=True, capture_output=True, env=os.environ | soon)


def kill(program: str, *words: str) -> None:
    """Ends the machine's process of a program at once and waits until it is gone."""
    found = [pid for pid in _processes() if _is(pid, program, *words)]
    assert found, f"no process of {program} runs here"
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    until(f"{program} is gone", lambda: not [pid for pid in found if _alive(pid)], within=10)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _is(pid: int, program: str, *words: str) -> bool:
    try:
        command = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode().split("\0")
    except OSError:
        return False
    return Path(command[0]).name == program and set(words) <= set(command)


def _alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
