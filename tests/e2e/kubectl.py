"""kubectl on the cluster that KUBECONFIG names: objects as dictionaries, and waiting for a state by watching."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
PAUSE_S = 0.5


def kubectl(*words: str, stdin: Any = None, check: bool = True) -> str:
    """What kubectl printed; a test that it fails sees its own words."""
    text = stdin if isinstance(stdin, str) or stdin is None else json.dumps(stdin)
    done = subprocess.run(["kubectl", *words], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"kubectl {' '.join(words)}: {done.stderr.strip()}"
    return done.stdout


def get(kind: str, name: str, namespace: str) -> Object:
    """One object; empty where there is none."""
    text = kubectl("get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json")
    return dict(json.loads(text)) if text else {}


def every(kind: str, namespace: str, *words: str) -> list[Object]:
    """All objects of a kind in a namespace."""
    return list(json.loads(kubectl("get", kind, "-n", namespace, *words, "-o", "json"))["items"])


def until(what: str, found: Callable[[], Any], *, within: float = 120) -> Any:
    """Asks again until there is an answer that is not empty; the API server has no event for what is asked here.

    Fails the test with `what` and the last answer after `within` seconds.
    """
    end = time.monotonic() + within
    while not (answer := found()):
        assert time.monotonic() < end, f"after {within:g} s not yet: {what}; last seen: {answer!r}"
        time.sleep(PAUSE_S)
    return answer
