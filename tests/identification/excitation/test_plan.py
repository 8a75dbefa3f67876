"""Plans keep every bound at the driver's rate, tell more than random ones, and are what the node plays."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.capsules import CapsuleModel
from sim2real.deployment.envelope_limits import EnvelopeLimits, margin_limits
from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.runner import Runner
from sim2real.errors import BadInputError, ParameterError
from sim2real.identification.excitation import plan as excitation
from sim2real.identification.excitation.baselines import chirp, gains, told_at_random, told_by_chirp
from sim2real.identification.excitation.bundle import write_excitation
from sim2real.identification.excitation.information import DEFAULT, with_step
from sim2real.identification.excitation.limits import ExcitationLimits, first_violation
from sim2real.identification.excitation.plan import driver_rate, plan_excitation, play, set_points, within
from sim2real.identification.excitation.search import Search, Shape
from sim2real.robots import load_robot
from sim2real.ros.drive import Drive
from sim2real.simulators import make_simulator
from sim2real.tasks.joint_series import JointSeries
from sim2real.types import RobotState

QUICK = {"duration": 4.0, "periods": 1, "harmonics": 3, "generations": 8}
NAMES = ("payload_mass", "stiffness_scale", "joint_friction_scale", "armature_scale")


@pytest.fixture(scope="module")
def ur5e():
    return ExcitationLimits(load_robot("ur5e"))


@pytest.fixture(scope="module")
def plan(ur5e):
    return plan_excitation(ur5e.robot, NAMES, limits=ur5e, **QUICK)


def assert_inside(robot, command, period):
    """All bounds, without the code that planned."""
    envelope = EnvelopeLimits.from_robot(robot)
    limits = margin_limits(CommandLimits.from_robot(robot), envelope.joint_margin)
    padded = np.pad(command, ((3, 3), (0, 0)), mode="edge")
    assert count_violations(padded[:, None], limits, period) == 0
    capsules = CapsuleModel.from_robot(robot, padding=envelope.padding, ground=envelope.ground)
    kept = np.where(capsules.at_home < envelope.clearance, 0.5 * capsules.at_home, envelope.clearance)
    for rows in np.array_split(command, max(1, len(command) // 2000)):
        gaps, tool = capsules.look(rows)
        assert (gaps >= kept - 1e-9).all()
        assert (tool >= envelope.low - 1e-9).all() and (tool <= envelope.high + 1e-9).all()


def test_a_plan_is_inside_at_rest_and_at_the_drivers_rate(plan):
    robot = plan.robot
    assert driver_rate(robot) == 500.0 and plan.time[1] == 0.002 and plan.command.shape == (100 * 20 + 81, 6)
    assert_inside(robot, plan.command, 0.002)
    np.testing.assert_array_equal(plan.command[0], robot.home)
    np.testing.assert_allclose(plan.command[-21:], np.tile(robot.home, (21, 1)), atol=1e-9)
    assert np.ptp(plan.command, axis=0).max() > 0.3
    assert first_violation(plan.margins) is None and plan.series.at_rest


@pytest.mark.parametrize("name", ["ur5e", "fr3", "so101"])
def test_whatever_the_seed_nothing_leaves_a_bound(name):
    limits = ExcitationLimits(load_robot(name))
    search = Search(limits, NAMES, Shape(4, 4.0, 1))
    moved = []
    for seed in range(5):
        series = search.random(seed)
        share, time, command = within(lambda share, s=series: set_points(s.scaled(share), 0.04), limits)
        assert_inside(limits.robot, command, time[1])
        moved.append(share * np.ptp(series.position(np.linspace(0, 4, 50)), axis=0).max())
    assert min(moved) > 0.1


def test_seeds_decide(ur5e, plan):
    again = plan_excitation(ur5e.robot, NAMES, limits=ur5e, **QUICK)
    np.testing.assert_array_equal(again.command, plan.command)
    assert again.information.log_det == plan.information.log_det
    other = plan_excitation(ur5e.robot, NAMES, limits=ur5e, seed=1, **QUICK)
    assert np.abs(other.command - plan.command).max() > 0.1


def test_it_tells_more_than_random_ones_and_a_chirp(ur5e, plan):
    told = {"random": [told_at_random(plan, ur5e, seed) for seed in range(3)], "chirp": [told_by_chirp(plan, ur5e)]}
    better = gains(plan, told)
    assert better["random"]["gain_bits"] > 1.0 and better["chirp"]["gain_bits"] > 1.0
    assert better["random"]["log_det"] < plan.information.log_det
    one = better["chirp"]
    assert one["gain_bits"] == pytest.approx((plan.information.log_det - one["log_det"]) / (2 * np.log(2)))


def test_a_gripper_stays_closed():
    limits = ExcitationLimits(load_robot("so101"))
    assert dict(zip(limits.robot.joint_names, limits.moving.tolist(), strict=True))["gripper"] is False
    assert limits.moving.sum() == 5
    series = Search(limits, NAMES, Shape(4, 4.0, 1)).random(0)
    still = np.ptp(series.position(np.linspace(0.0, 4.0, 50)), axis=0) == 0.0
    np.testing.assert_array_equal(still, ~limits.moving)


def test_the_search_goes_up(ur5e):
    search, heard = Search(ur5e, DEFAULT, Shape(3, 4.0, 1)), []
    best = search.run(0, 25, lambda share, value: heard.append((share, value)))
    values = [value for _, value in heard if np.isfinite(value)]
    assert values == sorted(values) and values[-1] > values[0] + 2.0 and heard[-1][0] == 1.0
    told, broken = search.judge([best])
    assert told[0] == values[-1] and broken[0] == 0.0


def test_the_quick_model_agrees_with_the_simulation(ur5e, plan):
    """What the search goes by is within a few nats of what is simulated."""
    told, _ = Search(ur5e, NAMES, Shape(3, 4.0, 1)).judge([plan.series])
    assert told[0] == pytest.approx(plan.information.log_det, abs=4.0)


def test_boxes_are_kept():
    robot = load_robot("ur5e")
    home = np.array([0.4919, 0.1333, 0.4879])
    box = np.array([home - 0.12, home + 0.12])
    plan = plan_excitation(robot, NAMES, limits=ExcitationLimits(robot, box=box), **QUICK)
    tool = ExcitationLimits(robot).envelope.capsules.look(plan.command)[1]
    assert (tool >= box[0]).all() and (tool <= box[1]).all() and np.ptp(tool, axis=0).max() > 0.05
    assert np.ptp(plan.command, axis=0).max() > 0.2


def test_the_chirp_rises_in_frequency_and_rests_at_both_ends(plan, ur5e):
    away = chirp(plan, ur5e)[:, 0]
    assert abs(away[0]) < 1e-3 * np.abs(away).max() and abs(away[-1]) < 1e-9
    crossings = np.flatnonzero(np.diff(np.sign(away)))
    assert len(crossings) >= 2 and crossings[-1] - crossings[-2] < crossings[1] - crossings[0]


def test_what_the_node_sends_is_what_was_planned(plan, tmp_path):
    """Runner, filter, envelope, plausibility and stream against PyBullet's twin of another payload and friction."""
    robot, lead_in = plan.robot, 0.4
    write_excitation(tmp_path / "e.s2r", robot, plan.series, lead_in=lead_in, rest=0.4)
    bundle = load_bundle(tmp_path / "e.s2r", robot)
    drive, task = Drive(bundle, driver_rate(robot)), bundle.task
    sent, modes, errors = [], set(), []
    with make_simulator("pybullet", with_step(robot, 0.004), 1) as sim:
        values = sim.space.batch(1, {"payload_mass": 1.0, "joint_friction_scale": 1.4, "stiffness_scale": 0.8})
        sim.set_parameters(None, values)
        drive.start(sim.state(), np.array([1.0]), 0.0)
        for k in range(task.episode_steps):
            now = 0.04 * k + (k % 3) * 1e-3  # ticks come late
            state = sim.state().copy()
            state.time[:] = now
            decision = drive.step(state, now)
            modes.add((str(decision.mode[0]), decision.cause[0]))
            for i in range(drive.stream.ticks):
                sent.append(drive.tick())
                if i % 2:
                    sim.step(sent[-1][None])
            errors.append(task.error(sim.true_state(), np.ones((1, 1)), np.array([now + 0.04]))[0])
    sent = np.array(sent)
    assert modes == {("ACTIVE", "")}
    first = (round(lead_in / 0.04) + 1) * 20  # set point 1 of the plan
    np.testing.assert_allclose(sent[first:first + 2000], plan.command[1:2001], atol=1e-6)  # float32 in the network
    assert_inside(robot, sent, 0.002)
    assert np.sqrt(np.mean(np.square(errors))) < task.tolerance
    assert np.abs(sent[-1] - robot.home).max() < 1e-6 and not np.ptp(sent[-5:], axis=0).max() > 1e-9


def test_far_from_the_series_it_goes_home_slowly(plan, tmp_path):
    write_excitation(tmp_path / "e.s2r", plan.robot, plan.series)
    policy = load_bundle(tmp_path / "e.s2r", plan.robot).policy
    home = [4.0, -0.05, 0, 0, 0, -9.0]
    far, near = np.float32([[5.0, -3.0, 0.05, 0, 0, 0, *home]]), np.float32([[1.0, -0.5, 0.25, 0, 0, 0, *home]])
    np.testing.assert_allclose(policy(far), [[0.1, -0.05, 0, 0, 0, -0.1]])
    np.testing.assert_array_equal(policy(near), near[:, :6])


def test_a_skipped_period_is_made_up(plan, tmp_path):
    """Where it is fastest, as a busy machine does it: more than one full step behind for a moment."""
    robot = plan.robot
    series = JointSeries(robot.home, 0.8 * plan.series.sine, 0.8 * plan.series.cosine, 4.0, 3)
    write_excitation(tmp_path / "e.s2r", robot, series, lead_in=0.4, rest=0.4)
    runner, state = Runner(load_bundle(tmp_path / "e.s2r", robot)), RobotState.zeros(1, 6)
    state.joint_position[:] = robot.home
    runner.reset(state, np.ones(1))
    planned = series.position(0.04 * (np.arange(310) - 10))
    at = int(np.abs(np.diff(planned[:100], axis=0)).max(axis=1).argmax())  # where it is fastest
    off = []
    for k in [k for k in range(200) if k != at]:
        state.time[:] = 0.04 * k
        off.append(np.abs(runner.step(state, 0.04 * k).command[0] - planned[k]).max())
    assert off[at + 6:at + 15] == pytest.approx([0.0] * 9, abs=1e-3) and max(off) < 0.2, off[at - 2:at + 14]


def test_one_that_begins_elsewhere_or_was_held_up_goes_home_and_joins_at_the_next_period(plan, tmp_path):
    robot = plan.robot
    series = JointSeries(robot.home, 0.4 * plan.series.sine, 0.4 * plan.series.cosine, 4.0, 3)
    write_excitation(tmp_path / "e.s2r", robot, series, lead_in=0.4, rest=0.4)
    runner, state = Runner(load_bundle(tmp_path / "e.s2r", robot)), RobotState.zeros(1, 6)
    state.joint_position[:] = robot.home + [0.5, 0, 0, 0, 0, 0]
    runner.reset(state, np.ones(1))
    commands = []
    for k in range(310):
        state.time[:] = 0.04 * k
        commands.append(runner.step(state, 0.04 * k, hold="asked to" if 150 <= k < 156 else "").command[0])
    commands = np.array(commands)
    speed = np.abs(np.diff(commands, axis=0)).max(axis=1) / (robot.velocity_limit[0] * 0.04)
    planned = series.position(0.04 * (np.arange(310) - 10))
    off = np.abs(commands - planned).max(axis=1)
    assert speed[5:12].max() < 0.11 and off[:12].min() > 0.1 and speed.max() <= 1.0  # slowly on the way home first
    assert off[120:150].max() < 1e-3  # joined
    assert speed[165:185].max() < 0.11 and off[158:170].min() > 0.1  # held up: home again
    assert off[225:].max() < 1e-3 and off[-1] < 1e-6  # and joined again


@pytest.mark.parametrize(("change", "error", "words"), [
    ({"duration": 0.0}, BadInputError, "duration: expected 0.4 to 3600 s, got 0"),
    ({"duration": -3.0}, BadInputError, "duration"),
    ({"duration": float("nan")}, BadInputError, "duration"),
    ({"duration": 1e9}, BadInputError, "duration"),
    ({"base_frequency": 0.0}, BadInputError, "base frequency: expected over 0 Hz"),
    ({"periods": 0}, BadInputError, "periods"),
    ({"harmonics": 1}, BadInputError, "harmonics: expected 2 to 12"),
    ({"harmonics": 50}, BadInputError, "harmonics: expected 2 to 12"),
    ({"parameters": ["masss"]}, ParameterError, "unknown parameter 'masss'"),
    ({"payload": -1.0}, ParameterError, "payload_mass"),
])
def test_bad_input_is_named(ur5e, change, error, words):
    arguments = {"parameters": NAMES, "limits": ur5e, **QUICK, **change}
    with pytest.raises(error, match=words):
        plan_excitation(ur5e.robot, **arguments)


def test_drones_are_refused():
    with pytest.raises(BadInputError, match="expected an arm, got crazyflie"):
        plan_excitation(load_robot("crazyflie"))


def test_a_motion_that_cannot_be_is_shrunk_away(ur5e):
    away = np.zeros((50, 6))
    away[25:] = 1.0  # a jump at any size that matters
    with pytest.raises(excitation.SimulationError, match="no motion about home keeps the bounds of ur5e: the command"):
        within(lambda share: ur5e.robot.home + max(share, 0.5) * away, ur5e, shrink=0.5)


def test_nothing_that_moves_is_possible():
    limits = ExcitationLimits(load_robot("ur5e"), box=1e-4 * np.array([[-1.0], [1.0]]) + [0.4919, 0.1333, 0.4879])
    with pytest.raises(excitation.SimulationError, match="no motion of ur5e about home"):
        plan_excitation(limits.robot, NAMES, limits=limits, **{**QUICK, "generations": 2})


def test_the_filter_and_the_envelope_are_heard(ur5e):
    points = np.tile(ur5e.robot.home, (30, 1))
    assert play(points, ur5e)[0] == ""
    jump = points.copy()
    jump[10:, 0] += 1.0
    assert "cannot follow" in play(jump, ur5e)[0]
    down = ur5e.robot.home + np.linspace(0.0, 1.6, 80)[:, None] * [0, 1, 0, 0, 0, 0]
    assert "ground" in play(down, ur5e)[0]
