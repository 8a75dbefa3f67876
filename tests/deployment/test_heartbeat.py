"""The page of shared memory that runner and guard watch each other by, with real processes and real kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2real.deployment.heartbeat import ARMED, DISARMED, MOVING, Heartbeat, default_folder, robot_key
from sim2real.errors import BadInputError, DeploymentError

ROOT = Path(__file__).resolve().parents[2]
C = 6
WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from sim2real.deployment.heartbeat import Heartbeat, MOVING
beat = Heartbeat.create("r", 6, period=0.01, folder=Path(sys.argv[1]))
k = 0
while True:
    k += 1
    row = np.full(6, float(k))
    beat.runner_beat(time.monotonic(), MOVING, row, 2 * row, 3 * row)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def folder():
    """A folder in shared memory of the test's own."""
    with tempfile.TemporaryDirectory(dir=default_folder()) as name:
        yield Path(name)


@pytest.fixture
def writer(folder):
    """Starts a runner's process that beats for ever; it is gone at the end."""
    started = []

    def start(pause: float = 0.0) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", WRITER, folder, str(pause)], cwd=ROOT,
                                   stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition, timeout: float = 10.0):
    """Wait for a condition and return how long it took in [s]."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < timeout, "it did not happen in time"
        time.sleep(0.001)
    return time.monotonic() - begin


def runner(folder, channels=C):
    return Heartbeat.create("r", channels, period=0.02, folder=folder)


def guard(folder, channels=C):
    return Heartbeat.attach("r", channels, folder=folder)


def test_the_guard_reads_what_the_runner_said(folder):
    command, velocity, acceleration = np.arange(18.0).reshape(3, 6)
    with guard(folder) as g, runner(folder) as r:  # whoever comes first
        assert g.read() is None and g.runner_exists()
        r.runner_beat(12.5, DISARMED, command, velocity)
        first = g.read()
        assert (first.beat, first.state, first.period, first.acceleration.tolist()) == (12.5, "disarmed", 0.02, [0] * 6)
        r.runner_beat(12.6, MOVING, command[None], velocity[None], acceleration[None])
        got = g.read()
        assert (got.beat, got.state, got.generation) == (12.6, "moving", g.generation)
        for found, said in ((got.command, command), (got.velocity, velocity), (got.acceleration, acceleration)):
            assert found.tolist() == said.tolist()
    assert not guard(folder).runner_exists()


def test_a_killed_runner_is_seen_at_once_and_its_last_word_stays(folder, writer):
    with guard(folder) as g:
        process = writer()  # as fast as it can: the kill comes in the middle of something
        until(g.read)
        last = g.read()
        process.kill()
        assert until(lambda: not g.runner_exists()) < 0.1  # also while it is a zombie that nobody has waited for
        row = g.read()
        k = row.command[0]
        assert k >= last.command[0]
        assert (row.velocity.tolist(), row.acceleration.tolist()) == ([2 * k] * 6, [3 * k] * 6)
        with runner(folder) as r:  # a new one takes the page, and nothing of the old one is believed
            assert r.generation == row.generation + 1 and g.read() is None and g.runner_exists()


def test_a_reader_never_sees_half_a_record(folder, writer):
    with guard(folder) as g:
        writer()
        until(g.read)
        last, seen, end = 0.0, set(), time.monotonic() + 1.0
        while time.monotonic() < end:
            row = g.read()
            k = row.command[0]
            assert row.command.tolist() == [k] * 6 and row.velocity.tolist() == [2 * k] * 6
            assert row.acceleration.tolist() == [3 * k] * 6 and k >= last
            last = k
            seen.add(k)
        assert len(seen) > 100


@given(data=st.data())
def test_a_damaged_record_is_never_taken_for_one(data):
    with tempfile.TemporaryDirectory(dir=default_folder()) as name, runner(Path(name)) as r, guard(Path(name)) as g:
        for k in range(data.draw(st.integers(1, 4))):
            r.runner_beat(float(k), ARMED, np.full(C, k), np.full(C, -k))
        honest = [g.read()]
        slot = (r.path.stat().st_size - 128) // 2
        place = data.draw(st.integers(128, 128 + 2 * slot - 1))
        page = r.path.read_bytes()
        damage = data.draw(st.integers(1, 255))
        with r.path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([page[place] ^ damage]))
        row = g.read()
        if row is not None:  # the newest one, or where that is damaged the one before
            assert row.beat in (honest[0].beat, honest[0].beat - 1.0)
            assert row.command.tolist() == [row.beat] * C and row.state == ARMED


def test_the_second_runner_refuses_and_so_does_the_second_guard(folder, writer):
    process = writer(0.01)
    page = folder / "sim2real-r.beat"
    until(lambda: page.exists() and page.stat().st_size)
    with guard(folder) as g:
        until(g.read)
        with pytest.raises(DeploymentError, match=rf"another runner \(process {process.pid}\) has this") as caught:
            runner(folder)
        assert "\n" not in str(caught.value)
        with pytest.raises(DeploymentError, match=rf"another guard \(process {os.getpid()}\)"):
            guard(folder)
        process.send_signal(signal.SIGSTOP)  # hung is not gone
        with pytest.raises(DeploymentError, match="another runner"):
            runner(folder)
        process.kill()
        until(lambda: not g.runner_exists())
        runner(folder).close()
        runner(folder).close()  # and a clean end gives the place back too


def test_guard_alive(folder):
    with runner(folder) as r:
        assert not r.guard_alive(100.0)  # there is none
        g = guard(folder)
        g.guard_beat(100.0)
        assert r.guard_alive(100.02) and r.guard_alive(100.06) and r.guard_alive(100.1)
        assert not r.guard_alive(100.11)  # it hangs
        assert not r.guard_alive(100.15)
        assert r.guard_alive(101.0)  # the caller was away itself: perhaps everything was
        assert not r.guard_alive(101.02)
        g.guard_beat(101.03)
        assert r.guard_alive(101.04)
        g.close()
        assert not r.guard_alive(102.0)  # away or not, a guard that is gone is gone


def test_a_killed_guard_is_noticed_within_150_ms(folder):
    script = WRITER.replace("Heartbeat.create(\"r\", 6, period=0.01,", "Heartbeat.attach(\"r\", 6,").replace(
        "beat.runner_beat(time.monotonic(), MOVING, row, 2 * row, 3 * row)", "beat.guard_beat(time.monotonic())")
    with runner(folder) as r:
        process = subprocess.Popen([sys.executable, "-c", script, folder, "0.01"], cwd=ROOT)
        try:
            until(lambda: r.guard_alive(time.monotonic()))
            time.sleep(0.1)
            assert r.guard_alive(time.monotonic())
        finally:
            process.kill()
        assert until(lambda: not r.guard_alive(time.monotonic())) < 0.15
        process.wait()


def test_taken_over_is_for_ever_and_for_one_runner(folder):
    with guard(folder) as g:
        old = runner(folder)
        assert not old.taken_over
        g.take_over(g.generation)
        assert old.taken_over
        old.close()
        with pytest.raises(DeploymentError, match="still bringing the robot to rest after the last runner"):
            runner(folder)  # the guard is at work
        g.release()
        with runner(folder) as new:
            assert not new.taken_over
            g.take_over(new.generation - 1)  # late words about the one before
            assert not new.taken_over


def test_a_guard_that_died_at_work_does_not_lock_the_robot_for_ever(folder):
    g = guard(folder)
    runner(folder).close()
    g.take_over(g.generation)
    g.close()
    runner(folder).close()


def test_wrong_numbers_are_refused(folder):
    with runner(folder) as r:
        with pytest.raises(BadInputError, match="of 6 numbers each, got 5, 6 and 1"):
            r.runner_beat(0.0, ARMED, np.zeros(5), np.zeros(6))
    with pytest.raises(BadInputError, match="one channel or more, got 0"):
        runner(folder, 0)


def test_another_description_of_the_robot(folder):
    with guard(folder) as g:
        with pytest.raises(DeploymentError, match="is not of 7 channels: guard and runner have different descriptions"):
            runner(folder, 7)
        assert not g.runner_exists()
    with runner(folder, 7) as r, guard(folder, 7) as g:  # with nobody there it is made anew
        r.runner_beat(1.0, ARMED, np.ones(7), np.zeros(7))
        assert g.read().command.tolist() == [1.0] * 7


def test_what_lies_in_its_place_is_not_followed_nor_believed(folder):
    page = folder / "sim2real-r.beat"
    precious = folder / "precious"
    precious.write_text("keep me")
    page.symlink_to(precious)
    with pytest.raises(DeploymentError, match="cannot use the shared memory .*; run runner and guard as one user"):
        runner(folder)
    assert precious.read_text() == "keep me"
    page.unlink()
    os.mkfifo(page)
    with pytest.raises(DeploymentError, match="is not a file; remove what is there"):
        runner(folder)
    page.unlink()
    page.write_bytes(os.urandom(500))
    with runner(folder) as r, guard(folder) as g:
        assert g.read() is None and not r.taken_over and not r.guard_alive(time.monotonic())
    with pytest.raises(DeploymentError, match="cannot use the shared memory"):
        runner(folder / "absent")


def test_the_page_is_for_its_user_alone(folder):
    with runner(folder) as r:
        assert r.path.stat().st_mode & 0o777 == 0o600


def test_keys_tell_robots_domains_and_namespaces_apart():
    keys = [robot_key("ur5e", 0), robot_key("ur5e", 1), robot_key("fr3", 0), robot_key("ur5e", 0, "/left"),
            robot_key("ur5e", 0, "/left/arm")]
    assert keys == ["ur5e-0", "ur5e-1", "fr3-0", "ur5e-0-left", "ur5e-0-left-arm"]
    assert robot_key("../evil name", 3) == ".._evil_name-3"


def test_a_beat_costs_the_control_loop_less_than_5_us(folder):
    command, velocity, acceleration = np.random.default_rng(0).normal(size=(3, C))
    with runner(folder) as r:
        calls = (lambda: r.runner_beat(1.0, MOVING, command, velocity, acceleration),
                 lambda: r.guard_alive(1.0), lambda: r.taken_over)
        for call in calls:
            assert min(timeit.repeat(call, number=500, repeat=10)) / 500 < 5e-6
