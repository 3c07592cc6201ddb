"""`make bench`: what the local engine adds to a step, and how long a release takes to answer.

    engine   a chain of steps that do nothing, beside the same processes started one after the other
    switch   from a commit pushed to the first answer of the new version, under constant REST and gRPC requests

Everything is real: git, kustomize, the model store, the server as a process. It prints a table and asserts nothing; the
figures depend on the machine, so compare those of one run only.
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
from typing_extensions import Self

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

STEPS = 20
ROUNDS = 5
SWITCHES = 20
TIMEOUT_S = 60.0
MODEL = "digits"


def chain(steps: int) -> dict[str, Any]:
    """A workflow of `steps` tasks, each after the one before, each the command `true`."""
    tasks = [{"name": f"s{n}", "template": "true", **({"depends": f"s{n - 1}"} if n else {})} for n in range(steps)]
    nothing = {"name": "true", "container": {"image": "none", "command": ["true"]}}
    templates = [{"name": "main", "dag": {"tasks": tasks}}, nothing]
    spec = {"entrypoint": "main", "templates": templates}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "chain"}, "spec": spec}


def engine(folder: Path) -> list[tuple[str, str]]:
    """Seconds that the engine adds to one step, over the process itself, alternating."""
    from workflows import local

    def by_engine(round_: int) -> None:
        now = datetime.now(timezone.utc)
        directory = folder / f"chain-{round_}"
        status = local.run(
            chain(STEPS), arguments={}, directory=directory, cwd=folder, name="chain", uid="bench", created=now
        )
        assert status.phase == "Succeeded", status.message

    def alone(_: int) -> None:
        for _step in range(STEPS):
            subprocess.run(["true"], check=True, start_new_session=True)

    by_engine(-1)
    added = [(timed(by_engine, n) - timed(alone, n)) / STEPS for n in range(ROUNDS)]
    return [
        (f"engine: added to a step, median of {ROUNDS} chains of {STEPS}", f"{1000 * statistics.median(added):.1f} ms"),
        ("engine: the same, worst chain", f"{1000 * max(added):.1f} ms"),
    ]


def timed(call: Callable[[int], None], argument: int) -> float:
    """Seconds that a call took."""
    started = time.perf_counter()
    call(argument)
    return time.perf_counter() - started


class Clients:
    """Constant requests by REST and by gRPC; notes the first answer of each version, and every failure."""

    def __init__(self, features: dict[str, Any], grpc_port: int, rest_port: int) -> None:
        self.first: dict[str, float] = {}
        self.asked = 0
        self.failed: list[str] = []
        self._features = features
        self._grpc_port, self._rest_port = grpc_port, rest_port
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._loop, args=(ask,)) for ask in (self._rest(), self._grpc())]

    def __enter__(self) -> Self:
        """Starts to ask."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Asks no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, version: str) -> float:
        """When the version first answered."""
        with self._changed:
            if not self._changed.wait_for(lambda: version in self.first, TIMEOUT_S):
                raise SystemExit(f"{version} did not answer within {TIMEOUT_S:.0f} s; failures: {self.failed[:3]}")
            return self.first[version]

    def _loop(self, ask: Callable[[], str | None]) -> None:
        while not self._stop.is_set():
            try:
                version = ask()
            except Exception as error:  # noqa: BLE001 - every kind of failure counts
                self.failed.append(repr(error))
                version = None
            with self._changed:
                self.asked += 1
                if version and version not in self.first:
                    self.first[version] = time.perf_counter()
                    self._changed.notify_all()

    def _rest(self) -> Callable[[], str | None]:
        import httpx

        from training.requests import columnar_body

        client = httpx.Client(timeout=10)
        body = json.dumps(columnar_body(self._features))

        def ask() -> None:
            client.post(
                f"http://127.0.0.1:{self._rest_port}/v1/models/{MODEL}:predict", content=body
            ).raise_for_status()

        return ask

    def _grpc(self) -> Callable[[], str]:
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc

        from training.requests import predict

        channel = grpc.insecure_channel(f"127.0.0.1:{self._grpc_port}")
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = predict(MODEL, self._features)
        return lambda: str(stub.Predict(request, timeout=10).model_spec.version.value)


def switch(folder: Path) -> list[tuple[str, str]]:
    """Seconds from the release commit's push to the first gRPC answer of the new version."""
    from training.server import free_ports
    from workflows.predict import held_out
    from workflows.release import release
    from workflows.store import publish

    workspace, exported = prepared(folder)
    features = dict(held_out(MODEL, "builtin", 1).features)

    def ship(number: int) -> str:
        version = str(int(exported.name) + number)
        manifest = as_version(exported, folder / "version" / version, version)
        publish(folder / "version" / version, workspace.store, MODEL, version)
        release(workspace.remote, "dev", manifest)
        return version

    seconds = []
    version = ship(1)
    ports = free_ports(2)
    with serving(folder, *ports), Clients(features, *ports) as clients:
        clients.wait_for(version)
        clients.failed.clear()
        clients.asked = 0
        for number in range(2, SWITCHES + 2):
            version = ship(number)
            pushed = time.perf_counter()
            seconds.append(max(0.0, clients.wait_for(version) - pushed))
            click.echo(f"progress {number - 1}/{SWITCHES} switch {seconds[-1]:.2f} s", err=True)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return [
        (f"switch: commit pushed to first answer, median of {SWITCHES}", f"{statistics.median(seconds):.2f} s"),
        ("switch: the same, p95", f"{p95:.2f} s"),
        (f"switch: failed of {clients.asked} requests meanwhile", str(len(clients.failed))),
    ]


def prepared(folder: Path) -> tuple[Any, Path]:
    """A workspace of a clone of this repository, and one exported version."""
    from workflows.workspace import make_workspace

    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    subprocess.run(
        [sys.executable, "-m", "workflows", "run", MODEL, "--no-release"],
        cwd=clone,
        check=False,
        stdout=subprocess.DEVNULL,
    )
    found = sorted(clone.glob(".shipway/runs/*/artifacts/**/saved_model.pb"))
    if not found:
        raise SystemExit("no version was exported: see shipway report --json")
    exported = folder / "20260101000000"
    shutil.copytree(found[0].parent, exported)
    return make_workspace(clone), exported


def as_version(source: Path, target: Path, version: str) -> dict[str, Any]:
    """A copy under another version, with a manifest that says so."""
    from training import manifest

    shutil.copytree(source, target)
    (target / manifest.MANIFEST).chmod(0o644)
    about = {**manifest.read(source), "version": version}
    return manifest.write(target, about)


@contextlib.contextmanager
def serving(folder: Path, grpc_port: int, rest_port: int) -> Iterator[None]:
    """`shipway serve --env dev` as a process."""
    command = [sys.executable, "-m", "workflows", "serve", "--env=dev"]
    command += [f"--port={grpc_port}", f"--rest-api-port={rest_port}"]
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder / "clone", stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def main() -> None:
    """Runs both and prints the table."""
    with tempfile.TemporaryDirectory(prefix="shipway-bench-") as name:
        rows = [*engine(Path(name)), *switch(Path(name))]
    width = max(len(what) for what, _ in rows)
    for what, figure in rows:
        click.echo(f"{what:{width}}  {figure}")


if __name__ == "__main__":
    main()
