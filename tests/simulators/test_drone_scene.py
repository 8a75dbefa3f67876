from __future__ import annotations

import numpy as np
import pytest

from sim2real.simulators.drone_scene import drone_model, looks, view
from tests.simulators.flight import robot_named


@pytest.mark.parametrize("name", ["crazyflie", "x500"])
def test_model_is_the_description(name):
    robot = robot_named(name)
    model, base = drone_model(robot), robot.model.link(robot.model.root)
    body = model.body(base.name).id
    assert model.body_mass[body] == base.mass
    np.testing.assert_allclose(model.body_inertia[body], base.inertia.diagonal())
    np.testing.assert_allclose(model.body_iquat[body], [1, 0, 0, 0])
    np.testing.assert_allclose(model.body_ipos[body], base.com)
    assert model.nq == 7 and model.opt.timestep == pytest.approx(robot.substep)


def test_visual_shapes_are_drawn_and_collision_shapes_are_not():
    robot = robot_named("crazyflie")
    model = drone_model(robot)
    floor = model.geom("s2r/floor").id
    solid = model.pair_geom2
    assert (model.pair_geom1 == floor).all() and len(solid) == 1 and (model.geom_rgba[solid, 3] == 0).all()
    assert len(looks(robot)) == len(robot.model.link(robot.model.root).geoms) - 1


@pytest.mark.parametrize("name", ["crazyflie", "x500"])
def test_overview_sees_every_goal(name):
    robot = robot_named(name)
    eye, target = view(robot, "overview")
    forward = (target - eye) / np.linalg.norm(target - eye)
    goals = robot.goal.sample(np.random.default_rng(0).random((200, 3)))
    angles = np.degrees(np.arccos((goals - eye) @ forward / np.linalg.norm(goals - eye, axis=1)))
    assert angles.max() < 45  # of 22.5 vertically and 30 horizontally, corners included
