"""Flights through corridors: dynamics, the greedy policy, and the lines above and below."""

import dataclasses
import math

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.perception import flight
from sim2real.perception.flight import HEADINGS, HORIZON, FlightPlan, fly, greedy, oracle, straight
from sim2real.simulators.scenes.corridors import CorridorPlan, draw_corridors

K = len(HEADINGS)
BARE = dataclasses.replace(CorridorPlan(), pillar_share=0.0, furniture_share=0.0, panel_share=0.0, dead_end_share=0.0,
                           turn=(0.5 * math.pi, 0.5 * math.pi))


def test_headings_go_from_left_to_right_about_straight_ahead():
    assert (np.diff(HEADINGS) < 0.0).all() and HEADINGS[K // 2] == 0.0
    np.testing.assert_allclose(HEADINGS, -HEADINGS[::-1])


def test_greedy_turns_to_where_it_is_free_and_flies_straight_where_all_is_equal():
    plan = FlightPlan()
    free = np.full((3, K), 2.0)
    free[1, :4], free[2, -4:] = HORIZON, HORIZON
    ahead, left, right = greedy(free, plan)
    assert ahead == 0.0 and left > 0.5 and right == -left


def test_a_thin_gap_is_worth_less_than_a_wide_one():
    free = np.full((1, K), 1.5)
    free[0, 1], free[0, -5:] = HORIZON, 4.0
    assert greedy(free, FlightPlan())[0] < 0.0


def test_before_a_wall_it_turns_around_to_the_freer_side_at_its_greatest_rate():
    free = np.full((1, K), 0.3)
    free[0, -3:] = 0.6
    assert greedy(free, FlightPlan())[0] == -FlightPlan().most_rate


def test_straight_ends_at_the_first_wall():
    corridors = draw_corridors(BARE, np.arange(12))
    flown = fly(corridors, straight)
    assert flown.crashed.all() and not flown.whole.any()
    # the far wall of the corner is half a width behind the corner; progress ends at the corner's middle
    wall = corridors.lengths[:, 0] + 0.5 * corridors.width - flight.RADIUS
    end = np.array([path[np.isfinite(path[:, 0])][-1, 0] for path in flown.paths.transpose(1, 0, 2)])
    assert ((wall - 0.001 < end) & (end < wall + 0.03)).all()  # within one substep of 25 mm
    np.testing.assert_allclose(flown.distance, corridors.lengths[:, 0] - FlightPlan().start, atol=1e-6)


def test_true_distances_lead_through_bare_corridors_to_the_finish():
    flown = fly(draw_corridors(BARE, np.arange(12)), oracle)
    assert flown.whole.all() and not flown.crashed.any()
    np.testing.assert_allclose(flown.distance, 36.0 - 1.0 - 1.5)
    step = np.linalg.norm(np.diff(flown.paths, axis=0), axis=2)
    assert np.nanmax(step) <= 0.1 + 1e-9  # 1 m/s


def test_yaw_rate_follows_with_its_lag_and_bounds():
    corridors = draw_corridors(BARE, np.zeros(1, int))
    plan = dataclasses.replace(FlightPlan(), most_acceleration=5.0)
    place = np.array([[1.0, 0.0, 1.0]])
    *_, rate, hit = flight._advance(corridors, place, np.zeros(1), np.zeros(1), np.full(1, 3.0), plan)
    np.testing.assert_allclose(rate, 0.5)  # 5 rad/s2 for 0.1 s: the bound
    plan = dataclasses.replace(FlightPlan(), most_acceleration=1e9)
    *_, rate, hit = flight._advance(corridors, place, np.zeros(1), np.zeros(1), np.full(1, 3.0), plan)
    np.testing.assert_allclose(rate, 3.0 * (1.0 - math.exp(-1.0)))  # a time constant after the step
    assert not hit.any()


def test_eyes_know_the_roll_of_the_turn_and_whose_flight_it_is():
    seen = []

    def look(state):
        seen.append((state.ids, state.roll))
        free = np.full((len(state.ids), K), 1.5)
        free[:, :3] = HORIZON  # always to the left
        return free

    fly(draw_corridors(BARE, np.arange(3)), look)
    assert (seen[0][1] == 0.0).all() and list(seen[0][0]) == [0, 1, 2]
    assert (seen[3][1] < -0.1).all()  # leans to the left: less than -atan(1 m/s * 1 rad/s / g)


@pytest.mark.parametrize("free", [np.zeros((1, K)), np.zeros((2, K - 1)), np.full((2, K), np.nan)])
def test_eyes_that_see_nothing_usable_are_refused(free):
    with pytest.raises(BadInputError, match=rf"free distances in \[m\] of shape \(2, {K}\), all finite"):
        fly(draw_corridors(BARE, np.arange(2)), lambda state: free)
