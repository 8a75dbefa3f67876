"""What parameter values mean for frames, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim2real.cameras import CameraModel
from sim2real.errors import ParameterError
from sim2real.kinematics import Chain
from sim2real.robots import load_robot
from sim2real.simulators.painting.looks import Looks, Views, link_poses, place_distractors, texture_index
from sim2real.simulators.scenes.visual_scene import Light, Poses, Thing, VisualScene

CAMERA = CameraModel.looking_at("eye", [1.0, 0.0, 1.0], [0.0, 0.0, 0.0])
THINGS = (Thing("box", "box", (0.1, 0.1, 0.1), rgba=(0.2, 0.4, 0.6, 1.0)),
          Thing("ball", "sphere", (0.1,), (0.5, 0.5, 0.1), distractor=True))
SCENE = VisualScene((CAMERA,), THINGS, lights=(Light((0.0, 3.0, 4.0), strength=0.6),), ambient=0.2,
                    distractor_region=((1.0, 2.0), (-1.0, 0.0), 0.5))
SPACE = SCENE.space


def values(n=1, **given):
    rows = SPACE.batch(n)
    for name, value in given.items():
        rows[:, SPACE.column(name.replace("__", "."))] = value
    return rows


def test_nominal_is_the_scene():
    looks = Looks.of(SCENE, values())
    np.testing.assert_allclose(looks.light_position[0, 0], [0.0, 3.0, 4.0], atol=1e-12)
    np.testing.assert_allclose(looks.light_direction[0, 0], [0.0, -0.6, -0.8], atol=1e-12)
    np.testing.assert_allclose(looks.light_color[0], [[0.6] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3])
    assert looks.ambient[0] == 0.2 and looks.shadow[0] and looks.shown.tolist() == [[True, False]]
    np.testing.assert_allclose(looks.surface(0, np.array(THINGS[0].rgba)), [[0.2, 0.4, 0.6]])


def test_a_lamp_is_turned_lifted_moved_and_coloured_about_the_centre():
    looks = Looks.of(SCENE, values(light_azimuth__0=-math.pi / 2, light_distance_scale__0=2.0, light_warmth__0=1.0))
    np.testing.assert_allclose(looks.light_position[0, 0], [6.0, 0.0, 8.0], atol=1e-12)
    np.testing.assert_allclose(looks.light_color[0, 0], 0.6 * np.array([1.3, 1.0, 0.5]))
    low = Looks.of(SCENE, values(light_elevation__0=-3.0))
    np.testing.assert_allclose(low.light_position[0, 0, 2], 5.0 * math.sin(math.radians(10.0)))
    # two lamps share the light of the one that the scene has
    np.testing.assert_allclose(Looks.of(SCENE, values(light_count=2)).light_color[0, :2], 0.3)


def test_a_drawn_colour_mixes_with_the_own_one_and_only_it_tints_a_drawn_texture():
    own = np.array(THINGS[0].rgba)
    half = {"color_mix__box": 0.5, "color_red__box": 1.0, "color_green__box": 0.0, "color_blue__box": 0.6}
    np.testing.assert_allclose(Looks.of(SCENE, values(**half)).surface(0, own), [[0.6, 0.2, 0.6]])
    np.testing.assert_allclose(Looks.of(SCENE, values(texture_kind__box=3, **half)).surface(0, own), [[1.0, 0.5, 0.8]])


def test_textures_are_counted_by_kind_and_variant_and_then_pictures():
    kind, variant = np.array([0, 1, 2, 2, 5, 6, 6]), np.array([0.9, 0.9, 0.0, 0.9999, 1.0, 0.0, 0.99])
    assert texture_index(kind, variant, 0).tolist() == [-1, -1, 0, 47, 191, 144, 191]
    assert texture_index(kind, variant, 10).tolist() == [-1, -1, 0, 47, 191, 192, 201]


def test_distractors_stand_in_their_region_and_those_that_are_placed_stay():
    variants = values(50)
    variants[:, SPACE.column("distractor_variant")] = np.linspace(0.0, 1.0, 50)
    poses = place_distractors(SCENE, Poses(50), variants)
    place, size = poses.places["ball"], poses.sizes["ball"]
    np.testing.assert_allclose(place[0, :3], [0.5, 0.5, 0.1])
    x, y, z = place[1:, :3].T
    assert (x >= 1.0).all() and (x <= 2.0).all() and (y >= -1.0).all() and (y <= 0.0).all() and np.ptp(x) > 0.7
    np.testing.assert_allclose(z, 0.5 + size[1:, 0])  # they stand on the ground
    assert size[0, 0] == 0.1 and size.min() >= 0.05 and size.max() <= 0.15
    again = place_distractors(SCENE, Poses(1), variants[30:31])
    np.testing.assert_array_equal(again.places["ball"][0], place[30])
    fixed = Poses(50, places={"ball": np.zeros((50, 3))})
    assert place_distractors(SCENE, fixed, variants) is fixed


def test_links_are_where_kinematics_puts_them():
    robot = load_robot("ur5e")
    scene = VisualScene((CAMERA,), (), robot, robot_position=(0.1, 0.2, 0.3), robot_quaternion=(0.0, 0.0, 0.0, 1.0))
    joints = robot.home + np.random.default_rng(0).uniform(-1.0, 1.0, (3, 6))
    place, turn = link_poses(scene, Poses(3, joints=joints))[robot.tool_link]
    chain = Chain.from_model(robot.model, robot.joint_names, robot.tool_link, np.zeros(3), np.eye(3))
    expected = chain.forward(joints)[0] * [-1.0, -1.0, 1.0] + [0.1, 0.2, 0.3]  # half a turn about z
    np.testing.assert_allclose(place, expected, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(turn, axis=1), 1.0)


def test_a_mounted_camera_follows_its_link():
    robot = load_robot("crazyflie")
    camera = CameraModel("nose", 64, 48, 60.0, 60.0, 32.0, 24.0, link=robot.model.root, position=(0.1, 0.0, 0.0))
    scene = VisualScene((camera,), (), robot)
    base = np.array([[1.0, 2.0, 3.0, math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)]])  # a quarter turn about z
    views = Views.of(scene, camera, Poses(1, base=base), scene.space.batch(1))
    np.testing.assert_allclose(views.position, [[1.0, 2.1, 3.0]], atol=1e-12)
    np.testing.assert_allclose(views.intrinsics, [[60.0, 60.0, 32.0, 24.0]])


def test_another_number_of_values_is_one_line():
    with pytest.raises(ParameterError, match=r"expected parameter values of shape \(n, \d+\), got \(1, 3\)"):
        Looks.of(SCENE, np.zeros((1, 3)))
