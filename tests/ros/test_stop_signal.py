"""The end of the parent process as a request to stop, for what launch files start."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from sim2real.ros.context import WITH_PARENT

_CHILD = """
import sys, time
from sim2real.ros.context import StopSignal
with StopSignal() as stop:
    print("ready", flush=True)
    stopped = stop.wait(float(sys.argv[1]))
    open(sys.argv[2], "w").write(f"{stopped} {stop.number}")
"""
_PARENT = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("asked, said", [("1", "True 2"), ("", "False 0")])
def test_a_dead_parent_is_a_request_to_stop_where_the_environment_says_so(tmp_path, root, asked, said):
    answer = tmp_path / "answer"
    environment = {**os.environ, "PYTHONPATH": str(root), WITH_PARENT: asked}
    parent = subprocess.run([sys.executable, "-c", _PARENT, _CHILD, "20" if asked else "0.5", answer],
                            env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
    assert parent.returncode == -9
    end = time.monotonic() + 15.0  # less than the child waits if nobody asks it to stop
    while not (answer.exists() and answer.read_text()) and time.monotonic() < end:
        time.sleep(0.02)
    assert answer.read_text() == said
