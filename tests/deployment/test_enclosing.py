"""Capsules hold the shapes they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real import rotations
from sim2real.deployment.enclosing import BARE_RADIUS, enclose, robot_capsules
from sim2real.robot_model import Geom
from sim2real.robots import RobotDescription, load_robot
from tests.tiny_urdf import joint, link, robot

LENGTH = st.floats(0.002, 1.0)


def to_segment(points, start, end):
    """Distances of points (n, 3) from a segment."""
    way = end - start
    t = np.clip((points - start) @ way / max(way @ way, 1e-30), 0.0, 1.0)
    return np.linalg.norm(points - start - t[:, None] * way, axis=1)


def points_of(geom, n=400):
    """Random points on the surface and in the inside of a shape, in the link's frame, corners and rims among them."""
    rng = np.random.default_rng(0)
    u = rng.uniform(-1.0, 1.0, (n, 3))
    u[: n // 2] = np.sign(u[: n // 2])  # corners
    if geom.kind == "box":
        local = 0.5 * u * geom.size
    else:
        angle, part = np.pi * u[:, 0] * 7.0, np.sqrt(np.abs(u[:, 1]))
        radius, half = geom.size[0], 0.5 * geom.size[1]
        local = np.stack([part * radius * np.cos(angle), part * radius * np.sin(angle), half * u[:, 2]], axis=1)
    return geom.xyz + local @ geom.rotation.T


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["box", "cylinder"]), LENGTH, LENGTH, LENGTH)
def test_every_point_of_a_shape_is_in_one_of_its_capsules(kind, a, b, c):
    turn = rotations.matrix(rotations.from_rpy(np.array([0.3, -1.1, 2.0])))
    geom = Geom(kind, (a, b, c) if kind == "box" else (a, b), np.array([0.1, -0.2, 0.3]), turn)
    points = points_of(geom)
    gaps = np.min([to_segment(points, start, end) - radius for start, end, radius in enclose(geom)], axis=0)
    assert gaps.max() <= 1e-12


def test_spheres_and_capsules_are_met_exactly():
    sphere = Geom("sphere", (0.1,), np.array([1.0, 0.0, 0.0]), np.eye(3))
    (start, end, radius), = enclose(sphere)
    assert (start == end).all() and radius == 0.1
    (start, end, radius), = enclose(Geom("capsule", (0.1, 0.4), np.zeros(3), np.eye(3)))
    assert radius == 0.1 and np.allclose([start, end], [[0, 0, -0.2], [0, 0, 0.2]])


def test_a_cylinder_by_hand():
    # no capsule around a cylinder is thinner than it, and the sphere around its rims is one of those tried
    (start, end, radius), = enclose(Geom("cylinder", (0.05, 0.4), np.zeros(3), np.eye(3)))
    assert 0.05 <= radius < 0.06 and np.linalg.norm(end - start) > 0.36
    (start, end, radius), = enclose(Geom("cylinder", (0.5, 0.02), np.zeros(3), np.eye(3)))
    assert radius == pytest.approx(np.hypot(0.5, 0.01), rel=1e-3)


def test_a_flat_box_is_covered_in_strips():
    assert len(enclose(Geom("box", (0.3, 0.09, 0.03), np.zeros(3), np.eye(3)))) == 3
    assert len(enclose(Geom("box", (0.3, 0.03, 0.03), np.zeros(3), np.eye(3)))) == 1


def tiny(*links):
    """An arm of two joints in a row of such links."""
    urdf = robot(link("base"), *links, link("tip"), joint("j1", "base", "a", xyz="0 0 0.1"),
                 joint("j2", "a", "b", xyz="0 0 0.3"), joint("end", "b", "tip", "fixed", xyz="0 0 0.2"))
    common = "home: 0.0, acceleration: 10, jerk: 500, stiffness: 100, damping_gain: 10"
    yaml = (f"{{schema: 1, name: tiny, kind: arm, model: tiny.urdf, tool: {{link: tip}}, "
            f"control: {{period: 0.02, substep: 0.002}}, joints: {{j1: {{{common}}}, j2: {{{common}}}}}, "
            "goal: {radius: [0.0, 0.5], height: [0.2, 0.5], azimuth: [-1, 1]}}")
    return RobotDescription.from_files({"robot.yaml": yaml.encode(), "tiny.urdf": urdf.encode()})


def test_a_link_without_shape_reaches_to_what_it_carries():
    a, b = robot_capsules(tiny(link("a"), link("b")))
    assert (a.link, b.link) == ("a", "b")
    assert a.radius == b.radius == BARE_RADIUS
    assert np.allclose([a.start, a.end], [[0, 0, 0], [0, 0, 0.3]])  # to joint j2
    assert np.allclose([b.start, b.end], [[0, 0, 0], [0, 0, 0.2]])  # to the tool


def test_what_is_only_drawn_counts_where_nothing_is_solid():
    ball, small = (f'<{kind}><geometry><sphere radius="{r}"/></geometry></{kind}>'
                   for kind, r in (("visual", 0.11), ("collision", 0.05)))
    capsules = robot_capsules(tiny(link("a", more=ball), link("b", more=ball + small)))
    assert [(c.link, c.radius) for c in capsules] == [("a", 0.11), ("b", 0.05)]


def test_padding_makes_capsules_thicker():
    ur5e = load_robot("ur5e")
    for thin, thick in zip(robot_capsules(ur5e), robot_capsules(ur5e, 0.01), strict=True):
        assert thick.radius == pytest.approx(thin.radius + 0.01)
