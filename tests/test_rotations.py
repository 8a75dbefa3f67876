"""Rotations against cases worked by hand and against each other."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from sim2real import rotations as rot

X, Y, Z = np.eye(3)
S = np.sqrt(0.5)
YAW_90 = np.array([S, 0, 0, S])  # x -> y
PITCH_90 = np.array([S, 0, S, 0])  # x -> -z: nose down in FLU
ROLL_90 = np.array([S, S, 0, 0])  # y -> z: left side up

components = st.floats(-1.0, 1.0, allow_subnormal=False)
quaternions = arrays(float, 4, elements=components).filter(lambda q: np.linalg.norm(q) > 1e-3).map(
    lambda q: q / np.linalg.norm(q))
vectors = arrays(float, 3, elements=st.floats(-10.0, 10.0, allow_subnormal=False))
fast = settings(max_examples=60, deadline=None)


def same(a, b):
    """Whether two quaternions are the same rotation."""
    return abs(abs(float(np.dot(a, b))) - 1.0) < 1e-9


@pytest.mark.parametrize(("q", "vector", "expected"), [
    (YAW_90, X, Y), (YAW_90, Y, -X), (YAW_90, Z, Z), (PITCH_90, X, -Z), (PITCH_90, Z, X), (ROLL_90, Y, Z),
    (ROLL_90, Z, -Y)])
def test_quarter_turns(q, vector, expected):
    np.testing.assert_allclose(rot.rotate(q, vector), expected, atol=1e-15)
    np.testing.assert_allclose(rot.rotate_inverse(q, expected), vector, atol=1e-15)
    np.testing.assert_allclose(rot.matrix(q) @ vector, expected, atol=1e-15)


def test_product_turns_by_the_right_factor_first():
    # first yaw: x -> y, then roll: y -> z
    np.testing.assert_allclose(rot.rotate(rot.multiply(ROLL_90, YAW_90), X), Z, atol=1e-15)


def test_rpy_is_fixed_axis_roll_then_pitch_then_yaw():
    # roll 90: y -> z; pitch 90: z -> x; yaw 90: x -> y
    np.testing.assert_allclose(rot.rotate(rot.from_rpy(np.full(3, np.pi / 2)), Y), Y, atol=1e-15)
    np.testing.assert_allclose(rot.from_rpy([0, 0, np.pi / 2]), YAW_90, atol=1e-15)
    np.testing.assert_allclose(rot.to_rpy(ROLL_90), [np.pi / 2, 0, 0], atol=1e-12)


def test_normalize_leaves_a_zero_quaternion_for_callers_to_find():
    np.testing.assert_array_equal(rot.normalize(np.zeros(4)), np.zeros(4))
    np.testing.assert_allclose(rot.normalize([0, 3, 0, 4]), [0, 0.6, 0, 0.8])


@pytest.mark.parametrize(("angle", "expected"), [(0.0, [1, 0, 0, 0]), (np.pi, [0, 0, 0, 1]), (np.pi / 2, YAW_90)])
def test_axis_angle(angle, expected):
    np.testing.assert_allclose(rot.from_axis_angle(angle * Z), expected, atol=1e-15)


def test_a_small_angle_keeps_its_digits():
    np.testing.assert_allclose(rot.to_axis_angle(rot.from_axis_angle(3e-9 * Y)), 3e-9 * Y, rtol=1e-12)


def test_integrate_is_exact_for_a_constant_rate():
    q = np.array([1.0, 0, 0, 0])
    for _ in range(100):
        q = rot.integrate(q, np.array([0, 0, np.pi / 2]), 0.01)
    np.testing.assert_allclose(q, YAW_90, atol=1e-12)
    # the rate is the body's: rolled by 90 degrees, a turn about body z is a turn about world -y
    turned = rot.integrate(ROLL_90, np.array([0, 0, np.pi / 2]), 1.0)
    np.testing.assert_allclose(rot.rotate(turned, X), Z, atol=1e-12)


# ---------------------------------------------------------------------- frames, worked by hand
@pytest.mark.parametrize(("enu", "ned"), [((1, 0, 0), (0, 1, 0)), ((0, 1, 0), (1, 0, 0)), ((0, 0, 1), (0, 0, -1)),
                                          ((2, 3, 5), (3, 2, -5))])
def test_enu_to_ned(enu, ned):
    np.testing.assert_array_equal(rot.ned_from_enu(np.array(enu)), ned)
    np.testing.assert_array_equal(rot.ned_from_enu(np.array(ned)), enu)


def test_flu_to_frd():
    np.testing.assert_array_equal(rot.frd_from_flu(np.array([2.0, 3.0, 5.0])), [2, -3, -5])
    np.testing.assert_array_equal(rot.frd_from_flu(np.array([[2.0, -3.0, -5.0]])), [[2, 3, 5]])


@pytest.mark.parametrize(("enu_flu", "ned_frd"), [
    # facing east, level: in NED a heading of 90 degrees
    ((1, 0, 0, 0), (S, 0, 0, S)),
    # facing north, level: PX4's identity
    ((S, 0, 0, S), (1, 0, 0, 0)),
    # facing west: heading -90 degrees
    ((0, 0, 0, 1), (S, 0, 0, -S)),
    # facing south: heading 180 degrees
    ((S, 0, 0, -S), (0, 0, 0, 1)),
])
def test_attitude_for_px4(enu_flu, ned_frd):
    assert same(rot.quaternion_ned_frd(np.array(enu_flu, float)), np.array(ned_frd))


def test_nose_up_and_left_side_up_for_px4():
    north = YAW_90
    # FLU: nose up is a turn by a negative angle about y (left); FRD: by a positive one about y (right)
    nose_up = rot.multiply(north, rot.from_rpy([0, -0.3, 0]))
    np.testing.assert_allclose(rot.to_rpy(rot.quaternion_ned_frd(nose_up)), [0, 0.3, 0], atol=1e-12)
    # left side up is a roll to the right: positive about x (forward) in both
    left_up = rot.multiply(north, rot.from_rpy([0.2, 0, 0]))
    np.testing.assert_allclose(rot.to_rpy(rot.quaternion_ned_frd(left_up)), [0.2, 0, 0], atol=1e-12)


# ---------------------------------------------------------------------- properties
@fast
@given(quaternions, vectors)
def test_frames_commute_with_rotation(q, v):
    # turning a body vector into the world and then into NED is the same as turning it in NED
    ned = rot.rotate(rot.quaternion_ned_frd(q), rot.frd_from_flu(v))
    np.testing.assert_allclose(ned, rot.ned_from_enu(rot.rotate(q, v)), atol=1e-11)


@fast
@given(quaternions)
def test_round_trips(q):
    assert same(rot.from_matrix(rot.matrix(q)), q)
    assert same(rot.from_axis_angle(rot.to_axis_angle(q)), q)
    assert same(rot.quaternion_ned_frd(rot.quaternion_ned_frd(q)), q)
    assert same(rot.multiply(q, rot.conjugate(q)), [1, 0, 0, 0])
    assert rot.from_matrix(rot.matrix(q))[0] >= 0.0 and rot.quaternion_ned_frd(q)[0] >= 0.0
    assert np.linalg.norm(rot.to_axis_angle(q)) <= np.pi + 1e-12


@fast
@given(st.floats(-3.1, 3.1), st.floats(-1.5, 1.5), st.floats(-3.1, 3.1))
def test_rpy_round_trip(roll, pitch, yaw):
    np.testing.assert_allclose(rot.to_rpy(rot.from_rpy([roll, pitch, yaw])), [roll, pitch, yaw], atol=1e-9)


@fast
@given(quaternions, quaternions, vectors)
def test_product_is_composition_and_matrices_are_rotations(p, q, v):
    np.testing.assert_allclose(rot.rotate(rot.multiply(p, q), v), rot.rotate(p, rot.rotate(q, v)), atol=1e-11)
    matrix = rot.matrix(q)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) > 0.0
    np.testing.assert_allclose(matrix @ v, rot.rotate(q, v), atol=1e-11)


def test_everything_is_batched_over_leading_dimensions():
    q = rot.normalize(np.random.default_rng(0).normal(size=(2, 3, 4)))
    v = np.arange(18.0).reshape(2, 3, 3)
    for function, args in ((rot.matrix, (q,)), (rot.rotate, (q, v)), (rot.to_rpy, (q,)), (rot.to_axis_angle, (q,)),
                           (rot.from_axis_angle, (v,)), (rot.from_rpy, (v,)), (rot.multiply, (q, q)),
                           (rot.ned_from_enu, (v,)), (rot.quaternion_ned_frd, (q,))):
        whole = function(*args)
        assert whole.shape[:2] == (2, 3)
        np.testing.assert_array_equal(whole[1, 2], function(*(a[1, 2] for a in args)))
    np.testing.assert_allclose(rot.from_matrix(rot.matrix(q))[1, 2], rot.from_matrix(rot.matrix(q[1, 2])), atol=1e-15)


def test_signs_of_quaternions_go_on():
    q = np.array([[1.0, 0.0, 0.0, 0.0], [-0.8, -0.6, 0.0, 0.0], [-0.6, -0.8, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    expected = [[1.0, 0.0, 0.0, 0.0], [0.8, 0.6, 0.0, 0.0], [0.6, 0.8, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
    assert rot.continuous(q).tolist() == expected and q[1, 0] == -0.8
