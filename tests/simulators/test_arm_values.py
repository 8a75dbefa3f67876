import numpy as np
import pytest

from sim2real.parameters import ParameterSpace
from sim2real.simulators.arm_values import ArmValues, breakaway
from tests.simulators import tiny


def values(**parameters):
    robot = tiny.pendulum(friction=2.0, armature=0.5, damping=0.3)
    space = ParameterSpace.for_robot(robot)
    return ArmValues.of(robot, space, space.batch(2, {k.replace("__", "."): v for k, v in parameters.items()}))


def test_nominal_is_the_description():
    v = values()
    assert v.friction.tolist() == [[2.0], [2.0]]
    assert v.stiffness.tolist() == [[200.0], [200.0]]
    assert v.link_scale.tolist() == [[1.0], [1.0]]
    np.testing.assert_allclose(v.gravity, [[0, 0, -9.81]] * 2)
    np.testing.assert_allclose(v.payload_position, [[0, 0, -tiny.TOOL]] * 2)


def test_families_multiply():
    v = values(joint_damping_scale=2.0, joint_damping_scale__hinge=1.5, effort_limit_scale=0.5)
    np.testing.assert_allclose(v.damping, 0.9)
    np.testing.assert_allclose(v.effort, 50.0)


def test_payload_offset_is_in_the_tool_frame():
    np.testing.assert_allclose(values(payload_offset_z=0.1, payload_offset_x=-0.2).payload_position[0],
                               [-0.2, 0, -tiny.TOOL + 0.1])


def test_gravity_in_a_tilted_base():
    """Base turned by a about x: down in the base is R_x(a)^T (0, 0, -g) = g (0, -sin a, -cos a)."""
    np.testing.assert_allclose(values(gravity_tilt_x=0.3).gravity[0], [0, -9.81 * np.sin(0.3), -9.81 * np.cos(0.3)])
    np.testing.assert_allclose(values(gravity_tilt_y=0.3).gravity[0], [9.81 * np.sin(0.3), 0, -9.81 * np.cos(0.3)])


def test_breakaway_falls_with_speed():
    got = breakaway(np.full((1, 3), 2.0), np.array([0.5]), np.array([[0.0, 0.02, 1.0]]))
    assert got[0].tolist() == pytest.approx([3.0, 2.0 + np.exp(-1.0), 2.0])
