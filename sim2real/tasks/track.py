"""``track``: follow a moving reference with a drone: a figure of eight of any size, speed and orientation."""

from __future__ import annotations

import numpy as np

from sim2real.errors import TaskError
from sim2real.tasks.hover import Hover, into_body
from sim2real.tasks.observations import Context, Term

PREVIEW = (0.1, 0.2, 0.4, 0.6)  # [s] ahead
RAMP = 1.0  # [s] in which the reference takes up speed from rest


class Track(Hover):
    """Goals are (centre x, y, z, half length [m], angular speed [rad/s], direction [rad], inclination [rad],
    phase [rad], yaw [rad]): a Gerono lemniscate whose speed is highest at its crossing."""

    name = "track"
    defaults = {"episode_seconds": 10.0, "peak_speed": 1.0}
    tolerance = 0.15
    settle_seconds = 0.0
    criterion = "rmse"
    goal_size = 9
    goal_uniforms = 9
    bound = 2.0
    start_position, start_tilt, start_velocity, start_rate = 0.1, 0.1, 0.1, 0.2
    body_rates = (5.0, 5.0, 3.0)
    training_speeds = (0.2, 1.2)  # of the peak speed that evaluation asks for

    def __init__(self, robot, options=None):
        super().__init__(robot, options)
        speed = self.options["peak_speed"]
        if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not 0.0 < speed <= 20.0:
            raise TaskError(f"task track: option peak_speed: expected a speed in (0, 20] m/s, got {speed!r}")

    def reference(self, goal: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p = c + R (a sin s, a/2 sin 2s, 0), s = phase + omega (time, less what the soft start takes)."""
        length, speed, heading, lean, phase = goal[:, 3:8].T
        early = np.clip(time, 0.0, RAMP)
        angle = phase + speed * (np.maximum(time - RAMP, 0.0) + early * early / (2.0 * RAMP))
        rate = speed * early / RAMP
        along, across = length * np.sin(angle), 0.5 * length * np.sin(2.0 * angle)
        along_dot, across_dot = length * rate * np.cos(angle), length * rate * np.cos(2.0 * angle)
        position, velocity = goal[:, :3].copy(), np.empty((len(goal), 3))
        c, s, cl, sl = np.cos(heading), np.sin(heading), np.cos(lean), np.sin(lean)
        for out, u, v in ((position, along, across), (velocity, along_dot, across_dot)):
            moved = np.stack([c * u - s * cl * v, s * u + c * cl * v, sl * v], axis=1)
            out[:] = out + moved if out is position else moved
        return position, velocity, goal[:, 8]

    def terms(self) -> tuple[Term, ...]:
        first, *rest = super().terms()
        return (first, Term("preview", 3 * len(PREVIEW), self._preview), *rest)

    def _preview(self, context: Context) -> np.ndarray:
        """The reference ``PREVIEW`` seconds ahead, from the drone, in its body frame, (n, 3 * points)."""
        matrix = self._frame(context)["matrix"]
        ahead = [self.reference(context.goal, context.time + dt)[0] - context.state.position for dt in PREVIEW]
        return np.concatenate([into_body(matrix, vector) for vector in ahead], axis=1)

    def sample_goal(self, u: np.ndarray) -> np.ndarray:
        """Any size and orientation, at the peak speed of the options."""
        return self._goal(u, np.full(len(u), float(self.options["peak_speed"])))

    def sample_training_goal(self, u: np.ndarray) -> np.ndarray:
        """From slow ones to somewhat faster ones than evaluation's."""
        low, high = self.training_speeds
        return self._goal(u, self.options["peak_speed"] * (low + (high - low) * u[:, 4]))

    def _goal(self, u: np.ndarray, peak: np.ndarray) -> np.ndarray:
        goal = np.empty((len(u), 9))
        goal[:, :3] = self._points(u[:, :3])
        length = goal[:, 3] = 0.5 + 0.7 * u[:, 3]
        goal[:, 4] = peak / (np.sqrt(2.0) * length)  # |velocity| at the crossing is sqrt(2) a omega
        goal[:, 5] = np.pi * (2.0 * u[:, 5] - 1.0)
        goal[:, 6] = 0.5 * (2.0 * u[:, 6] - 1.0)
        goal[:, 7] = 2.0 * np.pi * u[:, 7]
        goal[:, 8] = np.pi * (2.0 * u[:, 8] - 1.0)
        # the lowest point of the figure stays clear of the floor
        lowest = 0.5 * length * np.sin(np.abs(goal[:, 6])) + self.floor + 0.3
        goal[:, 2] = np.maximum(goal[:, 2], lowest)
        return goal
