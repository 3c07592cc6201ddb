"""The main job with real processes: train, release, serve, promote, train again, roll back; and kills in between.

With the tabular model, which trains in seconds; what digits reaches is held in tests/training.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from training.server import free_ports
from workflows.repository import Repository
from workflows.store import verify

ROOT = Path(__file__).parents[2]
MODEL = "cancer"
TIMEOUT_S = 300.0

pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Place:
    """A clone of this repository with its own workspace, and the ports of its server."""

    root: Path
    port: int
    rest_api_port: int

    def shipway(self, *arguments: str) -> Any:
        """Runs a command that prints JSON, and reads it."""
        outcome = self.process(*arguments, "--json").communicate(timeout=TIMEOUT_S)
        return json.loads(outcome[0])

    def process(self, *arguments: str) -> "subprocess.Popen[str]":
        """Starts a command in a session of its own."""
        command = [sys.executable, "-m", "workflows", *arguments]
        return subprocess.Popen(
            command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    @property
    def remote(self) -> Repository:
        """The bare remote."""
        return Repository.open(self.root / ".shipway" / "remote.git")

    def named(self) -> dict[str, str]:
        """What git names: version by environment."""
        return {entry["environment"]: entry["version"] for entry in self.shipway("status")}

    def answers(self) -> str | None:
        """The version that answers, or None."""
        url = f"http://127.0.0.1:{self.rest_api_port}/v1/models/{MODEL}"
        with contextlib.suppress(httpx.TransportError):
            states = httpx.get(url).json().get("model_version_status", [])
            available = [state["version"] for state in states if state["state"] == "AVAILABLE"]
            return available[0] if len(available) == 1 else None
        return None


def wait_for(condition: Any, what: str) -> None:
    """Asks a server of another process until it says so; there is no event to wait on across processes."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """This repository as it lies here, committed or not, as a clone with one commit."""
    root = tmp_path_factory.mktemp("job") / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *arguments], cwd=root, check=True)
    return Place(root, *free_ports(2))


@pytest.fixture(scope="module")
def first(place: Place) -> dict[str, Any]:
    """A first run, which releases to dev."""
    return place.shipway("run", MODEL)


@pytest.fixture(scope="module")
def server(place: Place, first: dict[str, Any]) -> Iterator["subprocess.Popen[str]"]:
    """`shipway serve --env dev`, answering."""
    process = place.process("serve", "--env=dev", f"--port={place.port}", f"--rest-api-port={place.rest_api_port}")
    wait_for(lambda: place.answers() == first["version"] or process.poll() is not None, "the first version")
    yield process
    process.terminate()
    said, complained = process.communicate(timeout=TIMEOUT_S)

    assert 0 == process.returncode, said + complained
    assert "Traceback" not in said + complained


@pytest.fixture(scope="module")
def asked(place: Place, server: Any) -> Iterator[list[int]]:
    """The status codes of requests that go on until the last test of this module."""
    del server
    codes: list[int] = []
    stop = threading.Event()
    model, body = f"http://127.0.0.1:{place.rest_api_port}/v1/models/{MODEL}", one_example()

    def ask() -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.wait(0.02):
                codes.append(client.post(f"{model}:predict", content=body).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    yield codes
    stop.set()
    thread.join()

    assert {200} == set(codes)


def one_example() -> str:
    """A request in the columnar form."""
    from training.requests import columnar_body
    from workflows.predict import held_out

    return json.dumps(columnar_body(held_out(MODEL, "builtin", 1).features))


def test_first_run_releases_to_dev(place: Place, first: dict[str, Any]):
    """One commit, whose trailers lead from the version back to commit, data and run."""
    entry = place.shipway("status")[0]
    trailers = entry["trailers"]

    assert "Succeeded" == first["phase"]
    assert (first["version"], first["commit"]) == (entry["version"], entry["commit"])
    assert f"Release {MODEL} {first['version']} to dev" == entry["subject"]
    assert first["name"] == trailers["Workflow"]
    assert entry["digest"] == trailers["Model-Digest"]
    assert place.remote.resolve("main~1") == trailers["Source-Commit"]


def test_the_run_has_a_page(first: dict[str, Any]):
    """The exit handler wrote one self-contained page."""
    page = Path(first["report"]).read_text(encoding="utf-8")

    assert first["version"] in page
    assert "<script src" not in page


def test_versions_of_the_store_are_whole(place: Place, first: dict[str, Any]):
    """Every file has the digest of the manifest, and the trace id is the run's."""
    folder = place.root / ".shipway" / "models" / MODEL / first["version"]
    manifest = verify(folder)

    assert manifest["uid"] == (folder / "assets.extra" / "mlmd_uuid").read_text()


def test_rest_and_grpc_agree(place: Place, server: Any):
    """Both transports give the same answers to 1e-5."""
    said = place.shipway("predict", MODEL, f"--port={place.port}", f"--rest-api-port={place.rest_api_port}")

    assert said["max_abs_difference"] <= 1e-5
    assert {"REST", "gRPC"} == {item["source"] for item in said["predictions"]}


def test_promotion_moves_one_environment_at_a_time(place: Place, first: dict[str, Any], asked: list[int]):
    """staging, then prod, each by one commit; asked again there is nothing to do."""
    before = int(place.remote.git("rev-list", "--count", "main"))
    staging = place.shipway("promote", MODEL, "--to", "staging")
    prod = place.shipway("promote", MODEL, "--to", "prod")
    again = place.shipway("promote", MODEL, "--to", "prod")

    assert staging["commit"]
    assert prod["commit"]
    assert again["commit"] is None
    assert before + 2 == int(place.remote.git("rev-list", "--count", "main"))
    assert {"dev": first["version"], "staging": first["version"], "prod": first["version"]} == place.named()


def test_second_run_moves_dev_and_roll_back_returns(place: Place, first: dict[str, Any], asked: list[int]):
    """The newer version answers in dev while prod keeps its own; the roll back answers too; no request fails."""
    second = place.shipway("run", MODEL, "--seed=1")
    wait_for(lambda: place.answers() == second["version"], "the second version")
    moved = place.named()
    rolled = place.shipway("rollback", MODEL, "--env=dev")
    wait_for(lambda: place.answers() == first["version"], "the first version again")

    assert int(second["version"]) > int(first["version"])
    assert (second["version"], first["version"]) == (moved["dev"], moved["prod"])
    assert rolled["commit"] == place.remote.resolve("main")
    assert first["version"] == place.named()["dev"]
    assert {200} == set(asked)


def test_altered_version_is_refused_and_the_old_one_serves(place: Place, first: dict[str, Any], asked: list[int]):
    """A version with one byte changed never answers, even if git names it."""
    second = max(names(place.root / ".shipway" / "models" / MODEL))
    model = place.root / ".shipway" / "models" / MODEL / second / "saved_model.pb"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.chmod(0o644)
    model.write_bytes(content)
    url = f"http://127.0.0.1:{place.rest_api_port}/v1/models/{MODEL}/versions/{second}"
    place.shipway("promote", MODEL, "--to=dev", "--from=dev", f"--version={second}")
    wait_for(lambda: "END" in httpx.get(url).text and "saved_model.pb" in httpx.get(url).text, "the refusal")

    assert first["version"] == place.answers()
    assert {200} == set(asked)


@pytest.mark.parametrize("step", ["train", "release"])
def test_killed_run_leaves_remote_and_store_whole(place: Place, first: dict[str, Any], step: str):
    """SIGKILL of the engine while a step runs: no process is left, the version is there entirely or not at all."""
    runs, store = place.root / ".shipway" / "runs", place.root / ".shipway" / "models" / MODEL
    runs_before, versions_before = names(runs), names(store)
    process = place.process("run", MODEL)
    wait_for(lambda: step in running(runs, runs_before) or process.poll() is not None, f"{step} to run")
    process.kill()
    process.communicate()
    wait_for(lambda: not any(inside(found, runs) for found in psutil.process_iter(["cwd"])), "the steps to end")
    subprocess.run(["git", "fsck", "--strict"], cwd=place.remote.path, check=True, capture_output=True)

    assert set(place.named().values()) <= names(store)
    for version in names(store) - versions_before:
        verify(store / version)


def test_run_after_all_that_completes_with_the_same_weights(place: Place, first: dict[str, Any]):
    """Kills and an altered version in dev are in nobody's way; commit, data and seed alone decide the weights."""
    last = place.shipway("run", MODEL)
    versions = [place.root / ".shipway" / "models" / MODEL / run["version"] for run in (first, last)]
    one, other = (verify(folder) for folder in versions)

    assert last["version"] == place.named()["dev"]
    assert one["weights_digest"] == other["weights_digest"]
    assert one["digest"] == other["digest"]


def names(folder: Path) -> set[str]:
    """What is visible in a folder."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def running(runs: Path, before: set[str]) -> set[str]:
    """The steps that run now, of a run that was not there before."""
    for path in runs.iterdir():
        if path.name not in before and (path / "workflow.json").exists():
            nodes = json.loads((path / "workflow.json").read_text())["status"]["nodes"].values()
            return {node["templateName"] for node in nodes if node["phase"] == "Running" and node["type"] == "Pod"}
    return set()


def inside(process: psutil.Process, runs: Path) -> bool:
    """Whether a process works in the folder of a run."""
    return (process.info["cwd"] or "").startswith(str(runs))
