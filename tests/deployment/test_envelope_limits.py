"""Numbers of the envelope: defaults, what a robot.yaml says, and the joint margin of a command stream."""

import numpy as np
import pytest
import yaml

from sim2real.deployment.envelope import Envelope, EnvelopeLimits, margin_limits
from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.safety import CommandFilter
from sim2real.errors import BadInputError, RobotDescriptionError
from sim2real.robots import RobotDescription, list_robots, load_robot


def with_safety(name, **safety):
    """A robot of the package with a ``safety`` section."""
    robot = load_robot(name)
    content = yaml.safe_load(robot.files["robot.yaml"])
    content["safety"] = safety
    return RobotDescription.from_files({**robot.files, "robot.yaml": yaml.safe_dump(content).encode()})


# ------------------------------------------------------------------------------------------------- defaults
@pytest.mark.parametrize("name", list_robots())
def test_every_robot_has_limits_around_its_goal_region(name):
    robot = load_robot(name)
    limits = EnvelopeLimits.from_robot(robot)
    goals = robot.goal.sample(np.random.default_rng(0).random((2000, 3)))
    assert ((limits.low < goals) & (goals < limits.high)).all()
    assert np.isfinite([limits.low, limits.high]).all()
    assert 0.004 <= limits.clearance <= 0.02 and limits.joint_margin == 0.1


def test_defaults_by_hand():
    limits = EnvelopeLimits.from_robot(load_robot("crazyflie"))  # region: radius 1, height 0.5 to 1.5
    assert np.allclose([limits.low, limits.high], [[-3.5, -3.5, -0.2], [3.5, 3.5, 4.0]])
    limits = EnvelopeLimits.from_robot(load_robot("ur5e"))  # radius to 0.6, azimuth +-90 deg, height to 0.6
    assert np.allclose([limits.low, limits.high], [[-0.3, -0.9, 0.0], [0.9, 0.9, 0.9]])


# ------------------------------------------------------------------------------------------------- robot.yaml
def test_an_arms_section_is_taken_with_its_units():
    robot = with_safety("ur5e", workspace={"x": ["-30 cm", 0.8], "z": [0.05, 1]}, joint_margin="5 deg",
                        ground="-80 cm", clearance="25 mm", padding="1 cm")
    limits = EnvelopeLimits.from_robot(robot)
    assert np.array_equal(limits.low, [-0.3, -np.inf, 0.05]) and np.array_equal(limits.high, [0.8, np.inf, 1.0])
    assert limits.joint_margin == pytest.approx(np.deg2rad(5.0))
    assert (limits.ground, limits.clearance, limits.padding) == pytest.approx((-0.8, 0.025, 0.01))
    plain, thick = (Envelope(with_safety("ur5e", padding=f"{mm} mm")).capsules.clearance(robot.home).distance
                    for mm in (0, 10))
    assert plain - thick == pytest.approx(0.02)
    assert EnvelopeLimits.from_robot(with_safety("ur5e", ground="none")).ground == -np.inf
    assert EnvelopeLimits.from_robot(with_safety("ur5e", ground=-0.4)).low[2] == pytest.approx(-0.2)  # region - 0.3


def test_a_drones_section_is_taken_with_its_units():
    limits = EnvelopeLimits.from_robot(with_safety("x500", geofence={"x": [-5, 5]}, altitude=["0.5 m", "120 m"],
                                                   tilt="35 deg"))
    assert np.array_equal(limits.low, [-5.0, -np.inf, 0.5]) and np.array_equal(limits.high, [5.0, np.inf, 120.0])
    assert limits.tilt == pytest.approx(np.deg2rad(35.0))


@pytest.mark.parametrize(("name", "safety", "message"), [
    ("ur5e", {"clearance": "-1 mm"}, "field 'safety.clearance': must be zero or more"),
    ("ur5e", {"clearance": "20 deg"}, "field 'safety.clearance'"),
    ("ur5e", {"workspace": {"x": [1, 0]}}, "lower limit 1 is over the upper limit 0; swap them"),
    ("ur5e", {"workspace": {"r": [0, 1]}}, "unknown field 'safety.workspace.r'"),
    ("ur5e", {"clearence": 0.02}, "unknown field 'safety.clearence'; did you mean 'clearance'?"),
    ("ur5e", {"ground": "floor"}, "field 'safety.ground'"),
    ("ur5e", {"tilt": "30 deg"}, "field 'safety.tilt' is for drones, this is an arm; remove it"),
    ("x500", {"ground": 0.0}, "field 'safety.ground' is for arms, this is a drone; remove it"),
    ("x500", {"tilt": 0.0}, "field 'safety.tilt': must be over zero"),
    ("x500", {"altitude": [3]}, "field 'safety.altitude"),
])
def test_a_wrong_section_is_one_clear_line(name, safety, message):
    with pytest.raises(RobotDescriptionError) as caught:
        with_safety(name, **safety)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("changed", "message"), [
    ({"low": [0.0, 0.0, 1.0]}, "low < high"), ({"low": [0.0, 0.0]}, "three axes"),
    ({"high": [np.nan] * 3}, "low < high"),
    ({"joint_margin": -0.1}, "joint_margin"), ({"clearance": np.nan}, "clearance"), ({"ground": np.nan}, "ground"),
    ({"padding": -0.01}, "padding"),
    ({"tilt": 0.0}, "tilt"), ({"tilt": 4.0}, "tilt"),
])
def test_limits_refuse_what_makes_no_sense(changed, message):
    with pytest.raises(BadInputError, match=message):
        EnvelopeLimits(**{"low": [-1.0] * 3, "high": [1.0] * 3, **changed})


# ------------------------------------------------------------------------------------------------- joint margin
def limits(low, high):
    n = len(low)
    return CommandLimits(np.array(low), np.array(high), np.full(n, 2.0), np.full(n, 10.0), np.full(n, 500.0))


def test_margin_by_hand():
    found = margin_limits(limits([-1.0, 0.0, -3.0], [1.0, 0.5, 3.0]), 0.1)
    # the second has a range of 0.5: a tenth of it
    assert np.allclose(found.low, [-0.9, 0.05, -2.9]) and np.allclose(found.high, [0.9, 0.45, 2.9])
    assert np.array_equal(found.velocity, [2.0] * 3)


def test_a_start_inside_the_margin_is_the_bound_there():
    whole = limits([-1.0, -1.0, -1.0], [1.0, 1.0, 1.0])
    found = margin_limits(whole, 0.1, start=np.array([0.97, -1.2, 0.0]))
    assert np.allclose(found.high, [0.97, 0.9, 0.9])
    assert np.allclose(found.low, [-0.9, -1.0, -0.9])  # never beyond the limit itself
    assert found.within(whole)


def test_a_start_inside_the_margin_is_neither_trapped_nor_pulled():
    whole, start = limits([-1.0], [1.0]), np.array([0.97])
    safe = CommandFilter(margin_limits(whole, 0.1, start), 1, 0.02)
    safe.reset(None, start[None])
    assert safe.step(start[None])[0, 0] == start[0]  # it may stay
    for _ in range(200):
        safe.step(np.array([[1.0]]))
        assert safe.command[0, 0] <= start[0]  # never nearer
    for _ in range(200):
        safe.step(np.array([[-1.0]]))
    assert safe.command[0, 0] == pytest.approx(-0.9)  # it gets out, and the other margin holds


@pytest.mark.parametrize(("margin", "start"), [(-0.1, None), (np.nan, None), (0.1, [0.0, 0.0]), (0.1, [np.nan])])
def test_wrong_margins_are_one_clear_line(margin, start):
    with pytest.raises(BadInputError, match="joint margin: expected"):
        margin_limits(limits([-1.0], [1.0]), margin, start)
