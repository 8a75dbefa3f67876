"""Faults of the robot, its driver and the commands, in the plant: what they do, when, and that they end."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from rehearse import stage_of, state_at, write

from sim2real.errors import BadInputError
from sim2real.parameters import ParameterSpace
from sim2real.resources import data_path
from sim2real.robots import load_robot
from sim2real.ros.context import message_class
from sim2real.ros.faults import Rehearsal, load_faults
from sim2real.ros.messages import StateWriter
from sim2real.ros.profiles import RosProfile
from sim2real.ros.twin_plant import TwinPlant, step_period, with_step
from sim2real.simulators import make_simulator


class Twin:
    """A plant with a rehearsal, stepped as the node's loop does, in made-up time."""

    def __init__(self, folder, *entries, robot="ur5e", engine="mujoco", interface=None):
        description = load_robot(robot)
        profile = RosProfile.for_robot(description)
        self.period = 1.0 / profile.state.rate
        values = ParameterSpace.for_robot(description).batch(1, {"actuator_delay": 0.0, "sensor_delay": 0.0})[0]
        fine = with_step(description, step_period(profile.state.rate, description.kind)[0])
        self.plant = TwinPlant(make_simulator(engine, fine, 1, threads=1), description, profile, values)
        self.stage = stage_of(robot, plant=self.plant, interface=interface)
        self.robot = description
        self.rehearsal = Rehearsal(load_faults(write(folder, *entries), description, profile), self.stage)
        self.writer = StateWriter(description, profile, lambda kind: message_class(kind)())
        self.now = 0.0
        self.plant.start(0.0)
        self.rehearsal.start(0.0)

    def run(self, until, command=None):
        """Step up to ``until`` [s], with a set point in every period where given: rows of (time, true state, sent)."""
        rows = []
        while self.now < until - 1e-9:
            self.now += self.period
            self.rehearsal.advance(self.now)
            if command is not None and self.rehearsal.takes_commands:
                self.rehearsal.commanded(self.now)
                self.plant.receive([(0.0, np.asarray(command, float))], self.now)
            self.plant.advance(self.now)
            sent = self.rehearsal.outgoing(self.writer.write(self.plant.measured(), 1e6 + self.now))
            rows.append((self.now, self.plant.true_state(), sent))
        return rows

    def joints(self):
        return self.plant.true_state().joint_position[0].copy()


@pytest.fixture
def twin(tmp_path):
    made = []

    def make(*entries, **options):
        made.append(Twin(tmp_path, *entries, **options))
        return made[-1]

    yield make
    for each in made:
        each.plant.close()


@pytest.mark.parametrize("engine", ["mujoco", "pybullet"])
def test_a_blocked_joint_stands_while_the_others_move_and_is_free_again(twin, engine):
    t = twin({"at": 0.1, "for": 0.6, "fault": "blocked_joint", "joint": "elbow_joint"}, engine=engine)
    start = t.joints()
    t.run(0.1)
    target = t.robot.home + np.array([0, 0, 0.4, 0.4, 0, 0])
    t.run(0.69, target)
    moved = t.joints() - start
    assert abs(moved[2]) < 0.01 and moved[3] > 0.3
    t.run(2.0, target)
    np.testing.assert_allclose(t.joints(), target, atol=0.03)


@pytest.mark.parametrize("robot", ["fr3", "so101"])
def test_other_arms_can_be_blocked_too(twin, robot):
    t = twin({"at": 0.0, "fault": "blocked_joint"}, robot=robot)
    start = t.joints()
    target = t.robot.home + 0.2
    t.run(0.6, target)
    moved = t.joints() - start
    assert abs(moved[0]) < 0.01 and abs(moved[-1]) > 0.1


def test_payload(twin):
    t = twin({"at": 0.2, "for": 0.5, "fault": "payload", "mass": "4 kg"})
    column = t.plant._sim.space.column("payload_mass")
    lift, carried = {}, {}
    for time in (0.19, 0.69, 0.71, 2.0):
        t.run(time, t.robot.home)
        lift[time], carried[time] = t.joints()[1], t.plant._sim.values[0, column]
    assert list(carried.values()) == [0.0, 4.0, 0.0, 0.0]
    assert lift[0.69] - lift[0.19] > 1e-3  # the shoulder sags
    assert lift[2.0] < lift[0.69] - 5e-4  # and comes back, but for its friction


def test_rotor_loss(twin):
    t = twin({"at": 0.1, "for": 0.15, "fault": "rotor_loss", "rotor": 2, "loss": "50 %"}, robot="crazyflie",
             engine="quadrotor")
    column = t.plant._sim.space.column("rotor_thrust_scale.2")
    t.run(0.09)
    assert t.plant._sim.values[0, column] == 1.0
    t.run(0.24)
    assert t.plant._sim.values[0, column] == 0.5
    tipped = np.abs(t.plant.true_state().angular_velocity[0, :2]).max()
    assert tipped > 0.3  # it tips over towards that rotor
    t.run(0.26)
    assert t.plant._sim.values[0, column] == 1.0


def test_any_parameter(twin):
    t = twin({"at": 0.1, "for": 0.1, "fault": "parameter", "name": "joint_damping_scale", "value": 3.0},
             {"at": 0.15, "for": 0.1, "fault": "parameter", "name": "joint_damping_scale", "value": 2.0})
    column = t.plant._sim.space.column("joint_damping_scale")
    seen = {round(time, 3): None for time in (0.05, 0.12, 0.17, 0.22, 0.27)}
    for time in seen:
        t.run(time)
        seen[time] = t.plant._sim.values[0, column]
    assert list(seen.values()) == [1.0, 3.0, 2.0, 2.0, 1.0]  # the later one counts, and each takes back its own


def test_e_stop_and_release(twin):
    t = twin({"at": 0.3, "for": 0.5, "fault": "e_stop"})
    target = t.robot.home + np.array([1.0, 0, 0, 0, 0, 0])
    t.plant.receive([(0.0, t.robot.home), (1.0, target)], 0.0)
    running = [(time, t.plant.running) for time in np.arange(0.1, 1.0, 0.1) for _ in [t.run(time)]]
    assert [time for time, runs in running if not runs] == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7])
    stood = t.joints()
    assert 0.1 < stood[0] - t.robot.home[0] < 0.6
    t.run(1.5)
    np.testing.assert_allclose(t.joints(), stood, atol=2e-3)  # release moves nothing
    t.run(2.5, target)
    assert t.joints()[0] == pytest.approx(target[0], abs=0.02)


def test_e_stop_that_chatters(twin):
    t = twin({"at": 0.1, "for": 0.4, "fault": "e_stop", "chatter": "50 ms"})
    seen = [t.plant.running for _ in range(300) for _ in [t.run(t.now + 0.002)]]
    edges = [0.002 * (k + 1) for k in range(1, 300) if seen[k] != seen[k - 1]]
    assert edges == pytest.approx([0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45], abs=0.0041)
    assert seen[-1]


def test_speed_scaling_ramps_down_and_up(twin):
    t = twin({"at": 0.2, "for": 1.0, "fault": "speed_scaling", "to": "20 %", "ramp": "250 ms"})
    seen = {}
    for time in (0.19, 0.325, 0.45, 0.7, 0.95, 1.075, 1.21):
        t.run(time)
        seen[time] = t.plant.speed_scaling
    assert list(seen.values()) == pytest.approx([1.0, 0.6, 0.2, 0.2, 0.2, 0.6, 1.0], abs=0.02)
    assert seen[1.21] == 1.0


def test_restart_at_another_pose(twin):
    t = twin({"at": 0.2, "for": 0.3, "fault": "restart", "joint": "wrist_1_joint", "by": "0.3 rad"})
    before = t.joints()
    rows = t.run(0.6)
    silent = [time for time, _, sent in rows if not sent]
    assert (silent[0], silent[-1]) == pytest.approx((0.2, 0.498))
    np.testing.assert_allclose(t.joints() - before, [0, 0, 0, 0.3, 0, 0], atol=0.01)
    first = next(sent[0] for time, _, sent in rows if time > 0.4 and sent)
    assert first.position[3] - before[3] == pytest.approx(0.3, abs=0.01)  # no way there: it was moved while away
    t.run(1.0)
    np.testing.assert_allclose(t.joints() - before, [0, 0, 0, 0.3, 0, 0], atol=0.01)  # and there it stays


def test_nothing_is_taken_while_the_driver_is_away(twin):
    t = twin({"at": 0.2, "for": 0.3, "fault": "restart"})
    t.run(0.2)
    taken = t.plant.commands
    t.run(0.49, t.robot.home + 0.5)
    assert t.plant.commands == taken


def test_a_restarted_drone_hovers_elsewhere(twin):
    t = twin({"at": 0.2, "for": 0.2, "fault": "restart", "by": "0.5 m"}, robot="crazyflie", engine="quadrotor")
    t.run(2.0)
    np.testing.assert_allclose(t.plant.true_state().position[0], [0.5, 0.0, 1.0], atol=0.3)
    t.run(2.3, [1.5 * t.robot.hover_thrust, 0, 0, 0])
    assert t.plant.true_state().linear_velocity[0, 2] < -0.5  # locked again, as after every start


def test_link_loss(twin):
    t = twin({"at": 0.2, "for": 0.3, "fault": "link_loss"})
    counts = {}
    for time in (0.19, 0.21, 0.49, 0.6):
        t.run(time, t.robot.home)
        counts[time] = t.plant.commands
    assert counts[0.49] - counts[0.19] <= 5 and counts[0.49] == counts[0.21]
    assert counts[0.6] > counts[0.49] + 40


def test_link_loss_wakes_a_crazyflies_watchdog(twin):
    t = twin({"at": 0.5, "for": 0.8, "fault": "link_loss"}, robot="crazyflie", engine="quadrotor")
    t.run(0.1, np.zeros(4))
    rolling = [1.2 * t.robot.hover_thrust, 2.0, 0, 0]
    t.run(0.95, rolling)

    def tilt():
        w, x, y, z = t.plant.true_state().quaternion[0]
        return np.arccos(w * w - x * x - y * y + z * z)

    assert tilt() > 0.8
    t.run(1.29, rolling)
    assert tilt() < 0.5  # levelled from 1.0 s on, though commands were sent all the time


def test_switch_controller(twin):
    t = twin({"at": 0.1, "for": 0.2, "fault": "switch_controller", "interface": "joint_trajectory"})
    seen = [t.stage.controllers.active for time in (0.05, 0.15, 0.25, 0.35) for _ in [t.run(time)]]
    assert seen == ["forward_position", "joint_trajectory", "joint_trajectory", "forward_position"]


def test_what_still_acts_is_taken_back_at_the_end(twin):
    t = twin({"at": 0.0, "fault": "e_stop"}, {"at": 0.0, "fault": "payload", "mass": 1.0},
             {"at": 0.0, "fault": "speed_scaling", "ramp": 0.0, "to": 0.5})
    t.run(0.1)
    assert not t.plant.running and t.plant.speed_scaling == 0.5
    t.rehearsal.end()
    assert t.plant.running and t.plant.speed_scaling == 1.0 and not t.plant._overrides


def test_times_count_from_the_first_command_where_asked(twin):
    t = twin({"since": "command", "at": 0.1, "for": 0.1, "fault": "silence"})
    assert all(sent for _, _, sent in t.run(0.5))
    rows = t.run(1.0, t.robot.home)
    silent = [time for time, _, sent in rows if not sent]
    assert (silent[0], silent[-1]) == pytest.approx((0.602, 0.7), abs=0.0021)


@pytest.mark.parametrize(("file", "robot", "command"), [("example.yaml", "so101", None),
                                                        ("drone.yaml", "crazyflie", np.zeros(4))])
def test_the_example_files_run_to_their_end(twin, file, robot, command):
    entries = yaml.safe_load((data_path("assets") / "faults" / file).read_text())
    t = twin(*entries, robot=robot, engine="mujoco" if robot == "so101" else "quadrotor")
    seen = set()
    for _ in range(230):
        t.run(t.now + 0.1, t.robot.home if command is None else command)
        seen.update(t.rehearsal.active)
    assert seen == {row["fault"] for row in entries} and t.rehearsal.begun == len(entries)
    assert t.rehearsal.active == () and t.plant.running and t.plant.speed_scaling == 1.0
    assert t.plant.true_state().is_finite().all()


@pytest.mark.parametrize(("robot", "parameters", "line"), [
    ("ur5e", {"fault": "payload", "mass": "-1 kg"}, "must not be negative"),
    ("ur5e", {"fault": "payload", "mass": "1 t"}, "unknown unit"),
    ("ur5e", {"fault": "parameter", "name": "payload_mas", "value": 1}, "unknown parameter 'payload_mas'; did"),
    ("ur5e", {"fault": "parameter", "name": "actuator_delay", "value": 0.1}, "unknown parameter 'actuator_delay'"),
    ("ur5e", {"fault": "parameter", "name": "payload_mass", "value": -1}, "outside the physical range"),
    ("ur5e", {"fault": "blocked_joint", "joint": "elbow"}, "did you mean elbow_joint"),
    ("ur5e", {"fault": "speed_scaling", "ramp": "600 ms"}, "two of 0.6 s do not fit into 'for' of 1 s"),
    ("ur5e", {"fault": "speed_scaling", "to": "120 %"}, "expected a share of 0 to 1"),
    ("ur5e", {"fault": "switch_controller", "interface": "joint_trajectry"}, "did you mean joint_trajectory"),
    ("ur5e", {"fault": "switch_controller"}, "field 'interface' is missing"),
    ("ur5e", {"fault": "mute", "topic": "speed_scalling"}, "unknown topic beside the state 'speed_scalling'; did you"),
    ("ur5e", {"fault": "rival", "interface": "x"}, "unknown command interface"),
    ("ur5e", {"fault": "rival", "rate": 0}, "must be over zero"),
    ("ur5e", {"fault": "rotor_loss"}, "it is for drones, ur5e is not one"),
    ("crazyflie", {"fault": "rotor_loss", "rotor": 5}, "expected 1 to 4, got 5"),
    ("crazyflie", {"fault": "e_stop"}, "it is for arms, crazyflie is not one"),
])
def test_what_does_not_fit_is_one_line(tmp_path, robot, parameters, line):
    stage = stage_of(robot)
    with pytest.raises(BadInputError, match=line) as error:
        load_faults(write(tmp_path, {"at": 0, "for": 1, **parameters}), stage.robot, stage.profile)
    assert "\n" not in str(error.value)


def test_a_restart_needs_an_end(tmp_path):
    stage = stage_of("ur5e")
    with pytest.raises(BadInputError, match="field 'for' is missing: how long the driver is away"):
        load_faults(write(tmp_path, {"at": 0, "fault": "restart"}), stage.robot, stage.profile)


def test_a_rival_without_ros_says_so(tmp_path):
    stage = stage_of("ur5e")
    rehearsal = Rehearsal(load_faults(write(tmp_path, {"at": 0, "fault": "rival"}), stage.robot, stage.profile), stage)
    rehearsal.start(0.0)
    with pytest.raises(BadInputError, match="the fault rival is a ROS node"):
        rehearsal.advance(0.1)
    assert state_at(stage.robot, 0).joint_position.shape == (1, 6)
