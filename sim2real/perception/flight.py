"""Flights through corridors: turn towards where it is free, at constant speed (Sadeghi and Levine 2017).

The drone is a point that flies level: constant speed v, yaw rate w after a command within its bounds,

    w' = clip((u - w) / T, +-dw)      x' = v cos(yaw), y' = v sin(yaw), yaw' = w      roll = atan(v w / g)

with the roll of a coordinated turn, which the camera sees. Motors, drag and height are not simulated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2real.errors import BadInputError
from sim2real.simulators.scenes.corridors import Corridors
from sim2real.simulators.scenes.rays import clearance, free_distance

HEADINGS = np.radians(np.linspace(56.0, -56.0, 15))  # to the left first, as columns of a picture
HORIZON = 5.0  # [m]: what is farther free does not matter
SAFE_RADIUS = 0.2  # [m] that free distances keep from things
RADIUS = 0.07  # [m]: a Crazyflie's rotor is 46 mm from its middle and has a radius of 23 mm
GRAVITY = 9.81
_SUBSTEPS = 4  # of a period
_TURNING = 0.3  # [m/rad] of free space that a turn must be worth
_BLOCKED = 1.0  # [m]: with less ahead on all sides it turns around

See = Callable[["Flight"], np.ndarray]  # free distances (n, K) [m] along HEADINGS


@dataclass(frozen=True)
class FlightPlan:
    """How drones fly.

    Attributes:
        speed: In [m/s].
        height: Of the flight in [m].
        period: Of a picture and a command in [s].
        most_rate: Greatest yaw rate in [rad/s].
        time_constant, most_acceleration: Of the yaw rate, in [s] and [rad/s2].
        gain: Yaw rate over the heading wanted, in [1/s].
        start, finish: Way from the start wall, and before the end wall, in [m].
        patience: Time that a flight may take over that of the middle line.
    """

    speed: float = 1.0
    height: float = 1.0
    period: float = 0.1
    most_rate: float = 3.0
    time_constant: float = 0.1
    most_acceleration: float = 15.0
    gain: float = 3.0
    start: float = 1.0
    finish: float = 1.5
    patience: float = 1.5


@dataclass
class Flight:
    """Drones in the air, one in each corridor.

    Attributes:
        ids: Which of the flights that began these are, (n,).
        corridors: Of each.
        position: In [m], (n, 3).
        yaw, roll: In [rad], (n,): to the left, and to the right.
    """

    ids: np.ndarray
    corridors: Corridors
    position: np.ndarray
    yaw: np.ndarray
    roll: np.ndarray


@dataclass(frozen=True)
class Flown:
    """What came of flights.

    Attributes:
        distance: Way along the middle line from the start to where it ended in [m], (n,).
        whole: Whether they reached the finish, (n,).
        crashed: Whether they touched something, (n,).
        paths: Places in [m], (steps + 1, n, 2), NaN after the end.
    """

    distance: np.ndarray
    whole: np.ndarray
    crashed: np.ndarray
    paths: np.ndarray


def greedy(free: np.ndarray, plan: FlightPlan) -> np.ndarray:
    """Yaw rates (n,) [rad/s] wanted where ``free`` (n, K) is ahead along HEADINGS.

    The heading with the most space on the mean over it and its neighbours, those near the present one at equal space;
    without a way out within the field of view, on around to the freer side.
    """
    padded = np.pad(free, ((0, 0), (2, 2)), mode="edge")
    smooth = sum(w * padded[:, k:k + free.shape[1]] for k, w in enumerate((0.1, 0.2, 0.4, 0.2, 0.1)))
    best = (smooth - _TURNING * np.abs(HEADINGS)).argmax(axis=1)
    rate = plan.gain * HEADINGS[best]
    middle = free.shape[1] // 2
    around = np.where(free[:, :middle].mean(axis=1) >= free[:, middle + 1:].mean(axis=1), 1.0, -1.0)
    blocked = smooth.max(axis=1) < _BLOCKED
    return np.clip(np.where(blocked, around * plan.most_rate, rate), -plan.most_rate, plan.most_rate)


def oracle(flight: Flight) -> np.ndarray:
    """True free distances: the upper line."""
    return free_distance(flight.corridors, flight.position, flight.yaw[:, None] + HEADINGS, SAFE_RADIUS, HORIZON)


def straight(flight: Flight) -> np.ndarray:
    """Equal distances everywhere, so that it never turns: the lower line."""
    return np.full((len(flight.yaw), len(HEADINGS)), HORIZON)


def fly(corridors: Corridors, see: See, plan: FlightPlan | None = None,
        progress: Callable[[float], object] | None = None) -> Flown:
    """Fly each corridor with what ``see`` says, until it ends at the finish, at a wall or out of patience.

    Raises:
        BadInputError: ``see`` gives another shape, or what is not finite.
    """
    plan = plan or FlightPlan()
    n = len(corridors)
    place, yaw = corridors.at(np.full(n, plan.start))
    position = np.concatenate([place, np.full((n, 1), plan.height)], axis=1)
    rate = np.zeros(n)
    goal = corridors.lengths.sum(axis=1) - plan.finish
    steps = int(plan.patience * (goal.max() - plan.start) / plan.speed / plan.period)
    reached, flying = np.full(n, plan.start), np.arange(n)
    whole, crashed = np.zeros(n, bool), np.zeros(n, bool)
    paths = np.full((steps + 1, n, 2), np.nan)
    paths[0] = place
    for step in range(steps):
        here = corridors[flying]
        roll = -np.arctan(plan.speed * rate[flying] / GRAVITY)  # a turn to the left leans to the left
        free = see(Flight(flying, here, position[flying], yaw[flying], roll))
        command = greedy(_checked(free, len(flying)), plan)
        position[flying], yaw[flying], rate[flying], hit = _advance(here, position[flying], yaw[flying],
                                                                    rate[flying], command, plan)
        paths[step + 1, flying] = position[flying, :2]
        reached[flying] = np.maximum(reached[flying], here.progress(position[flying, :2]))
        crashed[flying] = hit
        whole[flying] = ~hit & (reached[flying] >= goal[flying])
        flying = flying[~(crashed | whole)[flying]]
        if progress is not None:
            progress((step + 1) / steps)
        if not len(flying):
            break
    return Flown(np.minimum(reached, goal) - plan.start, whole, crashed, paths[:step + 2])


def _checked(free: np.ndarray, n: int) -> np.ndarray:
    if np.shape(free) != (n, len(HEADINGS)) or not np.isfinite(free).all():
        raise BadInputError(f"expected free distances in [m] of shape ({n}, {len(HEADINGS)}), all finite, from what "
                            f"sees, got shape {np.shape(free)}")
    return free


def _advance(corridors: Corridors, position: np.ndarray, yaw: np.ndarray, rate: np.ndarray, command: np.ndarray,
             plan: FlightPlan) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One period: places, yaws and rates after it, and who touched something on the way."""
    hit, dt = np.zeros(len(yaw), bool), plan.period / _SUBSTEPS
    for _ in range(_SUBSTEPS):
        change = (command - rate) * (1.0 - math.exp(-dt / plan.time_constant))
        rate = rate + np.clip(change, -plan.most_acceleration * dt, plan.most_acceleration * dt)
        middle = yaw + 0.5 * dt * rate
        ahead = np.stack([np.cos(middle), np.sin(middle), np.zeros_like(middle)], axis=1)
        moved = position + plan.speed * dt * ahead
        position, yaw = np.where(hit[:, None], position, moved), yaw + dt * rate
        hit |= clearance(corridors, position) < RADIUS
    return position, yaw, rate, hit
