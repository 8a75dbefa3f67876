"""One robot in plain floats says what a batch of it says in arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.robots import load_robot
from sim2real.tasks import Context, make_task
from sim2real.types import RobotState

TASKS = {name: make_task("reach", load_robot(name)) for name in ("ur5e", "fr3", "so101")}


def contexts(task, seed, n=20):
    """Robots and goals anywhere."""
    rng, joints = np.random.default_rng(seed), task.robot.num_joints
    state = RobotState.zeros(n, joints)
    state.joint_position[:] = rng.uniform(task.robot.position_low, task.robot.position_high, (n, joints))
    state.joint_velocity[:] = rng.normal(size=(n, joints))
    return Context(state, rng.uniform(-0.7, 0.7, (n, 3)), np.zeros(n), state.joint_position + 0.01,
                   state.joint_velocity, rng.uniform(-1.0, 1.0, (n, joints)))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(TASKS)))
def test_observations_are_those_of_a_batch(seed, name):
    task = TASKS[name]
    context = contexts(task, seed)
    together, alone = task.builder(20), [task.builder(1) for _ in range(20)]
    expected = [together.reset(np.arange(20), context), together.build(context), together.build(context)]
    for i, builder in enumerate(alone):
        one = context[i:i + 1]
        one.single = True
        rows = [builder.reset(np.arange(1), one), builder.build(one), builder.build(one)]
        for row, batch in zip(rows, expected, strict=True):
            assert row[0] == pytest.approx(batch[i], rel=1e-3, abs=1e-4)  # single precision near singular postures


def test_histories_move_on_newest_first():
    task = TASKS["ur5e"]
    builder, columns = task.builder(1), task.builder(1).slice("last_action")
    context = contexts(task, 0, 1)
    context.single = True
    builder.reset(np.arange(1), context)
    for k in range(1, 4):
        context.last_action[:] = 0.1 * k
        row = builder.build(context)[0]
    assert row[columns].reshape(-1, 6)[:3, 0] == pytest.approx([0.3, 0.2, 0.1])


def test_orientations_go_the_common_way():
    task = make_task("reach", load_robot("ur5e"), {"orientation": "axis"})
    context = contexts(task, 1, 2)
    goal = np.concatenate([context.goal, np.tile([0.0, 0.0, -1.0], (2, 1))], axis=1)
    context.goal = goal
    both = task.builder(2).reset(np.arange(2), context)
    context.single = True
    assert task.builder(1).reset(np.arange(1), context[:1])[0] == pytest.approx(both[0], abs=1e-4)
