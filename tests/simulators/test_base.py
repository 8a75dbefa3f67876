import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.simulators import list_engines, make_simulator
from tests.simulators import tiny


def test_engines_are_listed():
    assert list_engines() == ["mujoco", "pybullet", "quadrotor"]


def test_unknown_engine_names_the_nearest():
    with pytest.raises(BadInputError, match="unknown engine 'mujocco'; did you mean mujoco"):
        make_simulator("mujocco", tiny.turntable())


def test_the_analytic_quadrotor_is_no_arm():
    with pytest.raises(BadInputError, match="simulates drones"):
        make_simulator("quadrotor", tiny.turntable())


def test_rest_command_keeps_an_arm_where_it_is():
    with make_simulator("mujoco", tiny.turntable(), 2) as sim:
        state = sim.home_state(2)
        state.joint_position[:, 0] = [0.3, -0.4]
        sim.reset(None, state)
        for _ in range(5):
            sim.step(sim.rest_command(state))
        np.testing.assert_allclose(sim.true_state().joint_position, state.joint_position, atol=1e-12)


def test_a_command_that_is_not_finite_is_replaced_and_reported():
    with make_simulator("mujoco", tiny.turntable(), 2) as sim:
        sim.step(np.array([[0.1], [np.inf]]))
        assert sim.unstable.tolist() == [False, True]
        assert sim.true_state().joint_position[1, 0] == 0.0  # the rest command stayed in force
        assert sim.true_state().joint_position[0, 0] > 0.0


def test_resetting_nobody_changes_nothing():
    with make_simulator("mujoco", tiny.turntable(), 1) as sim:
        sim.step(np.array([[0.1]]))
        before = sim.true_state()
        sim.reset(np.array([], int))
        assert sim.true_state() is before


def test_home_state_is_the_descriptions():
    robot = load_robot("ur5e")
    with make_simulator("mujoco", robot, 1) as sim:
        np.testing.assert_array_equal(sim.home_state(4).joint_position, np.tile(robot.home, (4, 1)))
