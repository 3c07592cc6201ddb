"""check believes only a real server: one that dies, hangs or answers otherwise refuses the version."""

import json
import shutil
import signal
import subprocess
import sys

import numpy as np
import psutil
import pytest

from training.check import check, difference
from training.errors import CheckError, TrainingError
from training.server import serving

DIES = (sys.executable, "-c", "import sys; print('out of cheese'); sys.exit(3)")
HANGS = (sys.executable, "-c", "import threading; print('thinking', flush=True); threading.Event().wait()")


def test_the_server_answers_as_the_model_does(digits_run, digits_export, tmp_path):
    """REST in rows and columns and gRPC agree with in-process to 1e-5, and no server is left."""
    check(model="digits", dataset=digits_run.dataset, exported=digits_export, report=tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())

    assert max(report["max_abs_difference"].values()) <= 1e-5
    assert 32 == report["examples"]
    for transport in ("rest", "grpc"):
        times = report["latency_ms"][transport]
        assert 0 < times["p50"] <= times["p95"] <= times["p99"]
    assert report["server_rss_mb"] > 50
    assert [] == psutil.Process().children(recursive=True)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_check_that_is_told_to_stop_ends_its_server(digits_run, digits_export, step_command, tmp_path, stop):
    """The exit code is the signal's, the report is there, and the server is gone."""
    flags = {"model": "digits", "dataset": digits_run.dataset, "exported": digits_export}
    command = step_command("check", **flags, report=tmp_path / "report.json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        server = psutil.Process(int(process.stdout.readline().split()[-1]))
        process.send_signal(stop)

    assert 128 + stop == process.returncode
    assert "failed" == json.loads((tmp_path / "report.json").read_text())["step"]["outcome"]
    assert not server.is_running()


def test_a_server_that_dies_refuses_the_version_with_its_last_lines(digits_export, capsys):
    """Its exit code is in the sentence, its words in the log."""
    with (
        pytest.raises(CheckError, match="died with exit code 3"),
        serving(digits_export, "digits", "1", DIES) as server,
    ):
        server.wait()

    assert "  out of cheese\n" in capsys.readouterr().out


def test_a_server_that_is_never_ready_is_ended(digits_export, capsys):
    """The limit is in the sentence."""
    with (
        pytest.raises(CheckError, match=r"was not AVAILABLE after 1 s\. Received: nothing"),
        serving(digits_export, "digits", "1", HANGS) as server,
    ):
        server.wait(timeout_s=1)

    assert not psutil.pid_exists(server.process.pid)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"classes": np.array(["a", "b"])}, r"output scores must have the shape \[2, 1\]. Received: None"),
        ({"scores": np.zeros((1, 1)), "classes": np.array(["a", "b"])}, r"Received: \[1, 1\]"),
        ({"scores": np.zeros((2, 1)), "classes": np.array(["a", "x"])}, "classes differ in 1 rows, first x for"),
    ],
)
def test_an_answer_of_another_form_or_text_refuses_the_version(answer, message):
    """Before any number is compared."""
    expected = {"scores": np.zeros((2, 1), np.float32), "classes": np.array([b"a", b"b"], object)}

    with pytest.raises(CheckError, match=message):
        difference(answer, expected)


def test_the_difference_is_the_largest_of_all_numbers():
    """In absolute terms; what is no number is never close."""
    expected = {"scores": np.array([[0.25, 0.75]], np.float32)}

    assert 0.5 == difference({"scores": np.array([[0.25, 0.25]])}, expected)
    assert not difference({"scores": np.array([[np.nan, 0.25]])}, expected) <= 1e-5


def test_a_damaged_export_is_refused(digits_run, digits_export, tmp_path):
    """One sentence, and the server that was started is gone."""
    shutil.copytree(digits_export, tmp_path / "exported")
    (tmp_path / "exported" / "saved_model.pb").write_bytes(b"damaged")

    with pytest.raises(TrainingError, match=r"SavedModel|digits"):
        check(
            model="digits",
            dataset=digits_run.dataset,
            exported=tmp_path / "exported",
            report=tmp_path / "report.json",
        )
    assert [] == psutil.Process().children(recursive=True)
