"""What a server process asks of Python's interpreter."""

import subprocess
import sys

CODE = """
import gc, sys
from serving import interpreter
old = len(gc.get_objects())
interpreter.settle()
assert len(gc.get_objects()) < old / 10, len(gc.get_objects())
assert gc.get_freeze_count() >= old / 2
assert gc.get_threshold()[0] > 700
assert sys.getswitchinterval() < 1e-3
"""


def test_what_is_there_is_left_out_of_collections_and_threads_take_short_turns():
    """In a process of its own, as both concern all of one."""
    assert 0 == subprocess.run([sys.executable, "-c", CODE], check=False).returncode
