"""Version switches under a constant load: what fails, and how much later answers come than between the switches.

A switch: a new version's folder is renamed into place, the server loads it, serves it instead of the old one and
unloads that, whose folder is then removed. The server polls by whole seconds, which would take 1,000 switches half an
hour and leave most of it idle; so it is asked to look at once, by HandleReloadConfigRequest with the same config.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from tests.bench.environments import CACHE, ROOT
from tests.bench.load.errors import BadAnswer
from tests.bench.load.first_answer import ask_once
from tests.bench.load.grpc_connection import GrpcConnection
from tests.bench.load.open_loop import Asked, OpenLoad
from tests.bench.markdown import number, table, times
from tests.bench.processes import busy_seconds, free_ports, marked, running
from tests.bench.targets import PREDICT
from tests.bench.wire import instances, predict_request, reload_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RECORDS = CACHE / "switches.json"
MODEL = "mlp"
VARIANTS = 8
RATE = 500.0
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
PERCENTILES = ("p50", "p99", "p99.9")
_SWITCH_S = 60.0
_LOOK_S = 0.01
_START_S = 60.0


@dataclass(frozen=True)
class Plan:
    """`rounds` of so many seconds without and so many switches one after another."""

    rounds: int
    steady_s: float
    switches: int


FULL, QUICK = Plan(20, 5.0, 50), Plan(2, 3.0, 15)


@dataclass(frozen=True)
class Switch:
    """One switch by time.monotonic_ns(): when the new version was put there, and when the old one was unloaded."""

    version: int
    began: int
    ended: int


@dataclass
class Run:
    """What was done and asked, with version v being variant v % `variants` of a model.

    `records`: see open_loop.py; `rss`: the server's bytes after each round; `others`: cores busy with anything.
    """

    variants: int = VARIANTS
    switches: list[Switch] = field(default_factory=list)
    steady: list[tuple[int, int]] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)
    records: np.ndarray[Any, Any] = field(default_factory=lambda: np.empty((0, 4), np.int64))
    failures: dict[str, int] = field(default_factory=dict)
    others: float = 0.0


class Versions:
    """The base path of a server, whose version v is the variant v % len(models)."""

    def __init__(self, models: Sequence[Path], base: Path, staging: Path) -> None:
        self._models = models
        self._base = base
        self._staging = staging
        self.current = 0

    def stage(self, version: int) -> Path:
        """Makes a version's folder, aside."""
        target = self._staging / str(version)
        shutil.copytree(self._models[version % len(self._models)], target)
        return target

    def place(self, version: int) -> int:
        """Renames it into place; returns when."""
        self._base.mkdir(parents=True, exist_ok=True)
        target = self.stage(version)
        began = time.monotonic_ns()
        target.rename(self._base / str(version))
        return began

    def switch(self, notify: Callable[[], None], wait_until_gone: Callable[[int], None]) -> Switch:
        """To the next version, until the old one is unloaded; then removes that one's folder."""
        old, self.current = self.current, self.current + 1
        began = self.place(self.current)
        notify()
        wait_until_gone(old)
        done = Switch(self.current, began, time.monotonic_ns())
        shutil.rmtree(self._base / str(old))
        return done


class Server:
    """What the driver asks of a server that runs."""

    def __init__(self, grpc_port: int, rest_port: int, base: Path) -> None:
        self.grpc_port = grpc_port
        self.rest_port = rest_port
        self._config = reload_request(MODEL, str(base))
        self._rest = http.client.HTTPConnection("127.0.0.1", rest_port, timeout=_SWITCH_S)

    def look(self) -> None:
        """Has it look for versions now."""
        ask_once(self.grpc_port, GrpcConnection(RELOAD, f"127.0.0.1:{self.grpc_port}", self._config, _Anything()))

    def wait_until_gone(self, version: int) -> None:
        """Returns once the version is unloaded. Raises BadAnswer when that takes too long."""
        self._wait(version, "END")

    def wait_until_available(self, version: int) -> None:
        """Returns once the version answers. Raises BadAnswer when that takes too long."""
        self._wait(version, "AVAILABLE")

    def _wait(self, version: int, state: str) -> None:
        until = time.monotonic() + _SWITCH_S
        while (found := self._state(version)) != state:
            if time.monotonic() > until:
                raise BadAnswer(f"version {version} is {found} and not {state} after {_SWITCH_S:.0f} s")
            time.sleep(_LOOK_S)

    def _state(self, version: int) -> str:
        try:
            self._rest.request("GET", f"/v1/models/{MODEL}/versions/{version}")
            status = json.loads(self._rest.getresponse().read())
        except OSError:  # it does not listen yet
            self._rest.close()
            return "unknown"
        return str(status["model_version_status"][0]["state"]) if "model_version_status" in status else "unknown"


class _Anything:
    def check(self, answer: bytes) -> None:
        """Any answer will do."""


def variants(cache: Path = CACHE) -> Path:
    """The folder of the versions' models, built once."""
    folder = cache / "versions"
    if not (folder / "case.npz").exists():
        line = [sys.executable, "-m", "tests.bench.make_versions", str(folder), str(VARIANTS)]
        subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    return folder


@contextmanager
def asking(load: OpenLoad, run: Run) -> Iterator[None]:
    """Asks meanwhile, from a process of its own; `run` has the records afterwards."""
    line = [sys.executable, "-m", "tests.bench.load.open_loop"]
    with subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin
        assert client.stdout
        client.stdin.write(json.dumps(asdict(load)) + "\n")
        client.stdin.flush()
        try:
            yield
        finally:
            client.stdin.close()
            run.failures = json.loads(client.stdout.read() or '{"the client broke": 1}')
    run.records = np.load(load.records)


def targets(server: Server, folder: Path, x: np.ndarray[Any, Any]) -> list[Asked]:
    """Half the requests by gRPC, half by REST."""
    (folder / "grpc").write_bytes(predict_request(MODEL, x))
    (folder / "rest").write_bytes(instances(MODEL, x))
    return [
        Asked(server.grpc_port, "grpc", PREDICT, str(folder / "grpc")),
        Asked(server.rest_port, "rest", f"/v1/models/{MODEL}:predict", str(folder / "rest")),
    ]


def measure(plan: Plan, models: Path, tell: Callable[[str], None]) -> Run:
    """Starts a server, and switches as planned."""
    run, (grpc_port, rest_port) = Run(), free_ports(2)
    with tempfile.TemporaryDirectory(prefix="shipway-switches-") as name, np.load(models / "case.npz") as case:
        folder = Path(name)
        base = folder / MODEL
        versions = Versions([models / str(number) for number in range(VARIANTS)], base, folder / "staging")
        versions.place(0)
        line = [sys.executable, "-m", "serving", f"--port={grpc_port}", f"--rest_api_port={rest_port}"]
        line += [f"--model_name={MODEL}", f"--model_base_path={base}", "--file_system_poll_wait_seconds=0"]
        environment = {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"}
        with running(line, environment, folder / "server", folder / "server.log") as process:
            server = Server(grpc_port, rest_port, base)
            server.wait_until_available(0)
            x, answers = case["x"], case["answers"].tolist()
            load = OpenLoad(targets(server, folder, x), answers, RATE, str(folder / "records.npy"))
            with asking(load, run):
                _rounds(plan, versions, server, run, _teller(tell, process.mark, run, plan))
    return run


def _rounds(plan: Plan, versions: Versions, server: Server, run: Run, tell: Callable[[], None]) -> None:
    time.sleep(plan.steady_s / 2)  # what is built on the first requests
    busy, began = busy_seconds(), time.monotonic()
    for _ in range(plan.rounds):
        start = time.monotonic_ns()
        time.sleep(plan.steady_s)
        run.steady.append((start, time.monotonic_ns()))
        for _ in range(plan.switches):
            run.switches.append(versions.switch(server.look, server.wait_until_gone))
        tell()
    run.others = (busy_seconds() - busy) / (time.monotonic() - began)


def _teller(tell: Callable[[str], None], mark: str, run: Run, plan: Plan) -> Callable[[], None]:
    process = psutil.Process(marked(mark)[0].pid)

    def told() -> None:
        run.rss.append(process.memory_info().rss)
        tell(f"{len(run.switches)}/{plan.rounds * plan.switches} switches")

    return told


def summed_up(run: Run) -> dict[str, Any]:
    """Failures, and latencies in milliseconds: between the switches, during them, and their ratio."""
    due, done, tag = run.records[:, 0], run.records[:, 1], run.records[:, 2]
    latency = (done - due) / 1e6
    during = _within(due, done, [(each.began, each.ended) for each in run.switches])
    steady = _within(due, due, run.steady) & ~during
    return {
        "switches": len(run.switches),
        "seconds_per_switch": float(np.median([each.ended - each.began for each in run.switches])) / 1e9,
        "asked": len(run.records),
        "failed": int((tag < 0).sum()),
        "wrong": int(wrong(run).sum()),
        "failures": run.failures,
        "busy_cores": run.others,
        "rss": run.rss,
        "steady": _percentiles(latency[steady]),
        "during": _percentiles(latency[during]),
        "by_protocol": {
            name: [_percentiles(latency[part & (run.records[:, 3] == at)]) for part in (steady, during)]
            for at, name in enumerate(("grpc", "rest"))
        },
    }


def wrong(run: Run) -> np.ndarray[Any, Any]:
    """Which answers are of no version that was aspired between the time when the request was due and the answer.

    Aspired are all from the oldest that was not yet unloaded then to the newest that had been put there by then.
    """
    due, done, tag = run.records[:, 0], run.records[:, 1], run.records[:, 2]
    ended, began = (np.asarray([getattr(each, name) for each in run.switches], np.int64) for name in ("ended", "began"))
    oldest, newest = np.searchsorted(ended, due, "right"), np.searchsorted(began, done, "right")
    return np.asarray((tag >= 0) & ((tag - oldest) % run.variants > newest - oldest))


def _within(start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], spans: list[tuple[int, int]]) -> Any:
    """Which of the stretches from `start` to `end` touch one of the spans, which are in order."""
    if not spans:
        return np.zeros(len(start), bool)
    begins, ends = np.asarray(spans).T
    following = np.searchsorted(ends, start, "left")
    return (following < len(ends)) & (begins[np.minimum(following, len(ends) - 1)] <= end)


def _percentiles(latency: np.ndarray[Any, Any]) -> dict[str, float]:
    if not len(latency):
        return {}
    p50, p99, p999 = np.percentile(latency, [50, 99, 99.9])
    return {"p50": float(p50), "p99": float(p99), "p99.9": float(p999), "most": float(latency.max()), "n": len(latency)}


def switches(plan: Plan) -> dict[str, Any]:
    """Measures, and keeps the figures for the page."""
    started = time.monotonic()
    run = measure(plan, variants(), lambda text: print(text, file=sys.stderr, flush=True))  # noqa: T201
    found = {**summed_up(run), "took_s": time.monotonic() - started, "cores": os.cpu_count()}
    RECORDS.parent.mkdir(parents=True, exist_ok=True)
    RECORDS.write_text(json.dumps(found, indent=1) + "\n")
    return found


SECTION = """\

## Version switches

{switches:,} switches, one after another, under {rate:.0f} requests/s (half gRPC, half REST, an MLP of 784-128-10 with
one row; an open loop, so that latency counts from when a request was due): a new version's folder is renamed into
place, loaded, served, and the old one unloaded and removed, {seconds_per_switch:.3f} s each. *During* are the requests
that overlap a switch, *between* those of the stretches without, in the same run; {busy_cores:.1f} of {cores} cores
were busy, with the load client, the driver and other work too.

{table}

Of {asked:,} requests {failed} failed and {wrong} were answered by a version that was not aspired then. The server's
resident memory was {first:.0f} MiB after the first {each} switches and {last:.0f} MiB after the last.
"""


def section(path: Path = RECORDS) -> str:
    """What the page says of the last run; nothing if there was none."""
    if not path.exists():
        return ""
    found = json.loads(path.read_text())
    rows = []
    for name, (between, during) in {
        "both": (found["steady"], found["during"]),
        "gRPC": found["by_protocol"]["grpc"],
        "REST": found["by_protocol"]["rest"],
    }.items():
        cells = [number(part[key]) for part in (between, during) for key in PERCENTILES]
        rows.append([name, *cells, times(during["p99"] / between["p99"])])
    head = [
        "",
        *[f"{when}: {key} ms" for when in ("between", "during") for key in PERCENTILES],
        "p99, during / between",
    ]
    rss = [size / 2**20 for size in found["rss"]]
    return SECTION.format(
        **found, rate=RATE, table=table(head, rows), first=rss[0], last=rss[-1], each=found["switches"] // len(rss)
    )
