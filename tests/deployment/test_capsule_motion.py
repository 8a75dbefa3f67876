"""Bounds on gaps hold for every robot and motion, and are no looser than they have to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.capsules import GROUND, CapsuleModel
from sim2real.robots import load_robot

MODELS = {name: CapsuleModel.from_robot(load_robot(name)) for name in ("ur5e", "fr3", "so101")}


def moved(model, seed, count=200):
    """Postures anywhere, and motions from tiny to large of one joint or of all."""
    rng, robot = np.random.default_rng(seed), model.robot
    q = rng.uniform(robot.position_low, robot.position_high, (count, robot.num_joints))
    way = rng.normal(size=q.shape) * 10.0 ** rng.uniform(-4.0, 0.0, (count, 1))
    alone = rng.random(count) < 0.5
    way[alone] *= np.eye(robot.num_joints)[rng.integers(robot.num_joints, size=alone.sum())]
    return q, way


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(MODELS)))
def test_no_gap_changes_by_more(seed, name):
    model = MODELS[name]
    q, way = moved(model, seed)
    (gaps, tool), (gaps_then, tool_then) = model.look(q), model.look(q + way)
    bound = np.abs(way) @ model.motion.T
    assert (np.abs(gaps_then - gaps) <= bound[:, :-1] + 1e-9).all()
    assert (np.linalg.norm(tool_then - tool, axis=1) <= bound[:, -1] + 1e-9).all()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_some_gaps_change_by_nearly_as_much(name):
    model = MODELS[name]
    q, way = moved(model, 0, 4000)
    bound = (np.abs(way) @ model.motion.T)[:, :-1]
    share = np.abs(model.look(q + way)[0] - model.look(q)[0])[bound > 1e-6] / bound[bound > 1e-6]
    assert share.max() > 0.99 and np.median(share) > 0.1


def test_what_a_joint_does_not_part_stays():
    model = MODELS["ur5e"]
    pan, lift, last = (model.robot.joint_names.index(f"{name}_joint") for name in ("shoulder_pan", "shoulder_lift",
                                                                                   "wrist_3"))
    for (first, second), row in zip(model.pairs, model.motion, strict=False):
        if second == GROUND:
            assert row[pan] == 0.0 and row[lift] > 0.0  # turning about the vertical leaves heights alone
        elif "base" not in first and "base" not in second:
            assert row[pan] == 0.0
    assert model.motion[-1, last] == pytest.approx(0.0, abs=1e-6)  # the tool is on its axis
