"""The command line: help, usage errors, exit codes; one sentence for every error and never a traceback."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from workflows.cli import COMMANDS

ROOT = Path(__file__).parents[2]


def shipway(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user would."""
    command = [sys.executable, "-m", "workflows", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def sentence(outcome: subprocess.CompletedProcess[str]) -> str:
    """The one line that an error has."""
    lines = outcome.stderr.strip().splitlines()
    assert 1 == len(lines), outcome.stderr
    assert lines[0].startswith("shipway: ")
    return lines[0]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with the overlays and models of this one, and one commit."""
    for folder in ("kustomize", "training/models"):
        source = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        for path in source:
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str):
    """`--help` of each command exits with 0 and says what it does."""
    outcome = shipway(command, "--help")

    assert 0 == outcome.returncode
    assert f"Usage: shipway {command}" in outcome.stdout


def test_help_imports_nothing_heavy():
    """`shipway --help` answers at once because TensorFlow, Hera and the plotting library stay out."""
    code = (
        "import sys\nfrom workflows.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(eval(outcome.stdout.splitlines()[-1]))  # noqa: S307 - our own list

    assert set() == loaded & {"tensorflow", "keras", "hera", "matplotlib", "numpy", "grpc", "rich", "pydantic"}


def test_unknown_command_is_a_usage_error():
    """An unknown command is one sentence, with where to look."""
    outcome = shipway("fly")

    assert 2 == outcome.returncode
    assert "No such command 'fly'" in sentence(outcome)


def test_outside_of_a_repository(tmp_path: Path):
    """Where there is no git repository the sentence says where to run it."""
    outcome = shipway("status", cwd=tmp_path)

    assert 1 == outcome.returncode
    assert "is in no git repository" in sentence(outcome)


def test_before_there_is_a_workspace(repository: Path):
    """Reading needs a workspace, and the sentence says how to make one."""
    outcome = shipway("status", cwd=repository)

    assert 1 == outcome.returncode
    assert "make one with `shipway init`" in sentence(outcome)


def test_init_is_safe_to_repeat(repository: Path):
    """A second init changes nothing; the user's files and branches stay as they are."""
    first, second = shipway("init", cwd=repository), shipway("init", cwd=repository)

    assert (0, first.stdout) == (second.returncode, second.stdout)
    assert (
        ""
        == subprocess.run(
            ["git", "status", "--porcelain", "--", "kustomize", "training"],
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def test_status_of_nothing_released(repository: Path):
    """Nothing runs anywhere: said in words, and as an empty JSON list."""
    shipway("init", cwd=repository)

    assert "no model runs anywhere yet" in shipway("status", cwd=repository).stdout
    assert [] == json.loads(shipway("status", "--json", cwd=repository).stdout)


def test_unknown_model_lists_the_known_ones(repository: Path):
    """A misspelt model is refused before anything runs."""
    outcome = shipway("run", "digit", cwd=repository)

    assert 2 == outcome.returncode
    assert "there is no model digit" in sentence(outcome)
    assert "cancer, digits" in outcome.stderr


def test_missing_data_file(repository: Path):
    """A data file that does not exist is refused before anything runs."""
    outcome = shipway("run", "digits", "--data", "none.npz", cwd=repository)

    assert 2 == outcome.returncode
    assert "none.npz does not exist" in sentence(outcome)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("promote", "digits", "--to", "staging"), "dev runs no digits"),
        (("promote", "digits", "--to", "mars"), "there is no environment mars"),
        (("rollback", "digits", "--env", "dev"), "dev runs no digits"),
        (("history", "digits", "--env", "mars"), "there is no environment mars"),
        (("serve", "--env", "mars"), "there is no environment mars"),
        (("report",), "there is no run yet"),
    ],
)
def test_nothing_to_work_on(repository: Path, arguments: tuple[str, ...], part: str):
    """What is not there is named in one sentence."""
    shipway("init", cwd=repository)
    outcome = shipway(*arguments, cwd=repository)

    assert outcome.returncode in {1, 2}
    assert part in sentence(outcome)


def test_remote_out_of_reach(repository: Path):
    """No network: the remote is named, and what to check."""
    outcome = shipway("init", "--remote", "http://127.0.0.1:1/none.git", cwd=repository)

    assert 1 == outcome.returncode
    assert "http://127.0.0.1:1/none.git is missing or out of reach" in sentence(outcome)
    assert not (repository / ".shipway" / "clone").exists()


def test_port_taken(repository: Path):
    """A taken port is refused before anything is loaded, with the flag that chooses another."""
    shipway("init", cwd=repository)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = shipway("serve", "--env=dev", f"--rest-api-port={taken.getsockname()[1]}", "--port=0", cwd=repository)

    assert 1 == outcome.returncode
    assert "shipway serve --rest-api-port" in sentence(outcome)


def test_dirty_clone(repository: Path):
    """Changes in the workspace's clone are nobody's to lose: named, and left alone."""
    shipway("init", cwd=repository)
    changed = repository / ".shipway" / "clone" / "kustomize" / "README.md"
    changed.write_text("mine\n")
    outcome = shipway("run", "cancer", cwd=repository)

    assert 1 == outcome.returncode
    assert "kustomize/README.md" in sentence(outcome)
    assert "mine\n" == changed.read_text()


def test_diverged_clone(repository: Path):
    """Commits on both sides: neither is lost, and the sentence says how to bring them together."""
    shipway("init", cwd=repository)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "--allow-empty", "-m"]
    other = repository.parent / "other"
    subprocess.run(["git", "clone", "-q", str(repository / ".shipway" / "remote.git"), str(other)], check=True)
    subprocess.run([*git, "Theirs"], cwd=other, check=True)
    subprocess.run(["git", "push", "-q"], cwd=other, check=True)
    subprocess.run([*git, "Ours"], cwd=repository / ".shipway" / "clone", check=True)
    outcome = shipway("run", "cancer", cwd=repository)

    assert 1 == outcome.returncode
    assert "has diverged" in sentence(outcome)


def test_clone_that_is_none(repository: Path):
    """A clone that lost its .git must never mean the user's own repository, in which it lies."""
    shipway("init", cwd=repository)
    shutil.rmtree(repository / ".shipway" / "clone" / ".git")
    for arguments in (("init",), ("status",), ("run", "cancer"), ("promote", "digits", "--to=staging")):
        outcome = shipway(*arguments, cwd=repository)

        assert 1 == outcome.returncode, arguments
        assert "run `shipway init`" in sentence(outcome)


def test_remote_that_was_removed(repository: Path):
    """The remote can be brought back from the clone, and the sentence says how."""
    shipway("init", cwd=repository)
    shutil.rmtree(repository / ".shipway" / "remote.git")

    assert "git clone --bare" in sentence(shipway("status", cwd=repository))


def test_workspace_that_is_a_file(repository: Path):
    """Something else of the workspace's name is left alone."""
    (repository / ".shipway").write_text("mine")

    assert "is a file" in sentence(shipway("init", cwd=repository))
    assert "mine" == (repository / ".shipway").read_text()


def test_garbled_state_of_a_run(repository: Path):
    """A state that cannot be read is one sentence."""
    shipway("init", cwd=repository)
    run = repository / ".shipway" / "runs" / "train-cancer-20260101000000"
    run.mkdir()
    (run / "workflow.json").write_bytes(b"\xff{")

    assert "workflow.json cannot be read" in sentence(shipway("report", "--json", cwd=repository))
    assert "has no page" in sentence(shipway("report", cwd=repository))


def test_newlines_in_a_name_stay_on_one_line(repository: Path):
    """An error is one line, whatever was typed."""
    shipway("init", cwd=repository)

    assert "no model" in sentence(shipway("run", "a\nb", cwd=repository))


def test_full_disk():
    """Output that cannot be written is one sentence, not a traceback."""
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "workflows", "doctor", "--json"]
        outcome = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert 1 == outcome.returncode
    assert "Traceback" not in outcome.stderr


def test_one_port_for_both(repository: Path):
    """Two transports cannot share a port."""
    shipway("init", cwd=repository)

    assert "a port each" in sentence(shipway("serve", "--env=dev", "--port=1", "--rest-api-port=1", cwd=repository))


@pytest.mark.parametrize("host", ["[::1", "a\nb", "::1", "none.invalid"])
def test_odd_hosts(host: str):
    """Whatever stands for a host, predict answers in one sentence."""
    assert sentence(shipway("predict", "cancer", "--host", host, "--rest-api-port=1"))


def test_doctor_is_content_where_the_tests_run():
    """The environment of the lock file has all that it looks for."""
    outcome = shipway("doctor", "--json")
    missing = [finding for finding in json.loads(outcome.stdout) if finding["needed"] and not finding["ok"]]

    assert ([], 0) == (missing, outcome.returncode)


def test_doctor_fails_where_something_is_missing():
    """A needed thing that is missing is exit code 1, for a script."""
    code = (
        "import sys, workflows.doctor as d; d.ROLES['none'] = ('no-such-package',)\n"
        "from workflows.cli import main; main(['doctor'])"
    )
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 1 == outcome.returncode
    assert "missing no-such-package" in outcome.stdout


def test_predict_without_a_server():
    """Nothing listens: the sentence says how to start a server."""
    outcome = shipway("predict", "cancer", "--rest-api-port=1", "--port=1")

    assert 1 == outcome.returncode
    assert "start one with `shipway serve" in sentence(outcome)


@pytest.mark.parametrize("command", [("submit", "digits"), ("watch",)])
def test_no_cluster_is_named(repository: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch):
    """The sentence says how to name one."""
    monkeypatch.delenv("ARGO_SERVER", raising=False)
    outcome = shipway(*command, cwd=repository)

    assert 2 == outcome.returncode
    assert "set ARGO_SERVER or --server" in sentence(outcome)


def test_a_misspelt_model_is_not_submitted(repository: Path):
    """It is refused before the cluster is asked."""
    outcome = shipway("submit", "digit", "--server=http://127.0.0.1:1", cwd=repository)

    assert 2 == outcome.returncode
    assert "there is no model digit at your last commit: the models are cancer, digits" in sentence(outcome)


def test_doctor_speaks_json():
    """Every finding has a name, a verdict and, if it is not fine, a cure."""
    findings = json.loads(shipway("doctor", "--json").stdout)

    assert all(finding["ok"] or finding["cure"] for finding in findings)
    assert {"python", "git", "kustomize", "extra train"} <= {finding["name"] for finding in findings}


def test_render_check_is_quiet_when_fresh():
    """`render --check` writes nothing and says nothing."""
    outcome = shipway("render", "--check")

    assert (0, "") == (outcome.returncode, outcome.stdout)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str):
    """The script of each shell names the command."""
    assert "_SHIPWAY_COMPLETE" in shipway("completion", shell).stdout
