import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.kinematics import Chain
from sim2real.perception import dataset
from sim2real.perception.dataset import Placing, draw_poses, render_dataset
from sim2real.perception.domains import FULL, MILD, PLAIN, randomized
from sim2real.perception.locate import Locate
from sim2real.perception.postures import draw_postures
from sim2real.robots import load_robot
from sim2real.simulators.painting.paint_pool import make_painter


@pytest.fixture(scope="module")
def task():
    return Locate.of(load_robot("ur5e"), width=64)


@pytest.mark.parametrize("engine", ["mujoco", "pybullet"])
def test_labels_are_where_the_block_is_in_the_pictures(task, engine):
    count, camera = 24, task.scene.cameras[0]
    poses, labels = draw_poses(task.scene, task.placing, count, seed=3)
    expected = camera.project(np.column_stack([labels, poses.places["block"][:, 2]]))
    with make_painter(engine, task.scene) as painter:
        mask = painter.render(camera.name, poses, kind="segmentation") == task.scene.groups.index("block") + 1
    compared = 0
    for seen, at in zip(mask, expected, strict=True):
        rows, columns = np.nonzero(seen)
        if len(rows) < 8:  # behind the arm
            continue
        compared += 1
        assert np.hypot(columns.mean() + 0.5 - at[0], rows.mean() + 0.5 - at[1]) < 1.0
    assert compared >= 18


def test_places_fill_the_region_and_blocks_stand_on_the_table(task):
    poses, labels = draw_poses(task.scene, task.placing, 2000, seed=0)
    low, high = np.array(task.placing.region[::2]), np.array(task.placing.region[1::2])
    assert (labels >= low).all() and (labels <= high).all()
    for few in (slice(500), slice(500, 1000)):  # evenly: random places would be off by 4 and 8 mm
        np.testing.assert_allclose(labels[few].mean(0), 0.5 * (low + high), atol=0.002)
    np.testing.assert_allclose(labels.std(0), (high - low) / 12**0.5, rtol=0.05)  # of a uniform distribution
    edge = poses.sizes["block"]
    assert (edge[:, :1] == edge).all() and edge.min() >= 0.048 and edge.max() <= 0.062
    np.testing.assert_allclose(poses.places["block"][:, 2], 0.5 * edge[:, 0])


def test_half_of_the_arms_are_about_home_and_the_others_reach(task):
    robot, spread = task.robot, task.placing.joint_spread
    poses, labels = draw_poses(task.scene, task.placing, 2000, seed=0)
    home = (np.abs(poses.joints - robot.home) <= spread + 1e-9).all(axis=1)
    calm = draw_postures(robot, labels, task.placing.region, 0.0, 1.0, seed=0)
    tool = Chain.from_robot(robot).forward(calm)[0]
    at_thing = np.abs(tool[:, :2] - labels).max(axis=1) < 0.05
    low, high = np.array(task.placing.region[::2]), np.array(task.placing.region[1::2])
    over = ((tool[:, :2] > low - 0.05) & (tool[:, :2] < high + 0.05)).all(axis=1)
    assert 0.5 < home.mean() < 0.75 and 0.45 < at_thing.mean() < 0.6 and over.mean() > 0.95
    assert 0.06 < tool[over, 2].min() and tool[over, 2].max() < 0.37
    np.testing.assert_array_equal(draw_postures(robot, labels[:7], task.placing.region, 0.0, 1.0, seed=0), calm[:7])
    near_home = draw_postures(robot, labels, task.placing.region, spread, 0.0, seed=0)
    assert np.abs(near_home - robot.home).max() <= spread


def test_labels_are_in_the_base_frame(task):
    from dataclasses import replace

    half = 0.5**0.5
    turned = replace(task.scene, robot_position=(1.0, 2.0, 0.0), robot_quaternion=(half, 0.0, 0.0, half))  # 90 degrees
    poses, labels = draw_poses(turned, task.placing, 5, seed=1)
    np.testing.assert_allclose(poses.places["block"][:, 0], 1.0 - labels[:, 1], atol=1e-6)
    np.testing.assert_allclose(poses.places["block"][:, 1], 2.0 + labels[:, 0], atol=1e-6)


def test_frames_follow_from_seed_and_number_alone(task):
    domain = randomized(task.scene, "block")
    one = task.render(domain, 70, 5, workers=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataset, "_FEW", 0)
        two = task.render(domain, 70, 5, workers=2)
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.labels, two.labels)
    fewer = task.render(domain, 12, 5, workers=1)  # lenses of other frames set the margin: pixels at edges may differ
    assert np.abs(fewer.images.astype(int) - one.images[:12]).mean() < 0.2
    np.testing.assert_array_equal(fewer.labels, one.labels[:12])
    other = task.render(domain, 12, 6, workers=1)
    assert (other.images != fewer.images).mean() > 0.5 and not np.array_equal(other.labels, fewer.labels)


@pytest.mark.parametrize("domain", [PLAIN, MILD, FULL], ids=lambda domain: domain.name)
def test_noise_and_places_are_new_in_each_frame(task, domain):
    frames = task.render(domain, 4, 0, workers=1)
    assert frames.images.shape == (4, 48, 64, 3) and frames.images.dtype == np.uint8 and len(frames) == 4
    corner = frames.images[:, -8:, :8].astype(int)  # the table alone
    assert np.ptp(corner, axis=0).any() == bool(domain.image)


def test_the_cache_is_read_and_mended(task, tmp_path, monkeypatch):
    first = task.render(PLAIN, 3, 0, workers=1, cache=tmp_path)
    (file,) = tmp_path.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(dataset, "make_painter", None)  # nothing is rendered
        np.testing.assert_array_equal(task.render(PLAIN, 3, 0, cache=tmp_path).images, first.images)
        with pytest.raises(TypeError):
            task.render(PLAIN, 3, 1, cache=tmp_path)
    file.write_bytes(file.read_bytes()[:100])
    np.testing.assert_array_equal(task.render(PLAIN, 3, 0, workers=1, cache=tmp_path).images, first.images)
    assert file.stat().st_size > 3 * 48 * 64 * 3 and len(list(tmp_path.iterdir())) == 1


def test_the_cache_tells_scenes_and_domains_apart(task, tmp_path):
    for domain, placing in ((PLAIN, task.placing), (MILD, task.placing),
                            (PLAIN, Placing("block", (0.3, 0.4, 0.0, 0.1), (0.05, 0.05)))):
        render_dataset(task.scene, placing, domain, 1, 0, workers=1, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("count", [0, -1, 300_000])
def test_the_number_of_images_is_bounded(task, count):
    with pytest.raises(BadInputError, match="expected 1 to 200000 images"):
        task.render(PLAIN, count, 0)


def test_an_unknown_thing(task):
    with pytest.raises(BadInputError, match="unknown thing 'blok'; did you mean block"):
        draw_poses(task.scene, Placing("blok", (0.3, 0.6, -0.3, 0.3), (0.05, 0.05)), 1, 0)
