"""Fisher information: the formulas by hand, and what simulated measurements can and cannot tell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2real.errors import BadInputError, ParameterError
from sim2real.identification.excitation.information import (
    ANCHOR,
    DEFAULT,
    FORCES,
    Information,
    choose_parameters,
    information,
    noise,
    reference_values,
    simulated,
    steps_around,
)
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot

UR5E = load_robot("ur5e")
SPACE = ParameterSpace.for_robot(UR5E)


def wave(seconds=2.0, period=0.02, size=0.25):
    time = np.arange(0.0, seconds + 1e-9, period)
    swell = np.sin(np.pi * time / seconds) ** 2
    return UR5E.home + size * (swell * np.sin(2 * np.pi * time))[:, None] * [1.0, 0.6, -0.8, 1.0, 0.7, 1.0]


def test_the_figures_of_a_matrix_by_hand():
    told = Information(("a", "b"), ("kg", "1"), np.array([1.0, 2.0]), np.array([0.5, 2.0]), np.diag([3.0, 0.0]))
    assert told.log_det == pytest.approx(np.log(4.0)) and told.bits == pytest.approx(1.0)  # one parameter, half as wide
    np.testing.assert_allclose(told.half_width, 1.959964 * np.array([0.25, 2.0]))
    assert told.condition == np.inf and told.told.tolist() == [True, False]
    assert told.weakest == {"b": pytest.approx(1.0, abs=1e-12)} or told.weakest == {"b": pytest.approx(-1.0)}
    assert told.rows()[1]["told"] is False and told.rows()[0]["prior95"] == pytest.approx(0.979982)
    traded = Information(("a", "b"), ("1", "1"), np.ones(2), np.ones(2), np.array([[8.0, 6.0], [6.0, 8.0]]))
    assert traded.condition == pytest.approx(7.0)  # eigenvalues 14 and 2
    assert {name: round(abs(share), 6) for name, share in traded.weakest.items()} == {"a": 0.707107, "b": 0.707107}
    # a alone, b known: 1 / (1 + 8);  with b unknown: (I + F)^-1 = [9, -6; -6, 9] / 45
    assert traded.given("b").half_width[0] == pytest.approx(1.959964 / 3.0)
    assert traded.half_width[0] == pytest.approx(1.959964 * np.sqrt(9 / 45))


def test_noise_counts_the_resolution():
    so101 = load_robot("so101")
    space = ParameterSpace.for_robot(so101)
    assert noise(so101, space)[0] == pytest.approx(np.hypot(0.0005, 0.001534 / np.sqrt(12)))
    assert noise(UR5E, SPACE) == (1e-4, 2e-3)
    silent = dataclasses.replace(UR5E, sensors=dataclasses.replace(UR5E.sensors, position_noise=0.0))
    assert noise(silent, ParameterSpace.for_robot(silent))[0] == 1e-4  # the vocabulary's floor


def test_sensitivities_are_taken_inside_the_ranges():
    row = reference_values(SPACE, DEFAULT)
    assert row[SPACE.column("payload_mass")] == 1.5 and row[SPACE.column("payload_offset_z")] == 0.04
    assert row[SPACE.column("link_mass_scale")] == 1.0
    assert reference_values(SPACE, DEFAULT, 0.7)[SPACE.column("payload_mass")] == 0.7
    rows, distance = steps_around(SPACE, row, ["payload_mass", "stiffness_scale"])
    assert rows.shape == (4, len(SPACE)) and distance == pytest.approx([6e-3 * 3.0, 6e-3 * 0.8])
    assert (rows != row).sum() == 4
    with pytest.raises(ParameterError, match="payload_mass: .* outside the physical range"):
        reference_values(SPACE, DEFAULT, -1.0)


def test_patterns_and_names():
    assert choose_parameters(SPACE) == DEFAULT
    joints = choose_parameters(SPACE, ["joint_friction_scale.*", "payload_mass", "payload_*"])
    assert joints[:6] == tuple(f"joint_friction_scale.{name}" for name in UR5E.joint_names)
    assert joints[6:] == ("payload_mass", "payload_offset_x", "payload_offset_y", "payload_offset_z")


@pytest.mark.parametrize(("names", "error", "words"), [
    (["stifness_scale"], ParameterError, "did you mean stiffness_scale"),
    (["no_*"], ParameterError, "unknown parameter 'no_\\*'"),
    ([], BadInputError, "at least one parameter"),
    (["joint_position_noise"], BadInputError, "a motion cannot tell it"),
    (["command_drop_probability"], BadInputError, "a motion cannot tell it"),
    (["external_force_x"], BadInputError, "a motion cannot tell it"),
    (["stiction"], BadInputError, "a motion cannot tell it"),
])
def test_what_no_motion_can_tell(names, error, words):
    with pytest.raises(error, match=words):
        choose_parameters(SPACE, names)


@pytest.mark.parametrize("name", ["ur5e", "fr3", "so101"])
def test_a_factor_common_to_all_forces_is_not_told(name):
    """Positions tell accelerations and ratios of forces: all masses, frictions and gains may be twice as large."""
    robot = load_robot(name)
    space = ParameterSpace.for_robot(robot)
    command = robot.home + 0.2 * (wave() - UR5E.home)[:, [0] * robot.num_joints]
    names = (*FORCES, "actuator_delay")
    columns = [space.column(force) for force in FORCES]
    rows = np.tile(reference_values(space, names), (2, 1))
    rows[1, columns] *= 1.3
    for q, qd, _ in simulated(robot, command, 0.02, rows):
        assert np.abs(q[0] - q[1]).max() < 1e-9 and np.abs(qd[0] - qd[1]).max() < 1e-7
    told = information(robot, command, 0.02, names)
    scale = np.append(told.values[:-1] / told.prior[:-1], 0.0)  # all by the same share, in units of the prior
    assert np.abs(told.matrix @ scale).max() < 1e-6 * np.abs(told.matrix).max()
    weakest = np.array([told.weakest.get(name, 0.0) for name in names])
    assert abs(weakest @ scale) > 0.98 * np.linalg.norm(scale)
    # of the factor itself the prior is all there is: 1 / sqrt(sum (value / deviation)^2)
    assert told.half_width[0] >= 1.959964 / np.linalg.norm(scale) * 0.99
    assert (told.given(ANCHOR).half_width[1:4] < told.half_width[2:5]).all()


def test_a_known_load_tells_the_factor():
    """One force that is known is what all others are measured by."""
    names = tuple(name for name in DEFAULT if name != "payload_mass")
    loaded, empty = (information(UR5E, wave(), 0.02, names, values=reference_values(SPACE, names, payload))
                     for payload in (2.0, 0.0))
    mass = names.index(ANCHOR)
    assert loaded.told[mass] and not empty.told[mass] and loaded.half_width[mass] < 0.2 * empty.half_width[mass]
    place = names.index("payload_offset_x")
    assert loaded.told[place] and empty.half_width[place] == pytest.approx(1.959964 * empty.prior[place])


def test_standing_still_tells_little_and_moving_longer_tells_more():
    names = ("joint_friction_scale", "joint_damping_scale", "armature_scale")
    still = information(UR5E, np.tile(UR5E.home, (101, 1)), 0.02, names)  # where it sticks tells a little of friction
    once = information(UR5E, wave(), 0.02, names)
    assert once.told.all() and (once.half_width < 0.2 * still.half_width).all()
    twice = information(UR5E, np.concatenate([wave(), wave()[1:]]), 0.02, names)
    ratio = np.linalg.eigvalsh(np.linalg.solve(once.matrix, twice.matrix))
    assert ratio.min() > 1.8 and ratio.max() < 2.2  # as much again, but for how it begins


def test_a_dead_time_is_told_by_its_own_step():
    """dq/d(delay) of a slow motion is its velocity: F = sum (qd prior / sigma)^2 over the samples of both channels."""
    told = information(UR5E, wave(), 0.02, ["actuator_delay"])
    rate = np.gradient(wave(), 0.02, axis=0)
    bend = np.gradient(rate, 0.02, axis=0)
    by_hand = ((rate / 1e-4)**2 + (bend / 2e-3)**2).sum() * told.prior[0]**2 * 500.0 * 0.02
    assert told.matrix[0, 0] == pytest.approx(by_hand, rel=0.1)


def measurements(rows):
    """Positions and velocities of the wave over their noise, (k, samples); of 250 Hz as telling as the robot's 500."""
    sigma = np.array(noise(UR5E, SPACE)) / np.sqrt(UR5E.sensors.rate * UR5E.substep)
    blocks = [np.concatenate([q / sigma[0], qd / sigma[1]], axis=2).reshape(len(rows), -1)
              for q, qd, _ in simulated(UR5E, wave(), 0.02, rows)]
    return np.concatenate(blocks, axis=1)


def test_a_fit_to_noisy_measurements_is_as_near_as_expected():
    """Gauss and Newton's method from the reference to truths elsewhere: errors over intervals as a Gaussian's."""
    names = ("payload_mass", "stiffness_scale", "joint_friction_scale", "actuator_delay")
    columns, random = [SPACE.column(name) for name in names], np.random.default_rng(5)
    start, covered, moved = reference_values(SPACE, names), [], []
    for _ in range(8):
        truth = start.copy()
        truth[columns] += random.uniform(-1.0, 1.0, 4) * [1.0, 0.2, 0.4, 0.004]
        seen = measurements(truth[None])[0]
        seen = seen + random.standard_normal(len(seen))
        found = start.copy()
        for _ in range(4):
            rows, distance = steps_around(SPACE, found, names)
            all_rows = measurements(np.concatenate([rows, found[None]]))
            slopes = ((all_rows[:4] - all_rows[4:8]) / distance[:, None]).T
            found[columns] += np.linalg.lstsq(slopes, seen - all_rows[8], rcond=None)[0]
        expected = information(UR5E, wave(), 0.02, names, values=found).half_width
        covered.append(np.abs(found - truth)[columns] <= expected)
        moved.append(np.abs(found - truth)[columns] / np.abs(truth - start)[columns])
    assert 27 <= np.sum(covered) <= 32  # of 32: 95 % are 30.4, with a deviation of 1.2
    assert np.median(moved) < 0.1  # and they had somewhere to go
