"""Corridors: connected, wide enough, the same for the same number; ranges that cannot be are refused."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.errors import BadInputError
from sim2real.simulators.scenes.corridor_boxes import SEGMENTS, THICKNESS, slots
from sim2real.simulators.scenes.corridors import CorridorPlan, draw_corridors
from sim2real.simulators.scenes.rays import clearance, free_distance

EMPTY = dataclasses.replace(CorridorPlan(), pillar_share=0.0, furniture_share=0.0, panel_share=0.0, dead_end_share=1.0)
AROUND = np.linspace(-math.pi, math.pi, 24, endpoint=False)


def along(corridors, way):
    """Positions (n, 3) in the middle of the corridors, one metre high."""
    place, _ = corridors.at(np.full(len(corridors), way))
    return np.column_stack([place, np.ones(len(corridors))])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**40), st.floats(0.5, 35.5))
def test_the_middle_is_as_far_from_the_walls_as_half_the_width_and_closed_all_around(number, way):
    corridors = draw_corridors(EMPTY, np.arange(number, number + 8))
    position = along(corridors, way)
    half = 0.5 * corridors.width
    from_ends = min(way, 36.0 - way)
    wanted = np.minimum(np.minimum(half, from_ends), 1.0)  # the floor is one metre below
    assert (clearance(corridors, position) > wanted - 0.01).all()
    reach = free_distance(corridors, position, np.broadcast_to(AROUND, (8, len(AROUND))))
    assert np.isfinite(reach).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**40))
def test_pillars_leave_the_gap_and_stand_away_from_corners_and_the_start(number):
    plan = dataclasses.replace(CorridorPlan(), pillar_share=1.0)
    corridors = draw_corridors(plan, np.array([number]))
    ends = np.cumsum(corridors.lengths[0])
    for k, pillar in enumerate(j for j, (_, group) in enumerate(slots()) if group == "pillar"):
        x, y, z = corridors.centre[0, pillar]
        if z < 0.0:
            assert k == 0 and corridors.lengths[0, 0] < 3.0 + 0.5 * corridors.width[0] + 0.9
            continue
        long, depth, tall = corridors.size[0, pillar]
        assert corridors.width[0] - depth >= plan.gap - 1e-9 and tall >= 1.6
        # in its own segment: its ends keep off where the next wall begins
        way = corridors.progress(np.array([[x, y]]))[0] - (ends[k] - corridors.lengths[0, k])
        near = 0.5 * corridors.width[0]  # an inner corner is so far from the middle line's corner at most
        assert near < way - 0.5 * long and way + 0.5 * long < corridors.lengths[0, k] - near
        assert k or way >= plan.clear - 1e-9


def test_length_progress_and_places_on_the_way():
    corridors = draw_corridors(CorridorPlan(), np.arange(50))
    np.testing.assert_allclose(corridors.lengths.sum(axis=1), 36.0)
    assert (corridors.lengths >= 3.6).all()
    for way in (0.0, 5.0, 20.0, 36.0):
        place, _ = corridors.at(np.full(50, way))
        np.testing.assert_allclose(corridors.progress(place), way, atol=1e-9)
    place, direction = corridors.at(np.full(50, 1.0))
    np.testing.assert_allclose(place, np.tile([1.0, 0.0], (50, 1)), atol=1e-12)
    np.testing.assert_allclose(direction, 0.0)


def test_a_corridor_depends_on_its_number_alone():
    many, one = draw_corridors(CorridorPlan(), np.arange(20), 3), draw_corridors(CorridorPlan(), np.array([13]), 3)
    for field in ("line", "width", "height", "centre", "size", "yaw"):
        assert np.array_equal(getattr(many[13:14], field), getattr(one, field))
    assert not np.array_equal(many.line[12], many.line[13])
    assert not np.array_equal(one.line, draw_corridors(CorridorPlan(), np.array([13]), 4).line)


def test_every_slot_has_a_box_and_shares_are_kept():
    corridors = draw_corridors(CorridorPlan(), np.arange(400))
    assert corridors.centre.shape == (400, len(slots()), 3)
    there = corridors.centre[..., 2] > -1.0
    share = {group: there[:, [k for k, (_, g) in enumerate(slots()) if g == group]].mean()
             for _, group in slots()}
    assert share["floor"] == share["ceiling"] == 1.0
    assert abs(share["pillar"] - 0.6) < 0.05 and abs(share["door"] - 0.7) < 0.05
    caps = [k for k, (name, _) in enumerate(slots()) if name.startswith("dead end cap")]
    assert len(caps) == SEGMENTS // 2 and abs(there[:, caps].mean() - 0.4) < 0.06


def test_a_dead_end_is_as_deep_as_its_plan_says():
    plan = dataclasses.replace(EMPTY, dead_end=(1.5, 1.5), turn=(0.5 * math.pi, 0.5 * math.pi), width=(2.0, 2.0))
    corridors = draw_corridors(plan, np.arange(20))
    corner = np.column_stack([corridors.line[:, 2], np.ones(20)])  # between the second segment and the third
    ahead = corridors.directions[:, 1:2]
    # from the middle of the corner one metre to the next segment's wall, and 1.5 beyond
    np.testing.assert_allclose(free_distance(corridors, corner, ahead), 2.5)
    assert THICKNESS < 0.2


@pytest.mark.parametrize(("change", "message"), [
    ({"width": (1.7, 4.0)}, "would meet themselves"),
    ({"turn": (0.2, 0.5)}, "would meet themselves"),
    ({"turn": (1.0, 2.0)}, "turns up to 90 degrees"),
    ({"length": 20.0}, "at least 25.2 m for 7 segments of 3.6 m, got 20 m"),
    ({"gap": 1.6}, "leave less than the gap of 1.6 m in a corridor of 1.7 m"),
])
def test_ranges_that_cannot_be_are_refused(change, message):
    with pytest.raises(BadInputError, match=message):
        dataclasses.replace(CorridorPlan(), **change)
