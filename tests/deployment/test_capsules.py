"""The capsule model against MuJoCo's own distances, known postures, and other people's robots."""

import timeit

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sim2real.deployment.capsules import GROUND, CapsuleModel, _segment_distance
from sim2real.errors import BadInputError
from sim2real.kinematics import Chain
from sim2real.robots import load_robot
from sim2real.simulators import scene
from tests.deployment.test_enclosing import tiny
from tests.tiny_urdf import link

ARMS = ("ur5e", "fr3", "so101")
TOUCH = 1e-5  # [m] by which MuJoCo's iterative distance of boxes may be off


@pytest.fixture(scope="module", params=ARMS)
def model(request):
    return CapsuleModel.from_robot(load_robot(request.param))


def postures(robot, n, seed=0):
    u = np.random.default_rng(seed).random((n, robot.num_joints))
    return robot.position_low + u * (robot.position_high - robot.position_low)


def solid_geoms(robot, engine):
    """Numbers of MuJoCo's geoms by number of the shape."""
    found = []
    for body in robot.model.links:
        ids = np.flatnonzero(engine.geom_bodyid == engine.body(body.name).id)
        found += [i for i, geom in zip(ids, body.geoms, strict=True) if geom.collision]
    return found


def test_never_farther_than_mujoco_says_and_not_much_nearer(model):
    robot, engine = model.robot, scene.arm_model(model.robot)
    data, geoms = mujoco.MjData(engine), solid_geoms(model.robot, engine)
    qpos = [engine.joint(name).qposadr[0] for name in robot.joint_names]
    radius = [max(c.radius for c in model.capsules if c.shape == shape) for shape in range(len(geoms))]
    compared = 0
    for q in postures(robot, 120):
        data.qpos[qpos] = q
        mujoco.mj_kinematics(engine, data)
        nearest = {}
        for shapes, gap in zip(map(tuple, model.shapes), model.distances(q[None])[0], strict=True):
            nearest[shapes] = min(gap, nearest.get(shapes, np.inf))
        for (a, b), gap in nearest.items():
            other = geoms[b] if b >= 0 else engine.geom(scene.FLOOR).id
            true = mujoco.mj_geomDistance(engine, data, geoms[a], other, 10.0, None)
            if true <= 0.0:  # what MuJoCo calls the depth of penetration is another measure
                assert gap < TOUCH
                continue
            assert gap <= true + TOUCH
            # a segment lies inside its shape, so a capsule sticks out by its radius at the most
            assert gap >= true - radius[a] - (radius[b] if b >= 0 else 0.0) - TOUCH
            compared += 1
    assert compared > 1000


def test_frames_are_those_of_the_kinematics(model):
    robot = model.robot
    q = postures(robot, 20)
    frames = model.frames(q)
    assert np.allclose(frames, np.concatenate([model.frames(row[None]) for row in q]))  # one at a time: another path
    for i, joint in enumerate(robot.model.joints):
        position, rotation = Chain.from_model(robot.model, robot.joint_names, joint.child).forward(q)
        assert np.abs(frames[:, i + 1, :3, 3] - position).max() < 1e-12
        assert np.abs(frames[:, i + 1, :3, :3] - rotation).max() < 1e-12
    assert np.allclose(model.look(q)[1], Chain.from_robot(robot).forward(q)[0])


def test_home_is_clear_and_every_other_pair_is_kept(model):
    assert model.clearance(model.robot.home).distance > 0.01
    named = {frozenset(pair) for pair in model.pairs}
    links = [link.name for link in model.robot.model.links]
    first, last = links[0], model.robot.tool_link
    assert {frozenset((first, last)), frozenset((last, GROUND))} <= named
    assert frozenset((first, GROUND)) not in named
    assert not {frozenset((first, last))} & set(map(frozenset, model.left_out))
    for joint in model.robot.model.joints:
        assert frozenset((joint.parent, joint.child)) not in named


@pytest.mark.parametrize(("name", "changed", "links"), [
    ("ur5e", {"elbow_joint": 3.0}, {"forearm_link"}),
    ("ur5e", {"shoulder_lift_joint": 0.6}, {GROUND}),
    ("fr3", {"fr3_joint2": 1.78, "fr3_joint4": -0.16}, {GROUND}),
    ("so101", {"shoulder_lift": 1.6, "elbow_flex": -0.4}, {GROUND}),
])
def test_known_postures_collide(name, changed, links):
    robot = load_robot(name)
    q = robot.home.copy()
    for joint, value in changed.items():
        q[robot.joint_names.index(joint)] = value
    found = CapsuleModel.from_robot(robot).clearance(q)
    assert found.distance < 0.0
    assert links & set(found.pair), found


def test_an_arm_that_is_the_same_on_both_sides_has_the_same_gaps_there():
    model = CapsuleModel.from_robot(load_robot("ur5e"), ground=-np.inf)
    q = postures(model.robot, 200)
    turned = q + [1.234, 0, 0, 0, 0, 0]  # the base's shape is round: nothing changes about its axis
    assert np.abs(model.distances(turned) - model.distances(q)).max() < 1e-9


def test_ground_and_padding_move_every_gap_by_themselves():
    robot = load_robot("fr3")
    plain, lower = CapsuleModel.from_robot(robot), CapsuleModel.from_robot(robot, ground=-0.3)
    thick, none = CapsuleModel.from_robot(robot, padding=0.005), CapsuleModel.from_robot(robot, ground=-np.inf)
    q = postures(robot, 50)
    ground = np.array([pair[1] == GROUND for pair in plain.pairs])
    assert ground.any() and plain.pairs == lower.pairs == thick.pairs
    assert np.allclose(lower.distances(q) - plain.distances(q), np.where(ground, 0.3, 0.0))
    assert np.allclose(plain.distances(q) - thick.distances(q), np.where(ground, 0.005, 0.01))
    assert not [pair for pair in none.pairs if GROUND in pair]


@settings(max_examples=200, deadline=None)
@given(arrays(float, (2, 6), elements=st.floats(-1.0, 1.0)),
       st.sampled_from(["any", "parallel", "point", "both points"]))
def test_distance_of_segments_is_that_of_the_nearest_of_many_points(ends, kind):
    first, second = ends.copy()
    if kind == "parallel":
        second[3:] = -0.7 * first[3:]
    if kind != "any" and kind != "parallel":
        first[3:] = 0.0
    if kind == "both points":
        second[3:] = 0.0
    square = [np.maximum(np.array([s[3:] @ s[3:]]), 1e-12) for s in (first, second)]
    got = _segment_distance(first[None, :, None], second[None, :, None], *square, 1e-9 * square[0] * square[1])[0, 0]
    part = np.linspace(0.0, 1.0, 201)[:, None]
    one = first[:3] + part * first[3:]
    way = second[3:]
    t = np.clip((one - second[:3]) @ way / max(way @ way, 1e-30), 0.0, 1.0)  # exact on one side, sampled on the other
    best = np.linalg.norm(one - second[:3] - t[:, None] * way, axis=1).min()
    assert best - np.linalg.norm(first[3:]) / 400 - 1e-6 <= got <= best + 1e-6


def test_no_shapes_no_ground_nothing_to_say():
    model = CapsuleModel.from_robot(tiny(link("a"), link("b")), ground=-np.inf)
    assert model.clearance(np.zeros(2)).distance == np.inf  # base has no shape, a and b are neighbours


@pytest.mark.parametrize("path", ["kuka_iiwa/model.urdf", "franka_panda/panda.urdf"])
@pytest.mark.filterwarnings("ignore::sim2real.robot_model.RobotDescriptionWarning")
def test_other_peoples_robots_load(path):
    data = pytest.importorskip("pybullet_data")
    model = CapsuleModel.from_robot(load_robot(f"{data.getDataPath()}/{path}"))
    assert len(model.pairs) > 10
    assert model.clearance(model.robot.home).distance > 0.0
    low = [model.clearance(q).distance for q in postures(model.robot, 200)]
    assert min(low) < 0.0 < max(low)


def test_wrong_input_is_one_clear_line():
    model = CapsuleModel.from_robot(load_robot("ur5e"))
    for q in (np.zeros(5), np.zeros((1, 6)), np.array([0, 0, np.nan, 0, 0, 0])):
        with pytest.raises(BadInputError, match="expected 6 finite joint positions"):
            model.clearance(q)
    with pytest.raises(BadInputError, match="crazyflie, a drone"):
        CapsuleModel.from_robot(load_robot("crazyflie"))
    with pytest.raises(BadInputError, match=r"at home \w+ of ur5e is in the ground, which is at z = 0.6 m; correct"):
        CapsuleModel.from_robot(model.robot, ground=0.6)
    with pytest.raises(BadInputError, match="padding"):
        CapsuleModel.from_robot(model.robot, padding=-0.01)
    for ground in (np.nan, np.inf):
        with pytest.raises(BadInputError, match="ground"):
            CapsuleModel.from_robot(model.robot, ground=ground)


def test_a_check_is_fast_enough_for_a_control_loop(model):
    q = model.robot.home
    seconds = min(timeit.repeat(lambda: model.clearance(q), number=100, repeat=10)) / 100
    print(f"{model.robot.name}: {len(model.pairs)} pairs, {1e6 * seconds:.0f} us a check")
    assert seconds < 4 * 60e-6  # four times the budget: other work may run beside this
