"""The command line of the steps: derived flags, one sentence for bad input, and a report whatever happens."""

import json
import subprocess
import sys

import pytest

from training.steps import STEPS


@pytest.mark.parametrize("step", ["--help", *STEPS])
def test_help_answers_for_every_step(step):
    """Without importing TensorFlow; --help of the group lists the steps."""
    arguments = [step] if step == "--help" else [step, "--help"]
    code = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from training.cli import main\n"
        "try: main()\n"
        "finally: assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], text=True, capture_output=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert all(name in done.stdout for name in (STEPS if step == "--help" else ["--report"]))


def test_a_good_step_ends_with_0_and_a_complete_report(run_step, tmp_path):
    """What the step wrote, and `step` with name, times, memory and outcome."""
    report = tmp_path / "outputs" / "report.json"  # in a pod nobody has made that folder
    done = run_step("prepare", model="cancer", data="builtin", dataset=tmp_path / "outputs" / "dataset", report=report)
    content = json.loads(report.read_text())

    assert (0, "") == (done.returncode, done.stderr)
    assert "cancer" == content["model"]
    assert {"name", "started", "finished", "seconds", "max_rss_mb", "outcome", "error"} == set(content["step"])
    assert ("prepare", "ok", None) == tuple(content["step"][key] for key in ("name", "outcome", "error"))
    assert content["step"]["started"] < content["step"]["finished"]
    assert content["step"]["max_rss_mb"] > 1


@pytest.mark.parametrize(
    ("step", "flags", "message"),
    [
        (
            "prepare",
            {"model": "digit", "data": "builtin"},
            "there is no model 'digit', expected one of: cancer, digits",
        ),
        ("prepare", {"model": "digits", "data": "none.npz"}, "the data file none.npz does not exist"),
        ("prepare", {"model": "digits", "data": "pyproject.toml"}, "pyproject.toml is no readable npz archive"),
        ("prepare", {"model": "digits", "data": "."}, ". is no readable npz archive"),
        (
            "prepare",
            {"model": "digits", "data": "builtin", "dataset": "/dev/null/x"},
            "cannot use /dev/null/x: Not a dir",
        ),
        ("validate", {"model": "digits", "dataset": "nowhere"}, "there is no dataset in nowhere"),
        ("gate", {"model": "digits", "evaluation": "no.json"}, "there is no report of evaluate at no.json"),
    ],
)
def test_bad_input_is_one_sentence_exit_code_1_and_a_report(run_step, tmp_path, step, flags, message):
    """No traceback; the report has the same sentence."""
    outputs = {"prepare": {"dataset": tmp_path / "dataset"}, "validate": {"drift_distance": tmp_path / "drift"}}
    done = run_step(step, **{**outputs.get(step, {}), **flags}, report=tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_text())

    assert 1 == done.returncode
    assert message in done.stderr
    assert 1 == len(done.stderr.splitlines())
    assert ("failed", done.stderr.removeprefix("error: ").strip()) == (
        content["step"]["outcome"],
        content["step"]["error"],
    )


@pytest.mark.parametrize("arguments", [["prepaer"], ["prepare", "--model=digits"], ["train", "--epochs=many"], []])
def test_wrong_flags_are_refused_with_exit_code_2(arguments):
    """Click says which; no traceback."""
    done = subprocess.run([sys.executable, "-m", "training", *arguments], text=True, capture_output=True, check=False)

    assert 2 == done.returncode
    assert "Usage: python -m training" in done.stderr
    assert "Traceback" not in done.stderr
