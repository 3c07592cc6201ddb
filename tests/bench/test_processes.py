"""Servers as processes are found, measured and stopped whole."""

import os
import sys

import psutil

from tests.bench.processes import cpu_seconds, free_ports, marked, memory, running

CHILD = "import time; time.sleep(60)"
PARENT = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {CHILD!r}], start_new_session=True)
print("up", flush=True)
import time; time.sleep(60)
"""


def wait_for(file, text):
    """Until a file holds a text."""
    while text not in file.read_text():
        os.sched_yield()


def test_children_in_sessions_of_their_own_are_found_and_stopped(tmp_path):
    """Some peers detach their workers; the mark finds them."""
    log = tmp_path / "log"
    with running([sys.executable, "-c", PARENT], {}, tmp_path / "cwd", log) as server:
        wait_for(log, "up")
        found = marked(server.mark)
        seen = memory(server.mark)
        used = cpu_seconds(found)

    assert 2 == len(found) == seen.processes
    assert used > 0
    assert seen.rss >= seen.pss > 0
    assert [] == marked(server.mark)
    assert not any(psutil.pid_exists(process.pid) and process.is_running() for process in found)


def test_free_ports_differ():
    """Each can be listened on."""
    assert 3 == len(set(free_ports(3)))
