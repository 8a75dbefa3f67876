"""Search for the coefficients of an excitation: CMA-ES on a model of the sensitivities that costs no simulation.

The servo holds a joint where its spring balances what the motion costs, so in a motion much slower than the servo

    q = u - (tau(u) + kd u') / kp - lag u' ...,   tau = M(u) u'' + c(u, u') + g(u) + friction

and the sensitivities dq/dp follow from torques that are linear in the masses (rigid_body.py). That is good enough to
search by; what is reported is simulated (information.py). Hansen 2016, "The CMA evolution strategy: a tutorial".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.identification.excitation.information import log_det, noise, reference_values, steps_around
from sim2real.identification.excitation.limits import ExcitationLimits
from sim2real.identification.excitation.rigid_body import Motion, RigidBody
from sim2real.parameters import ParameterSpace
from sim2real.simulators.arm_values import ArmValues
from sim2real.tasks.joint_series import JointSeries, rest_basis

SHARE = 0.9  # of a bound that is used: between two looks it may be a little more
ACCELERATION_SHARE = 0.7  # the command filter follows a bent way with small corrections, which take the rest
_LOOKS = 20  # instants looked at in a period of the highest harmonic
_CLEARANCE = 0.01  # [m] kept besides, for what happens between two looks
_HARDNESS = 100.0  # nats that a bound broken by its whole size (0.1 m of a distance) costs
_STARTS, _AMPLITUDES = 12, 0.6 * 0.6 ** np.arange(7)  # random directions tried at first, and how far in each
_STICKING = 0.02  # [rad/s] under which Coulomb friction is taken to be on its way


@dataclass(frozen=True)
class Shape:
    """What a search may choose: ``harmonics`` of a motion of ``period`` [s], played ``periods`` times."""

    harmonics: int
    period: float
    periods: int


class Search:
    """The search for one arm.

    Args:
        limits: What the motion has to keep.
        names: Of the parameters it shall tell.
        shape: Of the series.
        payload: That the arm carries in the experiment in [kg]; default: the middle of its range.
    """

    def __init__(self, limits: ExcitationLimits, names: Sequence[str], shape: Shape, payload: float | None = None):
        self.limits, self.shape, robot = limits, shape, limits.robot
        self._bases = rest_basis(shape.harmonics)
        self._time = shape.period * np.arange(_LOOKS * shape.harmonics) / (_LOOKS * shape.harmonics)
        self._sensitivities = _Sensitivities(limits, names, payload)
        sigma = np.array(noise(robot, ParameterSpace.for_robot(robot)))
        samples = robot.sensors.rate * shape.periods * shape.period / len(self._time)
        self._weight = samples / sigma**2
        # free numbers of one: a joint at its velocity limit, or half its range, whichever is less
        span = 0.5 * (limits.command.high - limits.command.low)
        self._unit = limits.moving * np.minimum(robot.velocity_limit * shape.period / (2.0 * np.pi), span)
        at_home = np.concatenate(limits.room(robot.home[None], *np.zeros((2, 1, robot.num_joints))), axis=1)
        self._kept = np.minimum(_CLEARANCE, 0.5 * at_home)

    @property
    def size(self) -> int:
        """How many numbers a candidate has."""
        return 2 * self.limits.robot.num_joints * (self.shape.harmonics - 1)

    def series(self, free: np.ndarray) -> JointSeries:
        """The series of ``free`` numbers (size,), each joint scaled down to its own bounds."""
        robot, shape = self.limits.robot, self.shape
        free = free.reshape(robot.num_joints, 2, -1) * self._unit[:, None, None]
        sine, cosine = (free[:, i] @ basis.T for i, basis in enumerate(self._bases))
        series = JointSeries(robot.home, sine, cosine, shape.period, shape.periods)
        return series.scaled(self._fitting(series))

    def _fitting(self, series: JointSeries) -> np.ndarray:
        """The largest shares, at most 1, at which each joint alone keeps its bounds, (J,)."""
        bounds, home = self.limits.command, series.home
        away = series.position(self._time) - home
        allowed = SHARE * bounds.velocity, ACCELERATION_SHARE * bounds.acceleration, SHARE * bounds.jerk
        rates = [np.abs(rate).max(axis=0) / most
                 for rate, most in zip(series.derivatives(self._time), allowed, strict=True)]
        used = [away.max(axis=0) / (SHARE * (bounds.high - home)), -away.min(axis=0) / (SHARE * (home - bounds.low))]
        return 1.0 / np.maximum(np.max([*rates, *used], axis=0), 1.0)

    def judge(self, candidates: Sequence[JointSeries]) -> tuple[np.ndarray, np.ndarray]:
        """log det(I + F) by the quick model, and what bounds are broken by in nats (0: by nothing), each (k,)."""
        k, n = len(candidates), len(self._time)
        q = np.concatenate([series.position(self._time) for series in candidates])
        velocity, acceleration, _ = (np.concatenate(parts) for parts in zip(
            *(series.derivatives(self._time) for series in candidates), strict=True))
        motion = self.limits.motion(q, velocity, acceleration)
        gaps, left = self.limits.room(q, velocity, acceleration)
        short = np.maximum(self._kept - np.concatenate([gaps, left], axis=1), 0.0).max(axis=1) / 0.1
        over = np.maximum(self.limits.efforts(motion) - SHARE, 0.0).max(axis=1)
        broken = _HARDNESS * (short + over).reshape(k, n)
        moved = self._sensitivities.of(motion).reshape(k, n, len(self.limits.command), -1)
        rate = (np.roll(moved, -1, axis=1) - np.roll(moved, 1, axis=1)) / (2.0 * self._time[1])
        both = np.concatenate([np.sqrt(weight) * s.reshape(k, -1, s.shape[-1])
                               for weight, s in zip(self._weight, (moved, rate), strict=True)], axis=1)
        matrix = both.transpose(0, 2, 1) @ both
        return log_det(matrix), broken.max(axis=1) + broken.mean(axis=1)

    def random(self, seed: int) -> JointSeries:
        """A feasible series drawn at random, as large as it may be: what a plan is compared with."""
        generator = np.random.default_rng([seed, 0])
        return self.inside(self.series(generator.standard_normal(self.size) / self.shape.harmonics**0.5))

    def inside(self, series: JointSeries) -> JointSeries:
        """The series, its amplitudes shrunk towards home until it breaks no bound that is looked at."""
        shares = [*np.linspace(1.0, 0.02, 50), 0.0]  # home breaks none
        broken = self.judge([series.scaled(share) for share in shares])[1]
        return series.scaled(shares[int(np.argmax(broken <= 0.0))])

    def run(self, seed: int, generations: int, update: Callable[[float, float], None]) -> JointSeries:
        """The best feasible series that CMA-ES finds; ``update`` is told the share done and the best log det."""
        import cma

        best, value = None, -np.inf
        start = self._start(seed)
        strategy = cma.CMAEvolutionStrategy(start, max(0.5 * float(start.std()), 0.02), {
            "seed": seed + 1, "verbose": -9, "maxiter": generations})
        for generation in range(generations):
            asked = strategy.ask()
            candidates = [self.series(free) for free in asked]
            told, broken = self.judge(candidates)
            strategy.tell(asked, list(broken - told))
            good = np.where(broken <= 0.0, told, -np.inf)
            if good.max() > value:
                best, value = candidates[int(good.argmax())], float(good.max())
            update((generation + 1) / generations, value)
        return best if best is not None else self.inside(self.series(strategy.result.xbest))

    def _start(self, seed: int) -> np.ndarray:
        """Free numbers of the best of some random candidates at several amplitudes, (size,)."""
        generator = np.random.default_rng([seed, _STARTS])
        free = [share * row for row in generator.standard_normal((_STARTS, self.size)) for share in _AMPLITUDES]
        told, broken = self.judge([self.series(row) for row in free])
        inside = broken <= 0.0
        return free[int(np.argmax(np.where(inside, told, -np.inf)) if inside.any() else np.argmin(broken))]


class _Sensitivities:
    """dq/dp of the quick model, in units of each parameter's prior deviation."""

    def __init__(self, limits: ExcitationLimits, names: Sequence[str], payload: float | None):
        robot = self._robot = limits.robot
        space = ParameterSpace.for_robot(robot)
        rows, distance = steps_around(space, reference_values(space, names, payload), names)
        self._values = ArmValues.of(robot, space, rows)
        self._delay = rows[:, space.column("actuator_delay")]
        self._body = RigidBody(robot)
        prior = np.array([(space[name].high - space[name].low) / np.sqrt(12.0) for name in names])
        self._scale = prior / distance

    def of(self, motion: Motion) -> np.ndarray:
        """Shape (n, J, P)."""
        away = self._displacement(motion)
        half = len(self._scale)
        return (away[..., :half] - away[..., half:]) * self._scale

    def _displacement(self, motion: Motion) -> np.ndarray:
        """Of the joints from the command under each row of values, (n, J, rows)."""
        v, qd, qdd = self._values, motion.velocity[..., None], motion.acceleration[..., None]
        torque = (v.armature.T * qdd + v.damping.T * qd + v.friction.T * np.tanh(qd / _STICKING))
        for gravity, rows in _same(v.gravity):
            torque[..., rows] += np.einsum("nlj,rl->njr", self._body.link_torques(motion, gravity), v.link_scale[rows])
            for place, some in _same(v.payload_position[rows]):
                load = self._body.point_torques(motion, place, gravity)
                torque[..., rows[some]] += load[..., None] * v.payload_mass[rows[some]]
        # dead time d: u - d u' + d^2/2 u'';  lag T: u - T u' + T^2 u''
        lag = -(self._delay + v.time_constant) * qd + (0.5 * self._delay**2 + v.time_constant**2) * qdd
        return lag - (torque + v.damping_gain.T * qd) / v.stiffness.T


def _same(rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """The different ones of ``rows`` (n, 3), each with the indices where it stands."""
    different, where = np.unique(rows, axis=0, return_inverse=True)
    return [(row, np.flatnonzero(where.ravel() == i)) for i, row in enumerate(different)]
