"""Rays and boxes against distances worked out by hand."""

import math

import numpy as np

from sim2real.simulators.scenes.corridors import Corridors
from sim2real.simulators.scenes.rays import clearance, free_distance


def boxes(*rows):
    """One corridor of boxes (x, y, z, length, width, height, yaw)."""
    rows = np.array(rows, float)[None]
    return Corridors(np.zeros((1, 8, 2)), np.ones(1), np.ones(1), rows[..., :3], rows[..., 3:6], rows[..., 6])


def reach(world, place, *degrees, radius=0.0, most=np.inf):
    return free_distance(world, np.array([place], float), np.radians([degrees]), radius, most)[0]


WALL = (3.0, 0.0, 1.0, 0.2, 4.0, 2.0, 0.0)  # its face is at x = 2.9, from y = -2 to 2, z = 0 to 2


def test_straight_and_at_an_angle():
    found = reach(boxes(WALL), (0, 0, 1), 0, 30, -30, 60, 180)
    np.testing.assert_allclose(found, [2.9, 2.9 / math.cos(math.pi / 6), 2.9 / math.cos(math.pi / 6), np.inf, np.inf])


def test_a_ray_along_a_wall_never_meets_it_and_one_through_its_edge_does():
    assert reach(boxes(WALL), (2.8, 0, 1), 90)[0] == np.inf
    np.testing.assert_allclose(reach(boxes(WALL), (2.95, -4, 1), 90), [2.0])


def test_the_nearest_of_several_counts():
    found = reach(boxes(WALL, (1.5, 0, 1, 0.2, 0.2, 2, 0)), (0, 0, 1), 0, 20)
    np.testing.assert_allclose(found, [1.4, 2.9 / math.cos(math.radians(20))])


def test_a_turned_box():
    # a cube of 2 turned by 45 degrees has its corner sqrt(2) before its centre
    np.testing.assert_allclose(reach(boxes((4, 0, 1, 2, 2, 2, math.pi / 4)), (0, 0, 1), 0), [4 - math.sqrt(2)])


def test_a_ball_stops_by_its_radius_before_and_things_below_it_do_not_count():
    world = boxes(WALL)
    np.testing.assert_allclose(reach(world, (0, 0, 1), 0, radius=0.2), [2.7])
    low = boxes((3.0, 0.0, 0.25, 0.2, 4.0, 0.5, 0.0))
    assert reach(low, (0, 0, 1), 0, radius=0.2)[0] == np.inf  # its lowest point is at 0.8
    np.testing.assert_allclose(reach(low, (0, 0, 0.6), 0, radius=0.2), [2.7])
    # past the wall's end at y = 2 there is room for the ball from y = 2.2 on
    np.testing.assert_allclose(reach(world, (0, 2.1, 1), 0, radius=0.2), [2.7])
    assert reach(world, (0, 2.3, 1), 0, radius=0.2)[0] == np.inf


def test_nearer_to_a_wall_than_the_radius_it_is_still_free_away_from_it():
    toward, along, away = reach(boxes(WALL), (2.8, 0, 1), 0, 90, 180, radius=0.2)
    np.testing.assert_allclose(toward, 0.01)  # a tenth of the 0.1 m there are
    assert along == away == np.inf


def test_distances_are_cut_off():
    np.testing.assert_allclose(reach(boxes(WALL), (0, 0, 1), 0, 180, most=2.5), [2.5, 2.5])


def test_clearance_to_a_face_an_edge_and_inside():
    world = boxes(WALL)
    place = np.array([[2.4, 0, 1], [2.5, 2.3, 1], [2.9, 0, 2.5], [3, 0, 1]], float)
    found = [clearance(world, p[None])[0] for p in place]
    np.testing.assert_allclose(found, [0.5, 0.5, 0.5, 0.0])  # 0.4 and 0.3 off the edge make 0.5


def test_many_corridors_at_once_are_cast_in_parts(monkeypatch):
    from sim2real.simulators.scenes import rays

    world = boxes(WALL)[np.zeros(9, int)]
    place = np.column_stack([np.linspace(0, 2, 9), np.zeros(9), np.ones(9)])
    whole = free_distance(world, place, np.zeros((9, 3)))
    monkeypatch.setattr(rays, "_CHUNK", 6)
    assert np.array_equal(free_distance(world, place, np.zeros((9, 3))), whole)
    np.testing.assert_allclose(whole[:, 1], 2.9 - place[:, 0])
