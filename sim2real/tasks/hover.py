"""``hover``: bring a drone from a disturbed start to a point and keep it there.

The action is collective thrust and body rates. Everything is observed in the body frame, so a policy does not care
which way the world's axes point; the heading is held besides.
"""

from __future__ import annotations

import numpy as np

from sim2real import rotations
from sim2real.tasks import terms
from sim2real.tasks.base import Task
from sim2real.tasks.observations import Context, Term
from sim2real.types import RobotState


class Hover(Task):
    """Goals are (x, y, z, yaw) in the world, [m] and [rad]."""

    name = "hover"
    kind = "drone"
    defaults = {"episode_seconds": 6.0}
    tolerance = 0.1
    settle_seconds = 2.0
    goal_size = 4
    goal_uniforms = 4
    state_uniforms = 12
    history = 6  # periods of actions seen
    motion_history = 4  # periods of velocities and rates seen: the thrust and the motors' lag show in them
    body_rates = (6.0, 6.0, 3.0)  # [rad/s] at an action of one, if the robot allows it
    # weights of the penalties on changing actions, turning and crashing; an eager policy gets there sooner and falls
    # over in late, slow vehicles
    smoothness, calm, crash = 2.0, 0.05, 30.0
    # weight of errors in velocity: least, most, and per gain of the rate loop; it calms slow motors, but a vehicle that
    # turns slowly cannot stop any sooner for it and would rather circle the goal
    damping = (0.1, 0.3, 0.00375)
    bound = 3.0  # [m] from the goal: further away the episode is lost
    start_position, start_tilt, start_velocity, start_rate = 0.5, 0.5, 0.5, 1.0  # [m], [rad], [m/s], [rad/s]
    _true_size = 15

    def __init__(self, robot, options=None):
        super().__init__(robot, options)
        rotors = robot.rotors
        self._hover, self._max_thrust = 9.81 * rotors.mass, rotors.max_thrust
        self._max_rate = np.minimum(rotors.max_rate, self.body_rates)
        least, most, per_gain = self.damping
        self._damping = float(np.clip(per_gain * rotors.rate_gains[0, 0], least, most))
        span = np.abs(rotors.positions[:, :2]).max()
        self.floor = max(0.05, 1.4 * float(span))  # height of the body on the ground, and a little

    # ------------------------------------------------------------------ the reference
    def reference(self, goal: np.ndarray, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position (n, 3), velocity (n, 3) and yaw (n,) at which the drone should be at ``time`` [s]."""
        return goal[:, :3], np.zeros((len(goal), 3)), goal[:, 3]

    # ------------------------------------------------------------------ observations
    def terms(self) -> tuple[Term, ...]:
        return (
            Term("position_error", 3, lambda c: self._frame(c)["position"], scale=1.0),
            Term("position_error_fine", 3, lambda c: np.tanh(5.0 * self._frame(c)["position"])),
            Term("velocity_error", 3, lambda c: self._frame(c)["velocity"], history=self.motion_history),
            Term("up", 3, lambda c: self._frame(c)["up"]),
            Term("heading_error", 2, lambda c: self._frame(c)["heading"]),
            Term("body_rate", 3, lambda c: c.state.angular_velocity, scale=0.25, history=self.motion_history),
            Term("last_action", 4, lambda c: c.last_action, history=self.history),
        )

    def _frame(self, context: Context) -> dict[str, np.ndarray]:
        """Errors in the body frame, once for all terms."""
        if "frame" not in context.cache:
            context.cache["frame"] = self._errors(context.state, context.goal, context.time)
        return context.cache["frame"]

    def _errors(self, state: RobotState, goal: np.ndarray, time: np.ndarray) -> dict[str, np.ndarray]:
        matrix = rotations.matrix(state.quaternion)
        position, velocity, yaw = self.reference(goal, time)
        error = np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0]) - yaw
        return {"position": into_body(matrix, position - state.position),
                "velocity": into_body(matrix, velocity - state.linear_velocity),
                "up": matrix[:, 2], "matrix": matrix, "heading": np.stack([np.sin(error), np.cos(error)], axis=1)}

    def _true_features(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        e = self._errors(true_state, goal, time)
        return np.concatenate([e["position"], np.tanh(5.0 * e["position"]), e["velocity"], e["up"],
                               0.25 * true_state.angular_velocity], axis=1)

    # ------------------------------------------------------------------ episodes
    def sample_goal(self, u: np.ndarray) -> np.ndarray:
        return np.concatenate([self._points(u[:, :3]), np.pi * (2.0 * u[:, 3:4] - 1.0)], axis=1)

    def _points(self, u: np.ndarray) -> np.ndarray:
        return self.robot.goal.sample(u)

    def sample_state(self, u: np.ndarray, goal: np.ndarray) -> RobotState:
        """Up to ``start_position`` beside the reference on each axis, tilted, moving and turning."""
        state = RobotState.zeros(len(u), 0)
        position, velocity, yaw = self.reference(goal, np.zeros(len(u)))
        state.position = position + self.start_position * (2.0 * u[:, :3] - 1.0)
        state.position[:, 2] = np.maximum(state.position[:, 2], self.floor + 0.3)  # room to catch a fall
        direction, tilt = 2.0 * np.pi * u[:, 3], self.start_tilt * u[:, 4]
        lean = np.stack([tilt * np.cos(direction), tilt * np.sin(direction), np.zeros(len(u))], axis=1)
        turn = np.zeros((len(u), 3))
        turn[:, 2] = yaw + 0.5 * (2.0 * u[:, 5] - 1.0)
        state.quaternion = rotations.multiply(rotations.from_axis_angle(turn), rotations.from_axis_angle(lean))
        state.linear_velocity = velocity + self.start_velocity * (2.0 * u[:, 6:9] - 1.0)
        state.angular_velocity = self.start_rate * (2.0 * u[:, 9:12] - 1.0)
        return state

    # ------------------------------------------------------------------ actions
    def desired(self, action: np.ndarray, context: Context) -> np.ndarray:
        """Action zero is hover thrust without rates; +-1 is the largest and a tenth of the hover thrust."""
        command = np.empty((len(action), 4))
        lift = action[:, 0]
        command[:, 0] = self._hover + lift * np.where(lift > 0.0, self._max_thrust - self._hover, 0.9 * self._hover)
        command[:, 1:] = action[:, 1:] * self._max_rate
        return command

    # ------------------------------------------------------------------ judgement
    def error(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Distance from the reference in [m]."""
        return terms.norm(self.reference(goal, time)[0] - true_state.position)

    def failed(self, true_state: RobotState, error: np.ndarray) -> np.ndarray:
        """On the floor, tilted by more than 90 degrees, or out of bounds."""
        w, x, y, z = true_state.quaternion.T
        upright = w * w - x * x - y * y + z * z
        return (true_state.position[:, 2] < self.floor) | (upright < 0.0) | (error > self.bound)

    def reward(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray, action: np.ndarray,
               context: Context, error: np.ndarray, failed: np.ndarray) -> np.ndarray:
        e = self._errors(true_state, goal, time)
        return (terms.near(error, 0.4) + terms.inside(error, 0.1) - self._damping * terms.norm(e["velocity"])
                - self.calm * terms.square(true_state.angular_velocity) - 0.1 * (1.0 - e["heading"][:, 1])
                - self.smoothness * terms.action_rate(action, context.last_action) - 0.05 * terms.mean_square(action)
                - self.crash * failed)


def into_body(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """World vectors in the body frame of ``world_from_body`` matrices: (n, 3, 3), (n, 3) -> (n, 3)."""
    return np.einsum("nij,ni->nj", matrix, vector)
