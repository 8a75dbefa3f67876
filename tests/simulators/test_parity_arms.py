"""Arms: every parameter does the same in both engines, by a number worked out by hand; and the engines agree."""

from __future__ import annotations

import warnings
from contextlib import closing

import numpy as np
import pytest

from sim2real import rng
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
from sim2real.types import RobotState
from tests.simulators import tiny

ENGINES = ["mujoco", "pybullet"]
SWUNG = tiny.INERTIA + tiny.MASS * tiny.LENGTH**2  # [kg m2] about the joint: 0.52
PASSIVE = {"stiffness_scale": 0.0, "damping_gain_scale": 0.0}  # no servo


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def build(engine):
    made = []

    def make(robot, parameters=None, n=1, **options):
        sim = make_simulator(engine, robot, n, **options)
        made.append(sim)
        sim.set_parameters(None, sim.space.batch(n, parameters))
        sim.reset()
        return sim

    yield make
    for sim in made:
        sim.close()


def start(sim, position=0.0, velocity=0.0) -> None:
    state = RobotState.zeros(sim.num_sims, sim.robot.num_joints)
    state.joint_position[:] = position
    state.joint_velocity[:] = velocity
    sim.reset(None, state)


def drive(sim, target: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities of simulation 0, (steps,), after each step towards ``target``."""
    q, v = np.zeros(steps), np.zeros(steps)
    for k in range(steps):
        sim.step(np.full((sim.num_sims, 1), target))
        truth = sim.true_state()
        q[k], v[k] = truth.joint_position[0, 0], truth.joint_velocity[0, 0]
    return q, v


def own_step(sim) -> float:
    """The engine's integration step in [s]: a set point moves the joint in the step after the one it changed in."""
    return sim.substep if sim.engine == "mujoco" else sim.substep / 2


class TestLoads:
    def test_payload_and_its_offset_sag(self, build):
        """kp (x - q) = g (m l + M r) sin q with r = tool + offset; a bare arm sags by m g l / kp alone."""
        target, sags = np.pi / 2, []
        for mass, offset in ((0.0, 0.0), (1.5, 0.0), (1.5, -0.1)):  # the tool's z points up the rod
            sim = build(tiny.pendulum(gain=60.0), {"payload_mass": mass, "payload_offset_z": offset})
            start(sim, target)
            q, v = drive(sim, target, 200)
            moment = tiny.MASS * tiny.LENGTH + mass * (tiny.TOOL - offset)
            sags.append(target - q[-1])
            assert abs(v[-1]) < 1e-5
            assert 200.0 * (target - q[-1]) == pytest.approx(tiny.GRAVITY * moment * np.sin(q[-1]), rel=1e-4)
        assert sags[0] < sags[1] < sags[2]
        assert sags[1] == pytest.approx(tiny.GRAVITY * (1.0 + 1.5 * 0.8) / 200.0, rel=0.02)

    @pytest.mark.parametrize("axis", ["x", "y"])
    def test_payload_offset_sideways(self, build, axis):
        """A load beside a hanging rod: with m l = 1 kg m and 1.5 kg at (0.3, -0.8), tan q = 0.45 / 2.2."""
        sim = build(tiny.pendulum(gain=5.0), {"payload_mass": 1.5, f"payload_offset_{axis}": 0.3,
                                              "stiffness_scale": 0.0})
        q, _ = drive(sim, 0.0, 500)
        assert q[-1] == pytest.approx(np.arctan2(0.45, 2.2) if axis == "x" else 0.0, abs=1e-4)

    def test_payload_adds_inertia(self, build):
        """A point mass at the tool of a turntable: acceleration = torque / (I + M r^2)."""
        sim = build(tiny.turntable(gain=0.0), {"payload_mass": 2.0, "payload_offset_x": 0.2})
        _, v = drive(sim, 1e-3, 1)  # so small a turn that the torque stays kp * 1e-3
        assert v[0] == pytest.approx(0.2 * (0.02 - own_step(sim)) / (SWUNG + 2.0 * 1.0**2), rel=0.03)

    @pytest.mark.parametrize("scale", [1.0, 1.6])
    def test_pendulum_period_and_link_mass(self, build, scale):
        """T = 2 pi sqrt((s I + A) / (s m g l)): the armature keeps the mass from cancelling."""
        sim = build(tiny.pendulum(armature=0.3, substeps=20), {**PASSIVE, "link_mass_scale": scale})
        start(sim, 0.02)
        q, _ = drive(sim, 0.0, 400)
        period = 2 * np.pi * np.sqrt((scale * SWUNG + 0.3) / (scale * tiny.MASS * tiny.GRAVITY * tiny.LENGTH))
        assert crossing_period(q, sim.control_period) == pytest.approx(period, rel=2e-3)

    def test_link_mass_of_one_link_alone(self, build):
        sim = build(tiny.pendulum(gain=60.0), {"link_mass_scale": 1.1, "link_mass_scale.rod": 1.2})
        start(sim, np.pi / 2)
        q, _ = drive(sim, np.pi / 2, 200)
        assert 200.0 * (np.pi / 2 - q[-1]) == pytest.approx(1.32 * 9.81 * np.sin(q[-1]), rel=1e-4)

    def test_gravity_tilt_y(self, build):
        """A base turned by +0.2 about y: the pendulum still hangs down in the world, so q = -0.2."""
        sim = build(tiny.pendulum(gain=10.0), {"stiffness_scale": 0.0, "gravity_tilt_y": 0.2})
        q, _ = drive(sim, 0.0, 400)
        assert q[-1] == pytest.approx(-0.2, abs=1e-4)

    def test_gravity_tilt_x(self, build):
        """A turntable tilted by +0.2 about x: gravity is g (0, -sin, -cos) in the base, torque -m g l sin 0.2."""
        sim = build(tiny.turntable(), {**PASSIVE, "gravity_tilt_x": 0.2})
        _, v = drive(sim, 0.0, 1)
        assert v[0] == pytest.approx(-9.81 * np.sin(0.2) / SWUNG * 0.02, rel=0.01)

    @pytest.mark.parametrize(("axis", "sign"), [("x", -1.0), ("y", 0.0), ("z", 0.0)])
    def test_external_force(self, build, axis, sign):
        """2 N at the tool of a hanging rod: only x has a lever, 0.8 m, and pushes q down (positive q is -x)."""
        sim = build(tiny.pendulum(gain=60.0), {f"external_force_{axis}": 2.0})
        q, _ = drive(sim, 0.0, 300)
        # (kp + m g l) q = F r cos q
        expected = sign * 1.6 / (200.0 + 9.81)
        assert q[-1] == pytest.approx(expected, abs=1e-6 + 1e-3 * abs(expected))


class TestJoints:
    def test_damping_decay(self, build):
        """v = v0 exp(-D t / (I + A)), with D = 2 * 1.5 * 1.2."""
        sim = build(tiny.turntable(damping=2.0, armature=0.5),
                    {**PASSIVE, "joint_damping_scale": 1.5, "joint_damping_scale.hinge": 1.2})
        start(sim, 0.0, 3.0)
        _, v = drive(sim, 0.0, 10)
        assert v[-1] == pytest.approx(3.0 * np.exp(-3.6 * 0.2 / (SWUNG + 0.5)), rel=5e-3)

    def test_friction_decelerates_evenly_and_holds(self, build):
        """v = v0 - Fc t / I until it stops at v0 I / Fc = 0.173 s, and then it stays."""
        sim = build(tiny.turntable(friction=2.0), {**PASSIVE, "joint_friction_scale": 1.5})
        start(sim, 0.0, 1.0)
        q, v = drive(sim, 0.0, 30)
        assert v[4] == pytest.approx(1.0 - 3.0 * 0.1 / SWUNG, rel=0.02)
        assert abs(v[-1]) < 1e-4
        assert abs(q[-1] - q[15]) < 1e-4
        assert q[-1] == pytest.approx(0.5 * SWUNG / 3.0, rel=0.02)

    def test_friction_band(self, build):
        """A servo torque kp x just below Fc moves nothing, one above it does."""
        for torque, moves in ((1.9, False), (2.1, True)):
            sim = build(tiny.turntable(friction=2.0))
            q, _ = drive(sim, torque / 200.0, 100)
            assert (abs(q[-1]) > 2e-4) == moves, q[-1]

    def test_stiction_breakaway(self, build):
        """Breakaway at Fc (1 + s) = 2 (1 + 0.5) = 3 N m; once moving it goes further than a jump to 2 N m of rest."""
        for torque, moves in ((2.9, False), (3.1, True)):
            sim = build(tiny.turntable(friction=2.0, gain=2.0), {"stiction": 0.5})
            q, _ = drive(sim, torque / 200.0, 100)
            assert (abs(q[-1]) > 2e-4) == moves, q[-1]
        # the freed joint comes to rest where the servo torque is far below breakaway
        assert 200.0 * (torque / 200.0 - q[-1]) < 2.0

    @pytest.mark.parametrize("scale", [1.0, 1.5])
    def test_armature_and_natural_frequency(self, build, scale):
        """Undamped servo: T = 2 pi sqrt((I + A) / kp)."""
        sim = build(tiny.turntable(armature=2.0, gain=0.0, substeps=20, stiffness=50.0), {"armature_scale": scale})
        start(sim, 0.05)
        q, _ = drive(sim, 0.0, 400)
        period = 2 * np.pi * np.sqrt((SWUNG + 2.0 * scale) / 50.0)
        assert crossing_period(q, sim.control_period) == pytest.approx(period, rel=2e-3)

    def test_limits_stop_the_joint(self, build):
        sim = build(tiny.turntable(effort=2.0), PASSIVE)
        start(sim, 5.9, 2.0)
        q, v = drive(sim, 6.0, 50)
        assert q.max() < 6.05
        assert v[-1] < 0.05


class TestServo:
    def test_stiffness_sag(self, build):
        """Half the stiffness, twice the sag."""
        sags = []
        for scale in (1.0, 0.5):
            sim = build(tiny.pendulum(gain=60.0, stiffness=2000.0), {"stiffness_scale": scale})
            start(sim, np.pi / 2)
            sags.append(np.pi / 2 - drive(sim, np.pi / 2, 200)[0][-1])
        assert sags[0] == pytest.approx(9.81 / 2000.0, rel=1e-3)
        assert sags[1] / sags[0] == pytest.approx(2.0, rel=1e-3)

    def test_damping_gain_decay(self, build):
        """Without stiffness: v = v0 exp(-kd t / I)."""
        sim = build(tiny.turntable(gain=2.0), {"stiffness_scale": 0.0, "damping_gain_scale": 1.3})
        start(sim, 0.0, 1.0)
        _, v = drive(sim, 0.0, 10)
        assert v[-1] == pytest.approx(np.exp(-2.6 * 0.2 / SWUNG), rel=0.01)

    @pytest.mark.parametrize("scale", [1.0, 0.5])
    def test_effort_limit(self, build, scale):
        """A far target: acceleration = limit / I, however stiff the servo."""
        sim = build(tiny.turntable(effort=5.0, gain=0.0), {"effort_limit_scale": scale})
        _, v = drive(sim, 3.0, 10)
        assert v[-1] - v[0] == pytest.approx(5.0 * scale / SWUNG * 0.18, rel=1e-6)

    def test_motor_time_constant(self, build):
        """x = u (1 - exp(-t / tau)), so a soft servo gains v = kp u / I (t - tau (1 - exp(-t / tau)))."""
        tau, kp = 0.1, 0.01
        sim = build(tiny.turntable(stiffness=kp, gain=0.0, substeps=40), {"motor_time_constant": tau})
        _, v = drive(sim, 1.0, 15)
        t = 0.02 * np.arange(1, 16)
        np.testing.assert_allclose(v, kp / SWUNG * (t - tau * (1 - np.exp(-t / tau))), rtol=0.03)
        # after one time constant the torque is 63 % of the final one
        share = (v[5] - v[4]) / 0.02 / (kp / SWUNG)
        assert share == pytest.approx(1.0 - np.exp(-1.1), abs=0.01)

    def test_delay_of_whole_periods_shifts_the_response(self, build):
        for periods in (1, 3, 8):
            plain = drive(build(tiny.turntable(stiffness=50.0)), 0.5, 30)[0]
            late = drive(build(tiny.turntable(stiffness=50.0), {"actuator_delay": 0.02 * periods}), 0.5, 30)[0]
            np.testing.assert_array_equal(late[:periods], 0.0)
            np.testing.assert_allclose(late[periods:], plain[:-periods], rtol=0, atol=1e-12)

    @pytest.mark.parametrize("steps", [0, 1, 4, 9, 10, 13])
    def test_delay_of_substeps(self, build, steps):
        """A soft servo has v = a (t - delay - h) after two periods of ten steps, for every number of steps; h is the
        engine's own step."""
        sim = build(tiny.turntable(stiffness=0.01, gain=0.0), {"actuator_delay": 0.002 * steps})
        _, v = drive(sim, 1.0, 2)
        assert v[1] == pytest.approx(0.01 / SWUNG * (0.04 - 0.002 * steps - own_step(sim)), rel=1e-4, abs=1e-9)

    def test_jitter_delays_by_up_to_its_size(self, build):
        """Commands arrive between 0 and 10 steps late: first velocities are spread evenly over that range."""
        sim = build(tiny.turntable(stiffness=0.01, gain=0.0), {"control_jitter": 0.02}, n=24)
        drive(sim, 1.0, 2)
        late = 20 - own_step(sim) / 0.002 - sim.true_state().joint_velocity[:, 0] / (0.01 / SWUNG * 0.002)
        assert late.min() == pytest.approx(np.round(late.min()), abs=0.02)
        assert late.min() < 3.1
        assert late.max() > 7.9
        assert late.mean() == pytest.approx(5.5, abs=1.8)

    def test_backlash_width(self, build):
        """Coming from below and from above the joint rests the play apart."""
        sim = build(tiny.turntable(), {"backlash": 0.04})
        below = drive(sim, 0.5, 150)[0][-1]
        drive(sim, 1.0, 100)
        above = drive(sim, 0.5, 200)[0][-1]
        assert below == pytest.approx(0.48, abs=1e-5)
        assert above - below == pytest.approx(0.04, abs=1e-5)

    def test_dropped_commands(self, build):
        """With every command lost the joint keeps its rest command."""
        sim = build(tiny.turntable(), {"command_drop_probability": 1.0})
        assert np.abs(drive(sim, 0.5, 20)[0]).max() < 1e-12


def test_contact_friction_arrives_in_the_engine(build):
    robot = load_robot("so101")
    sim = build(robot, {"contact_friction": 0.37}, n=2)
    if sim.engine == "mujoco":
        assert sim.model.npair > 0 and not sim.model.geom_contype.any()  # no contacts but those of the pairs
        np.testing.assert_allclose(sim.batch.expanded("pair_friction")[:, :, :2], 0.37)
    else:
        np.testing.assert_allclose(sim._worlds[1].friction(), 0.37)


def test_floor_stops_the_arm(build):
    """An arm driven into the floor stays above it, without a kick: no joint faster than the fall would make it."""
    sim = build(load_robot("so101"))
    low = sim.robot.home.copy()
    low[1] += 1.2
    for k in range(60):
        sim.step((sim.robot.home + min(1.0, k / 30) * (low - sim.robot.home))[None])
        assert np.abs(sim.true_state().joint_velocity).max() < 6.0
    assert not sim.unstable.any()
    assert low[1] - sim.true_state().joint_position[0, 1] > 0.1  # the floor is in the way


def crossing_period(q: np.ndarray, dt: float) -> float:
    """Period of an oscillation about zero from its downward crossings, interpolated."""
    at = np.flatnonzero((q[:-1] > 0.0) & (q[1:] <= 0.0))
    times = (at + q[at] / (q[at] - q[at + 1])) * dt
    return (times[-1] - times[0]) / (len(times) - 1)


# ------------------------------------------------------------------------------------------------- engine to engine
# largest difference of a joint in [rad] over 3 s of motion, parameters drawn from the training ranges; PyBullet takes
# half MuJoCo's steps, and a step of 2 ms at 0.75 rad/s is 1.5e-3
BOUNDS = {"ur5e": 1e-3, "fr3": 2e-3, "so101": 2e-3, "kuka_iiwa/model.urdf": 2e-3, "franka_panda/panda.urdf": 2.5e-3}


def parity(name: str, n: int = 4, seconds: float = 3.0) -> tuple[np.ndarray, float]:
    """Largest difference of each joint between the engines in [rad], and of the tool's commanded motion's range."""
    if name.endswith(".urdf"):
        import pybullet_data

        name = f"{pybullet_data.getDataPath()}/{name}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these files have no limits on acceleration, and one inertia that is rounded
        robot = load_robot(name)
    with make_simulator("mujoco", robot, n) as a, make_simulator("pybullet", robot, n) as b:
        values = a.space.low + (a.space.high - a.space.low) * rng.uniform(0, np.arange(n), 0, "episode", len(a.space))
        values[0] = a.space.nominal
        for axis in "xyz":
            values[:, a.space.column(f"external_force_{axis}")] *= 0.2
        for sim in (a, b):
            sim.set_parameters(None, values)
            sim.reset()
        largest, moved, up = np.zeros(robot.num_joints), 0.0, robot.home.copy()
        up[1] -= 0.2  # away from the floor
        for k in range(round(seconds / robot.control_period)):
            t = k * robot.control_period
            swing = 0.3 * np.sin(2 * np.pi * 0.4 * t) * np.cos(np.arange(n)[:, None] + np.arange(robot.num_joints))
            command = np.clip(robot.home + min(1.0, t) * (up - robot.home) + swing, robot.position_low + 0.01,
                              robot.position_high - 0.01)
            a.step(command)
            b.step(command)
            first, second = a.true_state().joint_position, b.true_state().joint_position
            largest = np.maximum(largest, np.abs(first - second).max(axis=0))
            moved = max(moved, np.abs(first - robot.home).max())
    return largest, moved


@pytest.mark.parametrize("name", BOUNDS)
def test_engines_agree(name):
    largest, moved = parity(name)
    assert moved > 0.25
    assert largest.max() < BOUNDS[name], largest


if __name__ == "__main__":  # the table in docs/simulators.md
    for each in BOUNDS:
        print(each, "largest difference in mrad:", np.round(1e3 * parity(each)[0], 2))


@pytest.mark.parametrize("payload", [0.0, 1.5])
def test_efforts_are_what_holds_the_arm_up(build, payload):
    """At rest the drive gives m g l sin q, of the rod and of what hangs on it, whatever the servo's gain."""
    sim = build(tiny.pendulum(effort_noise="0"), {"payload_mass": payload, "payload_offset_x": 0.0,
                                                  "stiffness_scale": 0.6, "joint_effort_noise": 0.0})
    start(sim, 0.7)
    for _ in range(400):
        sim.step(np.full((1, 1), 0.7))
    q = sim.true_state().joint_position[0, 0]
    weight = tiny.GRAVITY * (tiny.MASS * tiny.LENGTH + payload * tiny.TOOL)
    assert sim.true_state().joint_effort[0, 0] == pytest.approx(weight * np.sin(q), rel=1e-3)
    assert sim.state().joint_effort[0, 0] == pytest.approx(weight * np.sin(q), rel=1e-3)


def test_efforts_end_where_the_drive_ends_and_come_in_the_robots_order(build):
    sim = build(tiny.turntable(effort=5.0, effort_noise="0"))
    start(sim, 0.0)
    sim.step(np.full((1, 1), 3.0))
    assert sim.true_state().joint_effort[0, 0] == 5.0
    arm = build(load_robot("ur5e"), {"joint_effort_noise": 0.0})
    for _ in range(60):
        arm.step(arm.robot.home[None])
    weight = -GravityLoad(arm.robot, arm.robot.joint_names).torque(arm.true_state().joint_position)[0]
    assert np.all(np.abs(arm.true_state().joint_effort[0] - weight) < 1.001 * arm.robot.friction)  # it may stick


def test_a_robot_that_reports_no_efforts_has_none_in_its_state(build):
    sim = build(tiny.turntable())
    sim.step(np.zeros((1, 1)))
    assert np.isnan(sim.true_state().joint_effort).all() and sim.state().is_finite().all()


def swing(sim, streamed: bool) -> np.ndarray:
    """Positions of a UR5e whose first joint is led along a ramp, (40, 6)."""
    sim.streamed = streamed
    sim.reset()
    rows = []
    for k in range(40):
        sim.step(sim.robot.home[None] + np.array([0.01 * k, 0.0, 0.0, 0.0, 0.0, 0.0]))
        rows.append(sim.true_state().joint_position[0])
    return np.array(rows)


def test_a_stream_comes_a_period_and_a_half_later_and_leaves_nothing_behind(build):
    sim = build(load_robot("ur5e"), {"actuator_delay": 0.05})
    held = swing(sim, False)
    streamed = swing(sim, True)
    late = (held[20:, 0] - streamed[20:, 0]) / 0.01  # in periods, on the ramp
    np.testing.assert_allclose(late, 1.5, atol=0.05)
    assert np.std(np.diff(streamed[20:, 0])) <= np.std(np.diff(held[20:, 0]))
    np.testing.assert_array_equal(swing(sim, False), held)
    np.testing.assert_array_equal(swing(sim, True), streamed)


def test_engines_agree_under_a_stream():
    found = []
    for engine in ENGINES:
        with closing(make_simulator(engine, load_robot("ur5e"), 1)) as sim:
            sim.set_parameters(None, sim.space.batch(1, {"actuator_delay": 0.05, "joint_friction_scale": 0.5}))
            found.append(swing(sim, True))
    np.testing.assert_allclose(found[0], found[1], atol=2e-3)
