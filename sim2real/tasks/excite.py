"""``excite``: move an arm's joints along a given series about home, as an experiment that tells what the arm is.

The series stands in the options, so a bundle carries it; ``sim2real excite`` writes one. The observation is how many
full steps the last command is from the series and from home, and the policy in such a bundle answers with the one or,
where it is far from the series, slowly with the other.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from sim2real.errors import BadInputError, TaskError
from sim2real.kinematics import Chain
from sim2real.tasks import terms
from sim2real.tasks.base import Task
from sim2real.tasks.joint_series import JointSeries, from_rows
from sim2real.tasks.observations import Context, Term
from sim2real.types import RobotState


class Excite(Task):
    """Goals are shares (1,) of the series' amplitudes, 0 to 1: a small one rehearses."""

    name = "excite"
    kind = "arm"
    # the series (tasks/joint_series.py): rows of coefficients in [rad], one a joint; none: the arm stays at home.
    # lead_in: time at home before it in [s]; rest: after it
    defaults = {"sine": [], "cosine": [], "period": 10.0, "periods": 1, "lead_in": 2.0, "rest": 1.0}
    own_goals = ((1.0,),)
    tolerance = 0.1
    criterion = "rmse"
    goal_size = 1
    goal_uniforms = 1

    def __init__(self, robot, options=None):
        super().__init__(robot, options)
        self.state_uniforms = robot.num_joints
        self._true_size = 2 * robot.num_joints
        self._chain = Chain.from_robot(robot)
        self._step = robot.velocity_limit * self.control_period  # at an action of one
        # of the arm behind its set points: the stream's delay (deployment/stream.py), dead time, lag, and the servo's
        self._lag = (1.5 * self.control_period + robot.actuator.delay + robot.actuator.time_constant
                     + float(np.mean(robot.damping_gain / robot.stiffness)))

    def _seconds(self, key: str) -> float:
        """The episode's length follows from the series."""
        return self.options["lead_in"] + self.series.duration + self.options["rest"]

    @cached_property
    def series(self) -> JointSeries:
        """Of the options; raises TaskError where they are none."""
        given = self.options
        for key in ("period", "lead_in", "rest"):
            if isinstance(given[key], bool) or not isinstance(given[key], (int, float)) or not 0.0 <= given[key] < 1e4:
                raise TaskError(f"task excite: option {key}: expected seconds of zero or more, got {given[key]!r}")
        if isinstance(given["periods"], bool) or not isinstance(given["periods"], int):
            raise TaskError(f"task excite: option periods: expected a whole number, got {given['periods']!r}")
        try:
            series = from_rows(self.robot.home, given["sine"], given["cosine"], given["period"], given["periods"])
        except BadInputError as error:
            raise TaskError(f"task excite: {error}") from None
        if not series.at_rest:
            raise TaskError("task excite: the series does not begin at rest: expected sum k sine_k = 0 and "
                            "sum k^2 cosine_k = 0 of each joint; write it with sim2real excite")
        return series

    def reference(self, share: np.ndarray, time: np.ndarray) -> np.ndarray:
        """The set points (n, J) at ``time`` (n,) [s] since the goal ``share`` (n,) was given, on the grid of control
        periods: a late tick shall not shake them."""
        tick = self.control_period * np.round(np.asarray(time) / self.control_period)
        home = self.robot.home
        away = self.series.position(tick - self.options["lead_in"]) - home
        return home + np.clip(share, 0.0, 1.0)[:, None] * away

    # ------------------------------------------------------------------ observations
    def terms(self) -> tuple[Term, ...]:
        joints = self.robot.num_joints
        return (Term("to_reference", joints, self._to_reference),
                Term("to_home", joints, lambda c: (self.robot.home - c.command) / self._step))

    def _to_reference(self, context: Context) -> np.ndarray:
        """From the last command to the series, in full steps, (n, J)."""
        return (self.reference(context.goal[:, 0], context.time) - context.command) / self._step

    def _true_features(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        return np.concatenate([true_state.joint_position - self.reference(goal[:, 0], time),
                               true_state.joint_velocity / self.robot.velocity_limit], axis=1)

    # ------------------------------------------------------------------ episodes
    def sample_goal(self, u: np.ndarray) -> np.ndarray:
        """The whole series."""
        return np.ones((len(u), 1))

    def sample_state(self, u: np.ndarray, goal: np.ndarray) -> RobotState:
        """At rest near home."""
        state = RobotState.zeros(len(u), self.robot.num_joints)
        state.joint_position = np.clip(self.robot.home + 0.02 * (2.0 * u - 1.0), self.robot.position_low,
                                       self.robot.position_high)
        return state

    # ------------------------------------------------------------------ actions
    def desired(self, action: np.ndarray, context: Context) -> np.ndarray:
        """The last command plus a share of what the velocity limit allows in a period."""
        return context.command + action * self._step

    # ------------------------------------------------------------------ judgement
    def error(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Distance of the tool in [m] from where the series has it, a nominal arm's lag earlier."""
        wanted = self._chain.forward(self.reference(goal[:, 0], time - self._lag))[0]
        return terms.norm(self._chain.forward(true_state.joint_position)[0] - wanted)

    def reward(self, true_state: RobotState, goal: np.ndarray, time: np.ndarray, action: np.ndarray,
               context: Context, error: np.ndarray, failed: np.ndarray) -> np.ndarray:
        return terms.near(error, 0.1) - terms.action_rate(action, context.last_action)
