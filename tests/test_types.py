import dataclasses

import numpy as np
import pytest

from sim2real.types import RobotState


def numbered(n: int, joints: int) -> RobotState:
    """A state in which every number is different."""
    state, start = RobotState.zeros(n, joints), 0
    for field in dataclasses.fields(state):
        array = getattr(state, field.name)
        array[:] = np.arange(start, start + array.size).reshape(array.shape)
        start += array.size
    return state


def test_zeros_is_at_rest_and_level():
    state = RobotState.zeros(3, 2)
    shapes = {f.name: getattr(state, f.name).shape for f in dataclasses.fields(state)}
    assert shapes == {"time": (3,), "joint_position": (3, 2), "joint_velocity": (3, 2), "position": (3, 3),
                      "quaternion": (3, 4), "linear_velocity": (3, 3), "angular_velocity": (3, 3),
                      "joint_effort": (3, 2)}
    np.testing.assert_array_equal(state.quaternion, [[1, 0, 0, 0]] * 3)
    assert state.joint_position.sum() == state.position.sum() == 0 and len(state) == 3


def test_a_drone_has_no_joints():
    assert RobotState.zeros(2, 0).joint_position.shape == (2, 0)


@pytest.mark.parametrize("ids", [np.array([2, 0]), np.array([True, False, True, False]), slice(1, 3)])
def test_part_of_a_state(ids):
    state = numbered(4, 2)
    part = state[ids]
    for field in dataclasses.fields(state):
        np.testing.assert_array_equal(getattr(part, field.name), getattr(state, field.name)[ids])


def test_setting_a_part_changes_only_that():
    state, other = numbered(3, 1), RobotState.zeros(1, 1)
    before = state.copy()
    state[np.array([1])] = other
    np.testing.assert_array_equal(state.position[1], 0)
    np.testing.assert_array_equal(state.position[[0, 2]], before.position[[0, 2]])
    np.testing.assert_array_equal(state.quaternion[1], [1, 0, 0, 0])


def test_copy_shares_nothing():
    state = numbered(2, 2)
    twin = state.copy()
    for field in dataclasses.fields(state):
        getattr(twin, field.name)[:] = -1.0
    assert state.time.tolist() == [0.0, 1.0] and state.angular_velocity.min() >= 0.0


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(RobotState) if f.name != "joint_effort"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_is_finite_finds_the_robot(field, bad):
    state = RobotState.zeros(3, 2)
    assert np.isnan(state.joint_effort).all()  # nobody measures it
    assert state.is_finite().all() and state.adds_up()
    getattr(state, field)[1, ...] = bad
    assert state.is_finite().tolist() == [True, False, True]


def test_is_finite_without_joints():
    assert RobotState.zeros(2, 0).is_finite().tolist() == [True, True]
