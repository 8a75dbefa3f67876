import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.tasks import load_task
from sim2real.tasks.dynamics import EFFORT, dynamics_terms
from sim2real.tasks.observations import Context, ObservationBuilder
from sim2real.types import RobotState


@pytest.mark.parametrize(("name", "there"), [("ur5e", True), ("fr3", False), ("so101", False), ("crazyflie", False)])
def test_efforts_are_seen_where_the_robot_reports_them(name, there):
    robot = load_robot(name)
    names = [term.name for term in dynamics_terms(robot)]
    assert (EFFORT in names) == there and EFFORT not in [term.name for term in dynamics_terms(robot, effort=False)]
    assert all(term.history == 1 for term in dynamics_terms(robot))


def test_efforts_come_last_as_shares_of_the_largest():
    task = load_task("ur5e-reach")
    robot, n = task.robot, task.robot.num_joints
    state = RobotState.zeros(1, n)
    state.joint_effort[0] = 0.1 * robot.effort_limit
    context = Context(state, np.zeros((1, task.goal_size)), np.zeros(1), *(np.zeros((1, n)) for _ in range(3)))
    seen = ObservationBuilder(task.dynamics_terms(), 1).build(context)
    np.testing.assert_allclose(seen[0, -n:], 0.4, rtol=1e-6)
    assert ObservationBuilder(task.dynamics_terms(effort=False), 1).build(context).shape == (1, seen.shape[1] - n)
