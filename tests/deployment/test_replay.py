"""A recorded run done again: bit for bit the same, or the first difference named; what is missing is not made up."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle, write_bundle
from sim2real.deployment.replay import CALLS, Transcript, replay
from sim2real.errors import BadInputError
from sim2real.recordings.log_reader import LogReader
from sim2real.ros.drive import Drive
from sim2real.ros.log import Recorder
from sim2real.ros.log_writer import LogWriter
from sim2real.simulators import make_simulator
from sim2real.tasks import make_task
from sim2real.types import RobotState
from tests.ros.hand_policies import hover_weight, linear_onnx, reach_weight, write_policy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("replay")


@pytest.fixture(scope="module")
def hover(folder):
    return load_bundle(write_policy(folder / "hover.s2r", "crazyflie", "hover"))


@pytest.fixture(scope="module")
def reach(folder):
    return load_bundle(write_policy(folder / "reach.s2r", "ur5e", "reach"))


class Robot:
    """A bundle's drive on a simulated robot, with a transcript of all that it was told."""

    def __init__(self, bundle, put):
        self.bundle, self._put = bundle, put
        self.sim = make_simulator("quadrotor" if bundle.robot.kind == "drone" else "mujoco", bundle.robot, 1)
        begin = self.sim.home_state(1)
        if bundle.robot.kind == "drone":
            begin.position[0, 2] = 1.0
        self.sim.reset(None, begin)
        self.modes = []

    def activate(self, rate):
        self.drive, self.transcript = Drive(self.bundle, rate), Transcript()
        self.put(self.transcript.made(rate))

    def put(self, rows):
        for topic, row in rows:
            self._put(topic, row)

    def measure(self):
        state = self.sim.state().copy()
        state.time[:] = self.now
        return state

    @property
    def now(self) -> float:
        return 1e5 + float(self.sim.time[0]) / 3.0 * 3.0000001  # numbers with all their digits

    def start(self, goal):
        state = self.measure()
        self.drive.start(state, np.array(goal), self.now)
        self.put(self.transcript.started(state, goal, self.now))

    def stop(self):
        state = self.measure()
        self.drive.stop(state, "asked to stop")
        self.put(self.transcript.stopped(state, "asked to stop"))

    def run(self, steps, spoil=lambda state: None):
        for _ in range(steps):
            state = self.measure()
            spoil(state)
            decision = self.drive.step(state, self.now)
            self.modes.append(str(decision.mode[0]))
            self.put(self.transcript.stepped(state, self.now, decision, {"step": 1e-4, "send": 2e-5}))
            for _ in range(self.drive.stream.ticks):
                command = self.drive.tick()
                self.put(self.transcript.ticked(command))
            self.sim.step(command[None])


def spoil(state):
    state.joint_velocity[:] = np.nan
    state.linear_velocity[0, 1] = -np.inf


def freeze(state):
    state.time[:] -= 0.2


def fly(bundle, put):
    """Approach, take over, unusable and old states, a far goal, a stop; then armed again."""
    robot = Robot(bundle, put)
    robot.activate(100.0)
    robot.start([1.0, -0.5, 0.9, 0.8])
    robot.run(450)
    robot.run(3, spoil)
    robot.run(5)
    robot.run(4, freeze)
    robot.start([-0.5, 0.5, 1.0, 0.0])
    robot.run(50)
    robot.stop()
    robot.run(30)
    robot.activate(200.0)
    robot.start([0.2, 0.0, 1.0, 0.0])
    robot.run(20)
    return robot


def reach_out(bundle, put, steps=25):
    robot = Robot(bundle, put)
    robot.activate(125.0)
    robot.start([0.45, 0.1, 0.35])
    robot.run(steps)
    robot.run(2, spoil)
    robot.start([0.4, -0.2, 0.3])
    robot.run(5)
    robot.stop()
    robot.run(5)
    return robot


@pytest.fixture(scope="module")
def flight(folder, hover):
    log = Recorder(folder / "flight.mcap", {"bundle": hover.sha256})
    robot = fly(hover, log.put)
    log.close()
    assert (log.dropped, log.failure) == (0, "")
    return folder / "flight.mcap", robot


@pytest.fixture(scope="module")
def reached(folder, reach):
    """A short log in many chunks."""
    with (folder / "reach.mcap").open("wb") as file:
        writer, count = LogWriter(file, {"bundle": reach.sha256}), 0

        def put(topic, row):
            nonlocal count
            plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in row.items()}
            writer.add(topic, count, plain, count)
            count += 1
            if count % 16 == 0:
                writer.flush()
        reach_out(reach, put)
        writer.finish()
    return folder / "reach.mcap"


def rows_of(path):
    return [(topic, row) for _, topic, row in LogReader(path)]


def again(path, bundle):
    return replay(((topic, row) for _, topic, row in LogReader(path)), lambda rate: Drive(bundle, rate))


def with_weight(folder, name, robot, task_name, change):
    """A bundle whose policy has one changed number."""
    task = make_task(task_name, robot)
    weight = reach_weight(task) if task_name == "reach" else hover_weight(task)
    change(weight)
    write_bundle(folder / name, task, linear_onnx(weight), training_ranges={}, created_by="tests")
    return load_bundle(folder / name)


def test_a_flight_comes_out_bit_for_bit(flight, hover):
    path, robot = flight
    assert {"APPROACH", "ACTIVE", "HOLD", "STOP"} <= set(robot.modes)
    found = again(path, hover)
    assert (found.steps, found.equal, found.different, found.skipped) == (562, found.compared, 0, 0)
    ticks = [row for topic, row in rows_of(path) if topic == "/command"]
    assert found.commands == len(ticks) >= 562 and found.first is None and found.largest == 0.0


def test_an_arm_comes_out_bit_for_bit(reached, reach):
    found = again(reached, reach)
    assert (found.steps, found.commands, found.different, found.skipped) == (37, 5 * 37, 0, 0)


def test_what_is_not_finite_survives_the_log(flight):
    velocities = [row["linear_velocity"] for topic, row in rows_of(flight[0]) if topic == "/state"]
    assert sum(velocity[1] == "-Infinity" for velocity in velocities) == 3


def test_the_log_says_what_people_ask(flight):
    rows = rows_of(flight[0])
    decision = next(row for topic, row in rows if topic == "/decision")
    assert set(decision) == {"n", "mode", "cause", "age", "clipped", "saturated", "error"}
    latency = next(row for topic, row in rows if topic == "/latency")
    assert latency["step_us"] == pytest.approx(100.0) and latency["send_us"] == pytest.approx(20.0)
    goals = [row["goal"] for topic, row in rows if topic == "/goal"]
    assert goals == [[1.0, -0.5, 0.9, 0.8], [-0.5, 0.5, 1.0, 0.0], [0.2, 0.0, 1.0, 0.0]]
    assert [row["cause"] for topic, row in rows if topic == "/call" and row["call"] == "stop"] == ["asked to stop"]


def test_one_changed_weight_is_found_at_the_first_step_that_it_matters(folder, reached, reach):
    def change(weight):
        i, j = np.argwhere(weight)[0]
        weight[i, j] *= 1.0 + 1e-6  # a few units in the last place of its float32
    other = with_weight(folder, "other.s2r", reach.robot, "reach", change)
    found = again(reached, other)
    assert found.different > 10 and found.first.channel == 0
    assert 0.0 < found.largest < 1e-4
    # what is named is indeed the first one
    different = []
    replay(rows_of(reached), lambda rate: Drive(other, rate), lambda what, n, recorded, replayed: different.append(
        (n, what)) if recorded.tobytes() != replayed.tobytes() else None)
    assert (found.first.n, found.first.what) == different[0]
    row = next(row for _, row in rows_of(reached) if row.get("call") and row["n"] == found.first.n)
    assert row[found.first.what][0] == found.first.recorded != found.first.replayed


@pytest.mark.parametrize(("what", "bit"), [("set_point", 1), ("command", 1), ("command", 1 << 63)])
def test_a_single_bit_of_a_recorded_command(reached, reach, what, bit):
    rows = rows_of(reached)
    row = [row for _, row in rows if what in row][17]
    before = row[what][3]
    row[what][3] = float((np.array([before]).view(np.uint64) ^ np.uint64(bit)).view(float)[0])
    found = replay(rows, lambda rate: Drive(reach, rate))
    assert (found.different, found.first.n, found.first.what, found.first.channel) == (1, row["n"], what, 3)
    assert found.first.replayed == before and found.first.recorded == row[what][3]
    step = [row for _, row in rows if row.get("call") == "step" and row["n"] <= found.first.n]
    assert found.first.time == pytest.approx(step[-1]["now"] - rows_now(rows), abs=1e-9)


def rows_now(rows):
    return next(row["now"] for _, row in rows if row.get("call") == "step")


@pytest.mark.parametrize("field", ["joint_position", "now", "goal"])
def test_a_single_bit_of_a_recorded_input(reached, reach, field):
    """Everything that is recorded counts."""
    rows = rows_of(reached)
    row = next(row for _, row in rows if field in row and row["call"] == ("start" if field == "goal" else "step"))
    if field == "now":
        row["now"] += 1.0  # the state is a second old then
    else:
        row[field][1] += 1e-4
    assert replay(rows, lambda rate: Drive(reach, rate)).different > 0


def test_a_missing_row_ends_the_comparison_until_the_next_activation(flight, hover):
    rows = rows_of(flight[0])
    whole = again(flight[0], hover)
    lost = [k for k, (_, row) in enumerate(rows) if row.get("call") == "step"][100]
    found = replay(rows[:lost] + rows[lost + 1:], lambda rate: Drive(hover, rate))
    assert found.different == 0
    assert found.compared + found.skipped == whole.compared - 1
    assert found.steps == 100 + 20  # before it, and all of the second activation
    # the words about a step may be missing without harm
    told = [row for row in rows if row[0] not in ("/decision", "/latency")]
    assert replay(told, lambda rate: Drive(hover, rate)) == whole


def test_without_its_beginning_nothing_is_compared(reached, reach):
    found = replay(rows_of(reached)[1:], lambda rate: Drive(reach, rate))
    assert found.compared == 0 and found.skipped == 37 * 6


def test_cut_off_anywhere_replays_what_is_there(reached, reach, tmp_path):
    data, path = reached.read_bytes(), tmp_path / "cut.mcap"
    counts = []
    for size in np.sort(np.random.default_rng(0).integers(300, len(data), 40)):
        path.write_bytes(data[:size])
        found = again(path, reach)
        assert found.different == found.skipped == 0
        counts.append(found.compared)
    assert counts == sorted(counts) and len(set(counts)) > 8 and counts[-1] > 150


def test_200_mutated_logs_never_crash(reached, reach, tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("unpickled")
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    data, path = reached.read_bytes(), tmp_path / "bad.mcap"
    random = np.random.default_rng(2)
    shorter = 0
    for _ in range(200):
        bad = bytearray(data)
        for place in random.integers(0, len(bad), random.integers(1, 5)):
            bad[place] = random.integers(0, 256)
        path.write_bytes(bad)
        try:
            found = again(path, reach)
        except BadInputError:
            continue
        assert found.different == 0  # a wrong byte is never taken for a wrong command
        shorter += found.compared < 37 * 6
    assert shorter > 100


_STATE = {"joint_position": [0.0] * 6, "joint_velocity": [0.0] * 6, "position": [0.0] * 3,
          "quaternion": [1.0, 0.0, 0.0, 0.0], "linear_velocity": [0.0] * 3, "angular_velocity": [0.0] * 3, "time": 0.0}
_START = {"n": 1, "call": "start", "goal": [0.4, 0.1, 0.3], "now": 0.0, **_STATE}


def test_a_log_from_before_efforts_were_looked_at_is_replayed(reach):
    motion = []
    reach_out(reach, lambda topic, row: motion.append((topic, {
        key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in row.items()})))
    older = [(topic, {key: value for key, value in row.items() if key != "joint_effort"}) for topic, row in motion]
    found, now = (replay(rows, lambda rate: Drive(reach, rate)) for rows in (older, motion))
    assert older != motion and found.different == 0 and (found.steps, found.commands) == (now.steps, now.commands)
    assert found.steps > 10


@pytest.mark.parametrize(("row", "said"), [
    ({"n": 1, "call": "__class__"}, "unknown call '__class__'"),
    ({"n": 1, "call": ["step"]}, "unknown call"),
    ({"n": -1, "call": "step"}, "the number of a call"),
    ({"n": True, "call": "step"}, "the number of a call"),
    ({"call": "step"}, "the number of a call"),
    ({"n": 0, "call": "new"}, "does not take the recorded new"),
    ({"n": 0, "call": "new", "rate": 1e12}, "expected a rate"),
    ({"n": 0, "call": "new", "rate": "fast"}, "does not take"),
    ({"n": 1, "call": "step", "now": 0.0, **_STATE}, "reset it first"),
    ({"n": 1, "call": "tick", "command": [0.0] * 6}, "does not take the recorded tick"),
    ({"n": 1, "call": "start", "goal": [0.4], "now": 0.0, **_STATE}, "goal of task"),
    ({**_START, "joint_position": [0.0] * 5}, "expected joint_position of shape"),
    ({**_START, "joint_effort": [0.0] * 5}, "expected joint_effort of shape"),
    ({**_START, "joint_position": [10**400] * 6}, "numbers were expected"),
    ({**_START, "joint_position": [[0.0]]}, "numbers were expected"),
    ({**_START, "joint_position": "abc"}, "does not take"),
    ({**_START, "position": {"x": 1}}, "a number or a word"),
    ({**_START, "now": "abc"}, "does not take"),
    ({**_START, "surprise": 1.0}, "does not take"),
])
def test_rows_that_nobody_recorded_are_one_line(reach, row, said):
    rows = [("/call", {"n": 0, "call": "new", "rate": 25.0}), ("/x", json.loads(json.dumps(row)))]
    with pytest.raises(BadInputError, match=said):
        replay(rows, lambda rate: Drive(reach, rate))


def test_a_log_of_another_robot_is_one_line(flight, reach):
    with pytest.raises(BadInputError, match="row 1 of the log: this bundle does not take the recorded start"):
        again(flight[0], reach)


def test_a_transcript_takes_only_what_can_be_replayed():
    with pytest.raises(BadInputError, match="the call 'jump' cannot be replayed; expected one of new, rebase, set_"):
        Transcript().called("jump")
    # and every call that it takes is one of a drive
    assert all(hasattr(Drive, call) for call in CALLS - {"new"})


def test_more_inputs_of_a_step_are_given_back(reach):
    state, heard = RobotState.zeros(1, 6), []

    class Careful(Drive):
        def step(self, state, now, speed, words, margins):
            heard.append((speed, words, margins.tolist()))
            return super().step(state, now)
    transcript, drive = Transcript(), Careful(reach, 25.0)
    rows = [*transcript.made(25.0), *transcript.started(state, [0.4, 0.1, 0.3], 0.0)]
    drive.start(state, np.array([0.4, 0.1, 0.3]), 0.0)
    inputs = {"speed": 0.25, "words": "a", "margins": np.array([0.1, 0.2])}
    decision = drive.step(state, 0.0, **inputs)
    rows += transcript.stepped(state, 0.0, decision, **inputs)
    rows = [(topic, json.loads(json.dumps({k: np.asarray(v).tolist() for k, v in row.items()}))) for topic, row in rows]
    assert replay(rows, lambda rate: Careful(reach, rate)).equal == 1
    assert heard[0] == heard[1]
