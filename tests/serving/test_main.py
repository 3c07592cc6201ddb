"""The server as a process: `python -m serving`."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

import serving.flags
from serving.server import UNLOAD_S
from tests.serving.conftest import ROOT


@pytest.fixture
def serve(*, request, run_process, free_port, wait_until, half_plus_two, publish, tmp_path):
    """A server process that answers, and its REST client; with the flags that are the parameter."""
    base = tmp_path / "half"
    publish(half_plus_two, base, 1)
    rest = free_port()
    flags = getattr(request, "param", ())
    process = run_process(
        f"--port={free_port()}", f"--rest_api_port={rest}", "--model_name=half", f"--model_base_path={base}", *flags
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{rest}", timeout=60)

    def answers():
        assert process.poll() is None, process.communicate()
        try:
            return client.get("/v1/models/half").status_code == 200
        except httpx.ConnectError:
            return False

    wait_until(answers)
    yield process, client
    client.close()


def test_a_signal_lets_requests_in_flight_finish(serve):
    """It stops accepting, answers what it has, and exits with 0."""
    process, client = serve
    answers = []
    body = {"signature_name": "slow", "inputs": 300_000}
    asking = threading.Thread(target=lambda: answers.append(client.post("/v1/models/half:predict", json=body)))
    asking.start()
    time.sleep(0.3)  # the request is on its way; nothing outside tells when it runs
    process.terminate()
    asking.join()

    assert 0 == process.wait(20)
    assert [{"outputs": 300_000}] == [answer.json() for answer in answers]
    assert "Traceback" not in process.stderr.read()


@pytest.fixture
def endless(serve):
    """A server process in which a loop runs that takes minutes."""
    process, client = serve
    body = {"signature_name": "slow", "inputs": 2_000_000_000}

    def ask():
        with contextlib.suppress(httpx.HTTPError):  # it is broken off
            client.post("/v1/models/half:predict", json=body)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)  # the request is on its way; nothing outside tells when it runs
    yield process
    process.kill()
    asking.join()


@pytest.mark.parametrize("serve", [["--shutdown_grace_seconds=1"]], indirect=True)
def test_a_run_without_end_holds_nothing_up_beyond_the_grace(endless):
    """It exits with 0 all the same, one second later at most; the rest is for a busy machine."""
    endless.terminate()

    assert 0 == endless.wait(1 + UNLOAD_S + 2.5)


def test_a_thread_of_the_executor_holds_nothing_up():
    """Python would wait for it, at the end of the loop and again at its own."""
    code = (
        "import asyncio, time, serving.__main__ as main\n"
        "async def serve(_): asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)\n"
        "main._serve = serve\n"
        "main._run(None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=30, capture_output=True, check=False)

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(endless, signum):
    """Long before its 10 s of grace are over; the exit code says which signal it was."""
    endless.terminate()
    assert any("stopping: finishing" in line for line in endless.stderr)
    endless.send_signal(signum)

    assert 128 + signum == endless.wait(5)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_first_moment_ends_it_quietly(run_process, wait_until, tmp_path, signum):
    """While it still imports: nothing is there to finish."""
    process = run_process(f"--model_base_path={tmp_path}")
    wait_until(lambda: takes(process.pid, signal.SIGTERM))
    process.send_signal(signum)
    out, err = process.communicate(timeout=20)

    assert (0, "", "") == (process.returncode, out, err)


def takes(pid, signum):
    """Whether a process has a handler for the signal."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught[1], 16) & 1 << signum - 1)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ([], "INVALID_ARGUMENT: Both server_options.model_base_path and server_options.model_config_file are empty!"),
        (
            ["--port=0", "--model_base_path=/m"],
            (
                "INVALID_ARGUMENT: At least one of server_options.grpc_port or "
                "server_options.grpc_socket_path must be set."
            ),
        ),
        (
            ["--model_base_path=m"],
            "INVALID_ARGUMENT: Expected model default to have an absolute path or URI; got base_path()=m",
        ),
    ],
)
def test_what_cannot_start(run_process, flags, error):
    """Upstream's line on stdout, exit code 255, no traceback."""
    process = run_process(*flags)
    out, err = process.communicate(timeout=60)

    assert (255, f"Failed to start server. Error: {error}\n") == (process.returncode, out)
    assert "Traceback" not in err


def test_a_port_that_is_taken(run_process, free_port, half_plus_two, publish, tmp_path):
    """Each port has its sentence; no traceback."""
    publish(half_plus_two, tmp_path, 1)
    with socket.socket() as holder:
        holder.bind(("", 0))
        holder.listen()
        taken, free = holder.getsockname()[1], free_port()
        base = f"--model_base_path={tmp_path}"
        processes = [
            run_process(f"--port={taken}", base),
            run_process(f"--port={free}", f"--rest_api_port={taken}", base),
        ]
        outputs = [process.communicate(timeout=60) for process in processes]

    assert [
        "Failed to start server. Error: INVALID_ARGUMENT: Failed to BuildAndStart gRPC server\n",
        f"Failed to start server. Error: UNAVAILABLE: Failed to start HTTP Server at localhost:{taken}\n",
    ] == [out for out, _ in outputs]
    assert [255, 255] == [process.returncode for process in processes]
    assert "Traceback" not in "".join(err for _, err in outputs)


@pytest.mark.parametrize(
    ("flag", "error"),
    [
        ("--port=70000", "INVALID_ARGUMENT: Failed to BuildAndStart gRPC server"),
        ("--port=-1", "INVALID_ARGUMENT: Failed to BuildAndStart gRPC server"),
        ("--rest_api_port=-1", "UNAVAILABLE: Failed to start HTTP Server at localhost:-1"),
        ("--rest_api_port=99999", "UNAVAILABLE: Failed to start HTTP Server at localhost:99999"),
    ],
)
def test_a_number_that_is_no_port(*, run_process, free_port, half_plus_two, publish, tmp_path, flag, error):
    """The sentence of a port that is taken; no traceback."""
    publish(half_plus_two, tmp_path, 1)
    process = run_process(f"--port={free_port()}", f"--model_base_path={tmp_path}", flag)
    out, err = process.communicate(timeout=60)

    assert (255, f"Failed to start server. Error: {error}\n") == (process.returncode, out)
    assert "Traceback" not in err


def test_a_signal_while_waiting_for_a_first_version(run_process, free_port, wait_until, tmp_path):
    """An empty base path is waited for; a signal ends that at once."""
    process = run_process(f"--port={free_port()}", f"--model_base_path={tmp_path}")
    line = wait_until(lambda: next((line for line in process.stderr if "No versions of servable" in line), None))
    process.send_signal(signal.SIGINT)

    assert f"found under base path {tmp_path}. Did you forget to name your leaf directory as a number" in line
    assert 0 == process.wait(20)


@pytest.mark.parametrize(
    ("flag", "code", "first"),
    [("--help", 255, "usage: python -m serving\n"), ("--version", 0, "TensorFlow ModelServer: ")],
)
def test_answers_without_tensorflow(run_process, flag, code, first):
    """Quick: nothing heavy is imported before the flags are read."""
    process = run_process(flag)
    out, err = process.communicate(timeout=60)

    assert (code, "") == (process.returncode, err)
    assert out.startswith(first)
    assert len(out.splitlines()) == (2 if flag == "--version" else 2 + len(serving.flags.FLAGS))
    assert flag != "--version" or re.fullmatch(r"TensorFlow Library: \d+\.\d+\.\d+", out.splitlines()[1])


def test_closed_standard_streams(free_port, wait_until, half_plus_two, publish, tmp_path):
    """As a supervisor may start it: their numbers must not become those of sockets."""
    publish(half_plus_two, tmp_path / "half", 1)
    rest = free_port()
    flags = (f"--port={free_port()}", f"--rest_api_port={rest}", f"--model_base_path={tmp_path / 'half'}")
    shell = ("sh", "-c", 'exec "$0" -m serving "$@" <&- >&- 2>&-', sys.executable, *flags)
    process = subprocess.Popen(shell, cwd=ROOT)

    def listens():
        with socket.socket() as probe:
            return process.poll() is not None or probe.connect_ex(("127.0.0.1", rest)) == 0

    wait_until(listens)
    answer = httpx.get(f"http://127.0.0.1:{rest}/readyz", timeout=60)
    process.send_signal(signal.SIGTERM)

    assert answer.status_code == 200
    assert process.wait(timeout=60) == 0
