"""Where the goal is drawn, and the film itself."""

import numpy as np
import pytest
from PIL import Image

from sim2real.demo.video import project, target, write_gif
from sim2real.deployment.bundle import load_bundle
from sim2real.robots import load_robot
from sim2real.simulators.layout import overview
from sim2real.simulators.scenes.robot_scene import outside
from sim2real.tasks import load_task


@pytest.mark.parametrize("name", ["ur5e", "crazyflie"])
def test_the_point_looked_at_is_the_middle_of_the_picture(name):
    robot = load_robot(name)
    _, centre = outside(robot)
    assert project(robot, centre, (200, 300)) == pytest.approx((150, 100))
    x, y = project(robot, centre + [0, 0, 0.1], (200, 300))
    assert x == pytest.approx(150) and y < 100, "up in the world is up in the picture"


def test_a_point_at_the_edge_of_the_view_is_at_the_edge_of_the_picture():
    robot = load_robot("ur5e")
    eye, centre = overview(robot)
    forward = centre - eye
    right = np.cross(forward, [0, 0, 1])
    up = np.cross(right, forward) / np.linalg.norm(np.cross(right, forward))
    top = centre + up * np.linalg.norm(forward) * np.tan(np.deg2rad(22.5))  # half of 45 degrees
    assert project(robot, top, (200, 300))[1] == pytest.approx(0.0, abs=1e-9)


def test_target_of_a_moving_reference():
    task = load_task("crazyflie-track")
    goal = task.sample_goal(np.full((1, task.goal_uniforms), 0.5))
    here, there = target(task, goal, np.zeros(1)), target(task, goal, np.full(1, 0.7))
    assert here.shape == (1, 3) and np.linalg.norm(there - here) > 0.05


def test_the_film_shows_the_arm_moving(servo_path, tmp_path):
    write_gif(load_bundle(servo_path), "pybullet", np.array([1]), tmp_path / "twin.gif", size=(60, 80))
    film = Image.open(tmp_path / "twin.gif")
    assert film.n_frames >= 30 and film.size == (80, 60)
    film.seek(0)
    first = np.asarray(film.convert("RGB"), int)
    film.seek(film.n_frames - 1)
    last = np.asarray(film.convert("RGB"), int)
    assert (np.abs(first[:45] - last[:45]).max(axis=2) > 40).sum() > 30, "nothing moved above the caption"
