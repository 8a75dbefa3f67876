"""The contract of painters: each term changes the pixels that it should and no others, and nothing else matters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim2real import rotations
from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError, MissingDependencyError, ParameterError
from sim2real.robots import load_robot
from sim2real.simulators.painting.looks import Views
from sim2real.simulators.painting.paint_pool import make_painter
from sim2real.simulators.painting.painter import Lens
from sim2real.simulators.scenes.visual_scene import Light, Poses, Thing, VisualScene

SIZE = 64
CAMERA = CameraModel.looking_at("eye", [1.2, -0.9, 0.9], [0.0, 0.0, 0.1], width=SIZE, height=SIZE)
THINGS = (Thing("floor", "box", (1.0, 1.0, 0.02), (0.0, 0.0, -0.01), rgba=(0.6, 0.6, 0.6, 1.0)),
          Thing("box", "box", (0.2, 0.2, 0.2), (0.25, -0.2, 0.1), rgba=(0.8, 0.2, 0.1, 1.0), pattern="wood"),
          Thing("ball", "sphere", (0.12,), (0.2, 0.25, 0.12), rgba=(0.2, 0.3, 0.8, 1.0)),
          Thing("can", "cylinder", (0.06, 0.16), (-0.3, -0.3, 0.08), rgba=(0.3, 0.7, 0.3, 1.0), distractor=True),
          Thing("pill", "capsule", (0.05, 0.1), (0.3, 0.0, 0.1), distractor=True, group="clutter"))
SCENE = VisualScene((CAMERA,), THINGS, load_robot("so101"), robot_position=(-0.2, 0.0, 0.0), ambient=0.3,
                    lights=(Light((0.8, -0.6, 1.6), strength=0.5),), centre=(0.0, 0.0, 0.1), extent=1.5,
                    distractor_region=((-0.4, 0.4), (-0.4, 0.4), 0.0))
SPACE = SCENE.space
GROUPS = ("robot", "floor", "box", "ball", "can", "clutter")
PER_GROUP = ("color_mix", "color_red", "color_green", "color_blue", "texture_kind", "texture_variant", "specular",
             "shininess", "emission")


def made(engine, scene):
    if engine == "pybullet":
        pytest.importorskip("pybullet", reason="PyBullet is not installed")
    painter = make_painter(engine, scene, **({"samples": 0} if engine == "mujoco" else {}))
    try:
        painter.render(scene.cameras[0].name, Poses(1))
    except MissingDependencyError as error:
        pytest.skip(str(error))
    return painter


@pytest.fixture(scope="module", params=["mujoco", "pybullet"])
def painter(request):
    with made(request.param, SCENE) as painter:
        yield painter


def rows(*changes, **base):
    """Rows of values: the first is ``base`` over nominal, each other one has one more change; __ stands for a point."""
    values = SPACE.batch(1 + len(changes))
    for name, value in base.items():
        values[:, SPACE.column(name.replace("__", "."))] = value
    for row, change in zip(values[1:], changes, strict=True):
        for name, value in change.items():
            row[SPACE.column(name)] = value
    return values


def everything():
    """A row in which every parameter matters: lamps, textures, clutter and a background that are all drawn."""
    values = rows(light_count=4, distractor_count=2, distractor_variant=0.4, background_kind=3, background_variant=0.2)
    for group in GROUPS:
        values[:, SPACE.column(f"color_mix.{group}")], values[:, SPACE.column(f"texture_kind.{group}")] = 0.5, 4
    for k in range(4):  # no two alike
        values[:, SPACE.column(f"light_azimuth.{k}")] = 0.4 * k
        values[:, SPACE.column(f"light_strength_scale.{k}")] = 1.0 + 0.3 * k
        values[:, SPACE.column(f"light_warmth.{k}")] = 0.2 * k
    return values[0]


def other(parameter, now):
    """A value far from ``now``."""
    low, high = max(parameter.physical_low, parameter.nominal - 3.0), min(parameter.physical_high,
                                                                          parameter.nominal + 3.0)
    if parameter.name.startswith(("camera", "lens", "focal")):
        low, high = parameter.twin_low, parameter.twin_high
    return low if abs(now - low) > abs(now - high) else high


def test_groups_are_those_of_the_scene():
    assert SCENE.groups == GROUPS


def test_every_parameter_acts_where_the_vocabulary_says_so_and_on_its_own_pixels_alone(painter):
    base = everything()
    values = np.tile(base, (len(SPACE) + 1, 1))
    for k, parameter in enumerate(SPACE.parameters):
        values[k + 1, k] = other(parameter, base[k])
    poses = Poses(len(values))
    frames = painter.render("eye", poses, values).astype(int)
    groups = painter.render("eye", poses, values, kind="segmentation")
    assert set(np.unique(groups[0])) == set(range(len(GROUPS) + 1))
    acts: dict[str, set] = {}
    for k, parameter in enumerate(SPACE.parameters):
        changed = (frames[k + 1] != frames[0]).any(axis=2)
        family, _, group = parameter.name.partition(".")
        acts.setdefault(family, set()).add((bool(changed.any()), painter.engine in parameter.engines))
        # highlights may miss what is flat, and only flat things mirror
        if not (family in ("shininess", "reflectance") and painter.engine in parameter.engines):
            assert changed.any() == (painter.engine in parameter.engines), parameter.name
        if family in PER_GROUP:
            assert not changed[groups[0] != GROUPS.index(group) + 1].any(), parameter.name
        if parameter.role == "background":
            assert not changed[groups[0] != 0].any(), parameter.name
        if parameter.role in ("appearance", "light", "background"):
            np.testing.assert_array_equal(groups[k + 1], groups[0], parameter.name)
    if painter.engine != "pybullet":
        assert (True, True) in acts["shininess"] and (True, True) in acts["reflectance"]


@pytest.mark.parametrize("group", GROUPS[:4])
def test_without_lamps_a_colour_is_that_colour_on_the_whole_group(painter, group):
    drawn = {f"color_mix.{group}": 1, f"color_red.{group}": 1, f"color_green.{group}": 0.5, f"color_blue.{group}": 0,
             f"texture_kind.{group}": 1, f"emission.{group}": 0}
    nominal, colored = painter.render("eye", Poses(2), rows(drawn, light_count=0, ambient_scale=2.0))
    mask = painter.render("eye", Poses(1), kind="segmentation")[0] == GROUPS.index(group) + 1
    # 0.3 of ambient light twice: 0.6 of the colour
    assert np.abs(colored[mask] - np.array([153, 76.5, 0])).max() <= 2.0
    np.testing.assert_array_equal(colored[~mask], nominal[~mask])


def test_textures_cover_their_group_only_and_pictures_come_from_the_folder(painter, tmp_path):
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "a.png"), np.full((40, 50, 3), (0, 0, 250), np.uint8))
    scene = replace(SCENE, texture_folder=tmp_path)
    values = rows(*[{"texture_kind.floor": kind} for kind in range(1, 7)], {"background_kind": 6}, light_count=0,
                  ambient_scale=3.0)
    with made(painter.engine, scene) as own:
        frames = own.render("eye", Poses(len(values)), values).astype(int)
        groups = own.render("eye", Poses(1), kind="segmentation")[0]
    floor = groups == 2
    assert len({frame[floor].tobytes() for frame in frames[:7]}) == 6  # own and flat are the same here
    for frame in frames[1:7]:
        np.testing.assert_array_equal(frame[~floor], frames[0][~floor])
    assert np.abs(frames[6][floor] - np.array([225, 0, 0])).max() <= 3  # 0.9 of the picture's red
    assert np.abs(frames[7][groups == 0] - np.array([250, 0, 0])).max() == 0


def test_lamps_light_what_faces_them_and_shadows_only_darken(painter):
    values = rows({"light_count": 0}, {"light_strength_scale.0": 2.0}, {"shadow": 0}, {"light_warmth.0": 1.0})
    plain, dark, bright, unshaded, warm = painter.render("eye", Poses(5), values).astype(int)
    groups = painter.render("eye", Poses(1), kind="segmentation")[0]
    assert (dark <= plain + 6)[groups > 0].all() and dark[groups > 0].mean() < plain[groups > 0].mean() - 20
    assert (bright >= plain - 3)[groups > 0].all() and bright[groups > 0].mean() > plain[groups > 0].mean() + 15
    assert (unshaded >= plain - 2).all() and (unshaded - plain)[groups == 2].max() > 30
    shift = (warm - plain)[groups == 2].mean(axis=0)
    assert shift[0] > 3 and shift[2] < -10
    np.testing.assert_array_equal(warm[groups == 0], plain[groups == 0])


def test_distractors_are_there_as_they_are_counted(painter):
    groups = painter.render("eye", Poses(3), rows({"distractor_count": 1}, {"distractor_count": 2}),
                            kind="segmentation")
    assert [[int((frame == GROUPS.index(name) + 1).sum() > 10) for name in ("can", "clutter")] for frame in groups] == [
        [0, 0], [1, 0], [1, 1]]
    assert not (groups[0] != groups[1])[groups[1] != GROUPS.index("can") + 1].any()
    hidden = painter.render("eye", Poses(1))
    np.testing.assert_array_equal(painter.render("eye", Poses(2), rows({"distractor_count": 2}))[:1], hidden)


def test_the_same_row_is_the_same_frame_wherever_it_stands(painter):
    random = np.random.default_rng(5)
    low, high = (np.array([getattr(p, which) for p in SPACE.parameters]) for which in ("low", "high"))
    values = low + random.random((4, len(SPACE))) * (high - low)
    joints = SCENE.robot.home + random.uniform(-0.3, 0.3, (4, 6))[:, :SCENE.robot.num_joints]
    place = np.array([[0.3, 0.1, 0.1], [0.1, 0.3, 0.1], [0.0, 0.0, 0.1], [0.2, -0.2, 0.2]])
    size = np.array([[0.2, 0.2, 0.2], [0.1, 0.1, 0.1], [0.2, 0.1, 0.3], [0.2, 0.2, 0.2]])
    poses = Poses(4, joints=joints, places={"box": place}, sizes={"box": size})
    frames = painter.render("eye", poses, values)
    backwards = Poses(4, joints=joints[::-1], places={"box": place[::-1]}, sizes={"box": size[::-1]})
    np.testing.assert_array_equal(painter.render("eye", backwards, values[::-1])[::-1], frames)
    alone = Poses(1, joints=joints[2:3], places={"box": place[2:3]}, sizes={"box": size[2:3]})
    np.testing.assert_array_equal(painter.render("eye", alone, values[2:3])[0], frames[2])


def test_nominal_values_are_the_scene_as_described_also_after_wild_ones(painter):
    nominal = painter.render("eye", Poses(1))
    wild = np.array([[p.physical_low for p in SPACE.parameters], [p.physical_high for p in SPACE.parameters]])
    wild[:, SPACE.column("camera_x")] = wild[:, SPACE.column("camera_z")] = 0.5
    frames = painter.render("eye", Poses(4), np.concatenate([SPACE.batch(1), wild, SPACE.batch(1)]))
    np.testing.assert_array_equal(frames[[0, 3]], np.repeat(nominal, 2, axis=0))
    np.testing.assert_array_equal(painter.render("eye", Poses(2), SPACE.batch(1)), np.repeat(nominal, 2, axis=0))


@pytest.mark.parametrize("camera", [
    CameraModel.looking_at("eye", [1.0, 0.2, 0.4], [0.0, 0.0, 0.0], width=200, height=160, roll=0.2),
    CameraModel("eye", 200, 160, 190.0, 210.0, 90.0, 85.0, (-0.15, 0.05, 0.004, -0.006, 0.0), "",
                (0.0, -1.0, 0.0), tuple(rotations.from_rpy(np.array([-math.pi / 2, 0.0, 0.0]))))])
def test_points_are_where_the_camera_model_projects_them(painter, camera):
    points = np.array([[0.0, 0.0, 0.0], [0.15, 0.25, 0.12], [-0.1, -0.28, 0.1], [0.1, 0.25, -0.15],
                       [-0.2, -0.2, -0.2]])
    things = tuple(Thing(f"p{k}", "sphere", (0.03,), tuple(point)) for k, point in enumerate(points))
    scene = VisualScene((camera,), things, extent=1.0)
    changes = {"camera_x": 0.05, "camera_y": -0.04, "camera_z": 0.1, "camera_pitch": 0.06, "camera_yaw": -0.05,
               "camera_roll": 0.3, "focal_scale": 1.2, "lens_k1": 0.2, "lens_k2": -0.2, "lens_center_x": 0.05,
               "lens_center_y": -0.04}
    values = scene.space.batch(len(changes) + 1)
    for row, (name, value) in zip(values[1:], changes.items(), strict=True):
        row[scene.space.column(name)] = value
    with made(painter.engine, scene) as own:
        groups = own.render("eye", Poses(len(values)), values, kind="segmentation")
    turn, k = np.array(camera.quaternion), np.pad(np.array(camera.distortion, float), (0, 5))[:5]
    for row, name in zip(groups, ["", *changes], strict=True):
        move = {axis: changes[name] if name == f"camera_{axis}" else 0.0 for axis in
                ("x", "y", "z", "pitch", "yaw", "roll")}
        about = rotations.from_axis_angle(np.array([move["pitch"], move["yaw"], move["roll"]]))
        scale = changes["focal_scale"] if name == "focal_scale" else 1.0
        expected = replace(
            camera, fx=scale * camera.fx, fy=scale * camera.fy,
            cx=camera.cx + (200 * 0.05 if name == "lens_center_x" else 0.0),
            cy=camera.cy - (160 * 0.04 if name == "lens_center_y" else 0.0),
            distortion=tuple(k + np.array([0.2 * (name == "lens_k1"), -0.2 * (name == "lens_k2"), 0, 0, 0])),
            position=tuple(camera.position + rotations.rotate(turn, np.array([move["x"], move["y"], move["z"]]))),
            quaternion=tuple(rotations.multiply(turn, about))).project(points)
        seen = 0
        for index, (u, v) in enumerate(expected):
            if 8 < u < 192 and 8 < v < 152:
                y, x = np.nonzero(row == index + 1)
                assert np.hypot(x.mean() + 0.5 - u, y.mean() + 0.5 - v) < 0.35, (name, index)
                seen += 1
        assert seen >= 3, name


def test_a_camera_on_a_link_moves_with_it_and_poses_override_it(painter):
    robot = SCENE.robot
    hand = replace(CameraModel.looking_at("hand", [0.4, 0.1, 0.3], [0.0, 0.0, 0.0], width=48, height=48),
                   link=robot.model.joints[0].child)
    with made(painter.engine, SCENE.with_cameras(hand)) as own:
        joints = np.tile(robot.home, (2, 1))
        joints[1, 0] += 0.5
        frames = own.render("hand", Poses(2, joints=joints))
        given = Poses(2, joints=joints, cameras={"hand": np.tile([*hand.position, *hand.quaternion], (2, 1))})
        np.testing.assert_array_equal(own.render("hand", given), frames)
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 0.3


def test_sizes_on_request(painter):
    large = painter.render("eye", Poses(1), size=(128, 128))
    assert large.shape == (1, 128, 128, 3)
    halved = large[0].reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(halved - painter.render("eye", Poses(1))[0]).mean() < 6.0
    assert painter.render("eye", Poses(1), size=(32, 100), kind="depth").shape == (1, 32, 100)


@pytest.mark.parametrize(("render", "error", "line"), [
    ({"camera": "eyes"}, BadInputError, "unknown camera 'eyes'; did you mean eye"),
    ({"kind": "colour"}, BadInputError, "unknown kind 'colour'; did you mean color"),
    ({"values": np.zeros((3, 2))}, ParameterError, r"expected parameter values of shape \(2, \d+\), got \(3, 2\)"),
    ({"poses": Poses(2, joints=np.zeros((1, 6)))}, BadInputError, r"joints: expected shape \(2, 6\), got \(1, 6\)"),
    ({"poses": Poses(2, places={"bxo": np.zeros((2, 3))})}, BadInputError, "places: unknown thing 'bxo'"),
    ({"poses": Poses(2, sizes={"ball": np.zeros((2, 3))})}, BadInputError, "expected shape .2, 1., got .2, 3."),
    ({"size": (0, 10)}, BadInputError, "expected a picture of at most"),
])
def test_mistakes_are_one_line(painter, render, error, line):
    arguments = {"camera": "eye", "poses": Poses(2), **render}
    with pytest.raises(error, match=line) as raised:
        painter.render(**arguments)
    assert len(str(raised.value).splitlines()) == 1


def test_closing_twice_and_drawing_again(painter):
    with made(painter.engine, SCENE) as own:
        own.close()


@pytest.mark.parametrize("fovy", [60.0, 90.0, 120.0, 150.0])
def test_lenses_of_wide_cameras_stay_finite(fovy):
    """Where a strong barrel lens has no inverse, pixels stay bounded instead of running away."""
    camera = CameraModel.looking_at("wide", (0.0, 0.0, 1.0), (1.0, 0.0, 1.0), width=64, height=48, fovy=fovy)
    scene = VisualScene((camera,))
    values, corners = scene.space.batch(4), [(-0.08, -0.02), (-0.08, 0.02), (0.08, -0.02), (0.08, 0.02)]
    for row, (k1, k2) in zip(values, corners, strict=True):
        row[scene.space.column("lens_k1")], row[scene.space.column("lens_k2")] = k1, k2
    lens = Lens(camera, Views.of(scene, camera, Poses(4), values))
    assert np.isfinite(lens.intrinsics).all() and lens.width.max() <= 4 * 64
