"""Too much of everything: floods of messages, disks that fail, recorders that die, and long runs."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.survival import recorder_of
from sim2real.recordings.log_reader import LogReader
from tests.ros.ros_processes import ROOT

BUSY = ("the state is older than", "this machine is overloaded")
GAP = 0.25  # [s] between two commands at most, whatever goes on beside the loop on two busy cores
LATE = 20e-3  # [s] of the loop's ticks, 99 of 100: half of the policy's period
REST, GONE = 1.0, 3.0  # [s] from a stop signal in the middle of a flood
MORE = 16.0  # [MiB] of memory that a flood costs at most
# Publishes what is not ours on our topics, as fast as it goes: a gripper's joint, or 2 000 joints, or goals that no arm
# can reach; and says when so many are sent.
_FLOOD = """
import os, sys
os.nice(19)  # it stands for another computer, which takes no processor time from ours to make its messages
from sim2real.ros.context import RosContext, message_class
domain, topic, count, joints, ends = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
with RosContext("gripper", [], domain) as ros:
    kind = message_class("sensor_msgs/msg/JointState" if joints else "geometry_msgs/msg/PoseStamped")
    publisher = ros.node.create_publisher(kind, topic, ros.qos("best_effort" if joints else "reliable", depth=10))
    message = kind(name=[f"finger_{k}" for k in range(joints)], position=[0.5] * joints,
                   velocity=[0.0] * joints) if joints else kind()
    message.header.frame_id = "" if joints else "the_moon"
    while not publisher.get_subscription_count():
        ros.spin_once(0.05)
    for k in range(count):
        publisher.publish(message)
    print(count, flush=True)
    while not ends:
        publisher.publish(message)
"""


def gaps(rig, since, until):
    """Times in [s] between the commands of that time."""
    at = np.array([sample.time for sample in rig.samples if since <= sample.time <= until])
    return np.diff(at)


def flooded(rig, bundle, count, joints=1, topic="/joint_states", ends=False):
    """Let a foreign publisher send ``count`` messages while the arm moves: when it began, the processes of deploy and
    of the flood, which goes on until it ``ends``, and by how much deploy's memory has grown in [MiB]."""
    rig.twin()
    node = rig.deploy(bundle, goals=[f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55)] * 40)
    rig.moving()
    since, before = time.monotonic(), resident(node)
    flood = rig.processes.popen([sys.executable, "-c", _FLOOD, *map(str, (rig.processes.domain, topic, count, joints,
                                                                          int(ends)))])
    rig.until(lambda: select.select([flood.stdout], [], [], 0.0)[0], 300.0, "the end of a flood")
    out = flood.stdout.readline()
    assert out and int(out) == count, flood.communicate()[1]
    return since, node, flood, resident(node) - before


def resident(process):
    """What a process has in memory, in [MiB]."""
    return int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def ended_in_time(rig, node):
    """Send SIGINT: the robot is at rest and the process gone, whatever still comes: deploy's JSON line."""
    at = time.monotonic()
    code, out, err = rig.end(node)
    gone = time.monotonic() - at
    rig.spin(0.3)
    rest = rig.rest_s(at)
    assert rest is not None and rest < REST and gone < GONE
    row = json.loads(out)
    assert row["limit_violations"] == 0 and row["late_p99_us"] < 1e6 * LATE, err
    return code


@pytest.mark.fault(38, "flood of messages, 2 000 joints, foreign publisher")
@pytest.mark.parametrize("count, joints, topic", [(20_000, 1, "/joint_states"), (500, 2000, "/joint_states"),
                                                  (20_000, 0, "/sim2real_policy/goal")])
def test_a_foreign_publishers_flood_leaves_the_loop_in_time(rig, reach_bundle, count, joints, topic):
    """And a stop signal that comes in the middle of it is acted on at once."""
    since, node, flood, grown = flooded(rig, reach_bundle, count, joints, topic)
    untouched(rig, since)
    assert grown < MORE
    code = ended_in_time(rig, node)
    assert flood.poll() is None, "the flood was to go on all the time"
    flood.kill()
    assert code == 0 and rig.over_bounds() == 0.0


@pytest.mark.fault(38, "flood of messages, 2 000 joints, foreign publisher")
def test_the_guard_takes_over_and_ends_in_the_middle_of_a_flood(rig, reach_bundle):
    guard = rig.guard()
    since, node, flood, _ = flooded(rig, reach_bundle, 20_000)
    at = time.monotonic()
    node.kill()
    # heard late in a flood; on a busy machine the runner may have stopped because it had not heard of the guard
    rig.until(lambda: rig.guard_status[-1][1]["mode"] == "TAKEN_OVER" or "FAULT" in rig.modes(since),
              what="a take-over")
    rig.spin(0.3)
    verdict = rig.verdict(at)
    assert verdict.rest_s is not None and verdict.rest_s < 0.5 and verdict.over_bounds == 0.0
    at = time.monotonic()
    rig.end(guard)
    assert time.monotonic() - at < GONE
    assert flood.poll() is None, "the flood was to go on all the time"
    flood.kill()


@pytest.mark.slow
@pytest.mark.fault(38, "flood of messages, 2 000 joints, foreign publisher")
def test_a_million_foreign_messages_may_stop_it_and_no_more(rig, reach_bundle):
    """They push the driver's own states out of a queue that holds the newest: then it stops, in time and inside."""
    since, node, _, grown = flooded(rig, reach_bundle, 1_000_000, ends=True)
    verdict = rig.verdict(since, rest_s=None)
    assert verdict.over_bounds == 0.0 and not verdict.resumed
    assert all(any(word in why for word in BUSY) for why in rig.causes(since).split("; ") if why), rig.causes(since)
    assert grown < MORE
    ended_in_time(rig, node)  # nothing of the flood is left in a queue


@pytest.mark.fault(38, "flood of messages, 2 000 joints, foreign publisher")
@pytest.mark.parametrize("fault", [{"fault": "flood", "factor": 10}, {"fault": "extra_joints", "count": 2000}],
                         ids=["flood", "2000 joints"])
def test_a_flood_of_its_own_states_leaves_the_loop_in_time(rig, reach_bundle, fault):
    rig.twin({"since": "command", "at": 1.0, "for": 1.5, **fault})
    node = rig.deploy(reach_bundle)
    rig.after(1.0, 2.0)
    untouched(rig, rig.begun(1.0))
    code, out, err = rig.end(node)
    assert code == 0 and json.loads(out)["late_p99_us"] < 1e6 * LATE, err


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own: ``small_disk(size, *options)`` mounts one and gives its folder."""
    mounted = []

    def mount(size, *options):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        words = ",".join([f"size={size}", *(["remount"] if mounted else []), *options])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", words, "none", folder], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no disk of its own can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", "-l", mounted[0]], check=True)


def recorded(log):
    """Numbers of the commands in a log, the reader, and how many rows there are."""
    reader = LogReader(log)
    rows = [row for _, topic, row in reader]
    return reader, len(rows)


def moving_and_recording(rig, bundle, log, *arguments):
    rig.twin()
    node = rig.deploy(bundle, "--log", log, *arguments, goals=[f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55)] * 10)
    rig.moving()
    return node


def untouched(rig, since):
    """Commands went on as if nothing had been; a machine that is busy with other things may hold, and says why."""
    until = time.monotonic()
    verdict = rig.verdict(since, rest_s=None)
    assert verdict.state in ("ACTIVE", "HOLD") and verdict.over_bounds == 0.0 and not verdict.resumed, rig.causes(since)
    assert all(any(word in why for word in BUSY) for why in rig.causes(since).split("; ") if why), rig.causes(since)
    assert gaps(rig, since, until).max() < GAP


def ended_well(rig, node, since):
    """Control was as if nothing had been: (the note on standard error, the JSON line)."""
    untouched(rig, since)
    code, out, err = rig.end(node)
    row = json.loads(out)
    assert code == 0 and row["limit_violations"] == 0, err
    return err, row


@pytest.mark.slow
@pytest.mark.fault(39, "disk full, read-only, slow")
def test_a_full_disk_costs_rows_and_where_it_has_room_again_the_log_goes_on(rig, reach_bundle, small_disk):
    log = small_disk("512k") / "run.mcap"
    node = moving_and_recording(rig, reach_bundle, log)
    rig.until(lambda: log.stat().st_size > 480_000, what="a full disk")
    since = time.monotonic()
    rig.spin(1.0)
    assert recorded(log)[1] > 500  # what fitted can be read while it runs
    small_disk("64m")
    rig.until(lambda: (log.parent / "run.001.mcap").exists(), 20.0, "another part")
    rig.spin(1.0)
    err, row = ended_well(rig, node, since)
    assert "rows were not written" in err and "No space left on device" in err
    dropped = int(err.split("log: ")[1].split()[0])
    reader, rows = recorded(log)
    assert len(reader.parts) == 2 and reader.end == ""
    assert reader.missing == dropped > 0
    assert rows > 2 * row["commands"] * 0.2  # a part of the run is missing and no more


@pytest.mark.fault(39, "disk full, read-only, slow")
def test_a_disk_that_is_full_from_the_start_costs_the_log_and_nothing_else(rig, reach_bundle):
    node = moving_and_recording(rig, reach_bundle, "/dev/full")
    since = time.monotonic()
    rig.spin(1.5)
    err, row = ended_well(rig, node, since)
    assert "No space left on device" in err and int(err.split("log: ")[1].split()[0]) > row["commands"]


@pytest.mark.fault(39, "disk full, read-only, slow")
def test_a_read_only_disk_is_told_before_anything_moves(rig, reach_bundle, small_disk):
    small_disk("512k")
    log = small_disk("512k", "ro") / "run.mcap"
    rig.twin()
    rig.until(lambda: rig.states, what="a twin")
    node = rig.deploy(reach_bundle, "--log", log, arm="")
    code, _, err = rig.finished(node)
    verdict = rig.verdict(0.0, state="REFUSE")
    assert not rig.samples and verdict.over_bounds == 0.0
    assert code == 1 and err == (f"sim2real: error: cannot write the log {log}: Read-only file system; "
                                 "give another --log\n")


@pytest.mark.fault(39, "disk full, read-only, slow")
def test_a_disk_that_does_not_answer_for_two_seconds_delays_no_command(rig, reach_bundle, tmp_path):
    node = moving_and_recording(rig, reach_bundle, tmp_path / "run.mcap")
    recorder, since = recorder_of(node.pid), time.monotonic()
    os.kill(recorder, signal.SIGSTOP)
    rig.spin(2.0)
    os.kill(recorder, signal.SIGCONT)
    rig.spin(0.5)
    err, row = ended_well(rig, node, since)
    reader, rows = recorded(tmp_path / "run.mcap")
    assert reader.end == "" and rows > 2 * row["commands"] * 0.5
    assert reader.missing == (int(err.split("log: ")[1].split()[0]) if "log: " in err else 0)


@pytest.mark.fault(39, "disk full, read-only, slow")
def test_a_killed_recorder_is_started_again_and_control_does_not_notice(rig, reach_bundle, tmp_path):
    node = moving_and_recording(rig, reach_bundle, tmp_path / "run.mcap")
    since = time.monotonic()
    os.kill(recorder_of(node.pid), signal.SIGKILL)
    rig.until(lambda: (tmp_path / "run.001.mcap").exists(), what="another part")
    rig.spin(1.0)
    err, row = ended_well(rig, node, since)
    assert "was killed by signal 9; started again 1 times" in err
    reader, _ = recorded(tmp_path / "run.mcap")
    assert len(reader.parts) == 2 and reader.end == ""
    assert 0 < reader.missing == int(err.split("log: ")[1].split()[0])


@pytest.mark.fault(40, "long run")
def test_a_long_run_in_made_up_time_grows_by_nothing_and_misses_no_fault(tmp_path, fault_row):
    from benchmarks.soak import growth, robot_at_100_hz, schedule
    from benchmarks.soak_steps import accelerated
    from tests.ros.hand_policies import write_policy

    bundle = write_policy(tmp_path / "reach.s2r", str(robot_at_100_hz(tmp_path)), "reach")
    found, samples = accelerated(bundle, tmp_path / "run.mcap", 40.0, schedule(40.0, 7.0))
    fault_row("STOP", None, 0.0 if found["limit_violations"] == 0 else 1.0, False)
    assert found["missed"] == 0 and found["stops"] >= 1 and found["limit_violations"] == 0
    assert found["goals"] > 10 and found["reached"] > 0.8 * found["goals"]
    grown = growth(samples["deploy"], 20.0)
    assert grown["files_more"] == 0 and grown["threads_more"] == 0 and grown["rss_more_mib"] < 4.0
    assert growth(samples["recorder"], 20.0)["files_more"] <= 0
    reader = LogReader(tmp_path / "run.mcap")
    assert sum(1 for _ in reader) + found["log_rows_dropped"] > 3 * found["steps"] and reader.end == ""


@pytest.mark.slow
@pytest.mark.ros
@pytest.mark.fault(40, "long run")
def test_a_minute_of_all_processes(domain, fault_row):
    done = subprocess.run([sys.executable, "-m", "benchmarks.soak", "--minutes", "1", "--every", "9", "--warm-up", "25",
                           "--json", "--domain-id", str(domain)], cwd=ROOT, capture_output=True, text=True, timeout=240,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    fault_row("FAULT", None, 0.0 if found["limit_violations"] == 0 else 1.0, False)
    assert found["missed"] == 0 and found["begun"] == found["faults"] == 6 and found["stops"] >= 1, found
    assert set(found["processes"]) == {"twin", "guard", "deploy", "recorder"}
    for who, row in found["processes"].items():
        assert row["files_more"] <= 0 and row["threads_more"] <= 0 and row["rss_more_mib"] < 4.0, (who, row)
