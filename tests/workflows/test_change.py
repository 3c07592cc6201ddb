import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from workflows import change
from workflows.change import Change, push_change
from workflows.errors import RepositoryError
from workflows.overlay import read_models
from workflows.release import release

ROOT = Path(__file__).parents[2]
RELEASE = """
import json, sys
from workflows.release import release
print(flush=True)
print(release(sys.argv[1], "dev", json.loads(sys.argv[2])).message, flush=True)
"""


def start(remote, manifest) -> subprocess.Popen:
    """A process that releases a version; it prints an empty line once it is about to begin."""
    command = [sys.executable, "-c", RELEASE, str(remote), json.dumps(manifest)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)


def seconds(process: subprocess.Popen) -> float:
    """How long a release takes on this machine, from its empty line to its end."""
    process.stdout.readline()
    begin = time.perf_counter()
    process.communicate()
    return time.perf_counter() - begin


def end(process: subprocess.Popen, *, everything: bool) -> None:
    """Kills a process's group, or all that it ever started."""
    try:
        started = psutil.Process(process.pid).children(recursive=True) if everything else []
    except psutil.NoSuchProcess:
        started = []
    os.killpg(process.pid, signal.SIGKILL)
    for child in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def notes(text):
    """An edit that commits one file."""
    return lambda *_: Change({"kustomize/notes": text}, "Note", {"Model": "digits"})


def test_a_commit_is_the_bots_and_touches_no_other_file(remote):
    """Author and committer are given, whatever identity the machine has or lacks."""
    commit = push_change(str(remote), "main", notes("a\n"), author="Ann <ann@localhost>")

    assert "Ann <ann@localhost> Ann <ann@localhost>" == remote.git("log", "-1", "--format=%an <%ae> %cn <%ce>", "main")
    assert (remote.git("rev-parse", "main"), "Note") == (commit.id, commit.subject)
    assert "kustomize/notes" == remote.git("diff", "--name-only", "main~1", "main")


def test_nothing_to_do_makes_no_commit(remote):
    """The edit's sentence comes back."""
    assert "why" == push_change(str(remote), "main", lambda *_: "why")
    assert [] == remote.subjects()


def test_a_lost_race_is_decided_again_on_what_the_winner_left(remote):
    """The edit sees the other's commit the second time."""
    seen = []

    def edit(repository, head):
        seen.append(head)
        if len(seen) < 3:
            push_change(str(remote), "main", notes(f"{len(seen)}\n"))
        return Change({"mine": "mine\n"}, "Mine", {"Model": "digits"})

    push_change(str(remote), "main", edit)

    assert ["Mine", "Note", "Note"] == remote.subjects()
    assert 3 == len(set(seen))


def test_a_race_lost_every_time_ends_in_a_sentence(remote, monkeypatch):
    """After a bounded number of tries."""
    monkeypatch.setattr(change, "ATTEMPTS", 3)

    def edit(*_):
        push_change(str(remote), "main", notes(os.urandom(4).hex()))
        return Change({"mine": "mine\n"}, "Mine", {"Model": "digits"})

    with pytest.raises(RepositoryError, match=r"was overtaken 3 times .*fetch first.*try again"):
        push_change(str(remote), "main", edit, wait_s=0)


def test_a_hook_that_refuses_is_quoted_and_not_asked_again(remote):
    """The remote stays as it was."""
    remote.hook("pre-receive", "echo asked >>asked; echo 'releases are frozen' >&2; exit 1")

    with pytest.raises(RepositoryError, match=r"refused the push .*pre-receive hook declined.*: releases are frozen"):
        push_change(str(remote), "main", notes("a\n"))
    assert [] == remote.subjects()
    assert "asked\n" == (remote.path / "asked").read_text()


@pytest.mark.parametrize("address", ["/nowhere/remote.git", "file:///nowhere/remote.git", "http://localhost:9/x.git"])
def test_a_remote_out_of_reach_is_one_sentence(address):
    """A folder that is missing, and a server that does not answer."""
    with pytest.raises(RepositoryError, match=r"^the remote \S+ is missing"):
        push_change(address, "main", notes("a\n"))


def test_a_branch_that_is_missing_is_named(remote):
    """And how to push one."""
    with pytest.raises(RepositoryError, match="has no branch trunk: push one first"):
        push_change(str(remote), "trunk", notes("a\n"))


@pytest.mark.parametrize("name", ["refs/heads/main.lock", "HEAD.lock"])
def test_the_lock_of_a_push_that_was_killed_is_taken_away(remote, name):
    """Once it is older than any push that lives."""
    (remote.path / name).touch()
    os.utime(remote.path / name, (0, 0))

    push_change(str(remote), "main", notes("a\n"))

    assert ["Note"] == remote.subjects()
    assert not (remote.path / name).exists()


def test_the_lock_of_a_push_that_lives_is_respected(remote, monkeypatch):
    """It is waited for, and then named."""
    monkeypatch.setattr(change, "ATTEMPTS", 2)
    (remote.path / "refs/heads/main.lock").touch()

    with pytest.raises(RepositoryError, match=r"was overtaken 2 times .*try again in a minute"):
        push_change(str(remote), "main", notes("a\n"), wait_s=0)
    assert (remote.path / "refs/heads/main.lock").exists()


def test_a_trailer_is_one_line(remote):
    """Two would become another trailer."""
    with pytest.raises(RepositoryError, match="trailer Model must be one line"):
        push_change(str(remote), "main", lambda *_: Change({"a": "b"}, "S", {"Model": "x\nVersion: 2"}))


def test_releases_in_several_processes_all_land_or_yield_to_a_newer_one(remote, manifest_of):
    """Six processes push at once: two models, three versions each; the newest of each ends up in dev."""
    jobs = [(model, f"2026112214300{number}") for number in range(3) for model in ("digits", "cancer")]
    processes = [start(remote, manifest_of(version, model)) for model, version in jobs]
    messages = [process.communicate()[0].strip() for process in processes]

    runs = read_models(remote.overlay("dev"), "dev")

    assert {"digits": "20261122143002", "cancer": "20261122143002"} == {name: pin.version for name, pin in runs.items()}
    assert all(message.startswith("Release ") or message.endswith(": kept") for message in messages)
    assert sum(message.startswith("Release ") for message in messages) == len(remote.subjects())


def test_a_release_killed_at_any_moment_leaves_the_remote_whole(remote, manifest_of):
    """Fifteen versions, each run killed at a random moment and then run again: one commit each, no lock left.

    Every other kill takes git along, the remote's side as well.
    """
    dice, killed, early = random.Random(3), 0, 0  # noqa: S311 - moments, not secrets
    usual_s = seconds(start(remote, manifest_of("20261122143000")))
    for number in range(1, 16):
        manifest = manifest_of(f"202611221430{number:02}")
        process = start(remote, manifest)
        process.stdout.readline()
        try:
            process.wait(dice.uniform(0, usual_s))
        except subprocess.TimeoutExpired:
            end(process, everything=bool(number % 2))
            killed += 1
        process.communicate()
        remote.git("fsck", "--strict", "--connectivity-only")
        read_models(remote.overlay("dev"), "dev")
        early += len(remote.subjects()) == number

        release(str(remote), "dev", manifest)

        assert number + 1 == len(remote.subjects())
    assert killed > 2, "the kills missed: the moments are wrong"
    assert early > 0, "the kills missed: the moments are wrong"
    assert [] == list((remote.path / "refs").rglob("*.lock"))
