"""A servo that swings a pendulum: DC motor, the firmware's position loop, and friction of gears under load.

    J q'' = tau_m + tau_g - friction        J = m l^2 + armature
    tau_m = kt V duty / R - kt^2 q' / R     duty = clip(gain kp (goal - q), -1, 1), torque off: tau_m = 0
    tau_g = -m g l sin(q + q_offset)

Friction bounds what stops the motion, and grows with what the gears carry; models M1 to M6 of Duclusaud et al.,
"Extended friction models for the physics simulation of servo actuators", arXiv 2410.08650. Two things are added: the
motor's torque grows less than in proportion to the duty, by the share ``fade`` at full duty (the supply gives way,
windings warm up, iron saturates: the logs cannot tell which), and a goal takes ``dead_time`` to arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim2real.errors import BadInputError, unknown
from sim2real.identification.responses.fitness import require_fit
from sim2real.identification.responses.log_fit import Estimate, Solution, Unknown, judge, levenberg_marquardt
from sim2real.recordings.recording import Recording

UNKNOWNS = {each.name: each for each in (
    Unknown("kt", "N m/A", 0.25, 0.02, 2.0),
    Unknown("R", "ohm", 3.0, 0.5, 20.0),
    Unknown("armature", "kg m2", 2e-3, 1e-5, 0.05),
    Unknown("q_offset", "rad", 0.0, -0.1, 0.1),
    Unknown("friction_viscous", "N m s/rad", 0.01, 0.0, 0.2),
    Unknown("friction_base", "N m", 0.01, 0.0, 0.2),
    Unknown("friction_stribeck", "N m", 0.005, 0.0, 0.2),
    Unknown("dtheta_stribeck", "rad/s", 1.0, 0.05, 5.0),
    Unknown("alpha", "1", 1.5, 0.5, 10.0),
    Unknown("load_friction_motor", "1", 0.1, 0.0, 1.0),
    Unknown("load_friction_external", "1", 0.05, 0.0, 1.0),
    Unknown("load_friction_motor_stribeck", "1", 0.02, 0.0, 1.5),
    Unknown("load_friction_external_stribeck", "1", 0.05, 0.0, 1.5),
    Unknown("load_friction_motor_quad", "1/(N m)", 0.003, 0.0, 0.01),
    Unknown("load_friction_external_quad", "1/(N m)", 0.003, 0.0, 0.01),
    Unknown("dead_time", "s", 0.005, 0.0, 0.06),
    Unknown("fade", "1", 0.1, 0.0, 0.6),
    Unknown("loop_gain", "1/rad", 0.1, 0.01, 1.0),
)}
_MOTOR = ("kt", "R", "armature", "q_offset", "friction_viscous", "friction_base")
_STRIBECK = ("friction_stribeck", "dtheta_stribeck", "alpha")
_M4 = (*_MOTOR, *_STRIBECK, "load_friction_motor", "load_friction_motor_stribeck")
_M5 = (*_M4, "load_friction_external", "load_friction_external_stribeck")
MODELS = {
    "m1": _MOTOR, "m2": (*_MOTOR, *_STRIBECK), "m3": (*_MOTOR, "load_friction_motor"), "m4": _M4, "m5": _M5,
    "m6": (*_M5, "load_friction_motor_quad", "load_friction_external_quad"),
    "m3 with fade": (*_MOTOR, "load_friction_motor", "dead_time", "fade"),
    "m3 with fade, loop gain": (*_MOTOR, "load_friction_motor", "dead_time", "fade", "loop_gain"),
}
_G = 9.81
_RATE = 200.0  # [Hz] of the grid that logs are brought to
_SUBSTEPS = 2


@dataclass(frozen=True)
class Bench:
    """What is known of the servo and its bench.

    Attributes:
        gain: Duty per kp and radian, 1/rad, of the models without ``loop_gain``. By default the XL330's firmware:
            4096 / (2 pi 256 885), as the logs' SOURCE.md says.
        supply: Voltage in [V] where a recording has no constant ``vin``.
    """

    gain: float = 4096 / (2 * np.pi * 256 * 885)
    supply: float = 7.4


@dataclass(frozen=True)
class ServoModel:
    """Values of one model of ``MODELS``, SI units by the names of the published parameter files."""

    model: str
    values: dict[str, float]
    bench: Bench = Bench()
    estimates: list[Estimate] = field(default_factory=list)

    def predict(self, recording: Recording) -> np.ndarray:
        """Angle (n,) in [rad] at the recording's rows, from its goals and its first row's angle."""
        logs = _Pendulums([recording], self.bench)
        angle = simulate(_table(self.model, np.array([[self.values[n] for n in MODELS[self.model]]])), logs)
        return np.interp(recording.time, logs.grid, angle[:, 0, 0])


class _Pendulums:
    """Recordings of pendulums on one time grid, held at their ends; arrays (T, L) and (L,)."""

    def __init__(self, recordings: Sequence[Recording], bench: Bench):
        self.grid = np.arange(int(np.ceil(max(r.time[-1] for r in recordings) * _RATE)) + 1) / _RATE
        columns = [[_channel(r, name, self.grid) for r in recordings] for name in ("position", "command", "active")]
        self.angle, self.goal, self.active = (np.stack(each, axis=1) for each in columns)
        self.inside = self.grid[:, None] <= np.array([r.time[-1] for r in recordings])
        mass, length, kp = (np.array([_constant(r, name) for r in recordings]) for name in ("mass", "length", "kp"))
        self.inertia, self.weight = mass * length**2, mass * _G * length
        self.gain, self.kp = bench.gain * kp, kp
        self.supply = np.array([r.constants.get("vin", bench.supply) for r in recordings])


def _constant(recording: Recording, name: str) -> float:
    if name not in recording.constants:
        raise BadInputError(f"{recording.name}: expected a constant {name} of the pendulum; it has "
                            f"{', '.join(recording.constants) or 'none'}")
    return recording.constants[name]


def _channel(recording: Recording, name: str, grid: np.ndarray) -> np.ndarray:
    """A channel at ``grid``; what switches holds, the rest is interpolated."""
    values = recording.channels.get(name)
    if values is None and name == "active":
        return np.ones(len(grid))
    if values is None or not np.isfinite(values).all():
        raise BadInputError(f"{recording.name}: expected a channel {name} without gaps; it has "
                            f"{', '.join(recording.channels)}")
    if name == "active":
        return values[np.maximum(np.searchsorted(recording.time, grid, side="right") - 1, 0)]
    return np.interp(grid, recording.time, values)


def simulate(values: Mapping[str, np.ndarray], logs: _Pendulums) -> np.ndarray:
    """Angles (T, B, L) from the goals and the first angle alone; ``values`` (B, 1) each, those missing are zero.

    Semi-implicit Euler; friction bounds what is left of the momentum.
    """
    h, v = 1.0 / (_RATE * _SUBSTEPS), {name: values.get(name, 0.0) for name in UNKNOWNS}
    stall, braking = v["kt"] / v["R"] * logs.supply, v["kt"] ** 2 / v["R"]
    per_inertia = h / (logs.inertia + v["armature"])
    gain = values["loop_gain"] * logs.kp if "loop_gain" in values else logs.gain
    count, each = len(logs.grid), np.arange(logs.goal.shape[1])
    q = np.broadcast_to(logs.angle[0], (len(values["kt"]), len(each))).copy()
    speed, out = np.zeros_like(q), np.empty((count, *q.shape))
    for k in range(count):
        out[k] = q
        for part in range(_SUBSTEPS):
            row = np.maximum(k + part / _SUBSTEPS - v["dead_time"] * _RATE, 0.0) + np.zeros_like(q)
            before = row.astype(int)
            early, late = logs.goal[before, each], logs.goal[np.minimum(before + 1, count - 1), each]
            goal = early + (late - early) * (row - before)
            duty = np.clip(gain * (goal - q), -1.0, 1.0)
            motor = logs.active[before, each] * (stall * duty * (1.0 - v["fade"] * duty**2) - braking * speed)
            load = -logs.weight * np.sin(q + v["q_offset"])
            bound = friction(v, motor, load, np.abs(speed))
            momentum = speed + per_inertia * (motor + load)
            speed = momentum - np.clip(momentum, -per_inertia * bound, per_inertia * bound)
            q = q + h * speed
    return out


def friction(v: Mapping[str, np.ndarray], motor: np.ndarray, load: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Largest friction torque in [N m] at ``motor`` and ``load`` torques [N m] and a ``speed`` >= 0 [rad/s].

    M6 of the paper; the others are M6 without some terms:

        K_v w + K_c + |K_e tau_e - K_m tau_m| + exp(-(w / w_s)^alpha) (K_cs + |K_es tau_e - K_ms tau_m| + quadratic)

    where the quadratic term counts only while motor and load oppose each other, K_eq tau_e^2 when the motor is the
    stronger, else K_mq tau_m^2.
    """
    carried = np.abs(v["load_friction_external"] * load - v["load_friction_motor"] * motor)
    bound = v["friction_viscous"] * speed + v["friction_base"] + carried
    if np.all(v["dtheta_stribeck"] == 0.0):
        return bound
    slow = v["friction_stribeck"] + np.abs(
        v["load_friction_external_stribeck"] * load - v["load_friction_motor_stribeck"] * motor)
    if np.any(v["load_friction_motor_quad"]) or np.any(v["load_friction_external_quad"]):
        quadratic = np.where(np.abs(load) < np.abs(motor), v["load_friction_external_quad"] * load**2,
                             v["load_friction_motor_quad"] * motor**2)
        slow = slow + np.where(motor * load < 0.0, quadratic, 0.0)
    return bound + np.exp(-(speed / v["dtheta_stribeck"]) ** v["alpha"]) * slow


def _judge_together(unknowns: Sequence[Unknown], solution: Solution) -> list[Estimate]:
    """What is told of a = kt / R and b = kt^2 / R, which the equations of motion hold in place of kt and R.

    The other unknowns stay: the sensitivities to a and b are those to kt = b / a and R = b / a^2 by the chain rule.
    Without the firmware's gain it is a = loop_gain kt / R that the motor's torque is made of.
    """
    kt, resistance = solution.values[:, 0], solution.values[:, 1]
    names = [unknown.name for unknown in unknowns]
    gain = solution.values[:, names.index("loop_gain")] if "loop_gain" in names else np.ones(len(kt))
    values, jacobian = solution.values.copy(), solution.jacobian[0].copy()
    a, b = gain * kt / resistance, kt**2 / resistance
    values[:, 0], values[:, 1] = a, b
    by_kt, by_resistance = solution.jacobian[0, 0], solution.jacobian[0, 1]
    a, b, g = a[0], b[0], gain[0]  # kt = g b / a, R = g^2 b / a^2
    jacobian[0] = -g * b / a**2 * by_kt - 2.0 * g**2 * b / a**3 * by_resistance
    jacobian[1] = g / a * by_kt + g**2 / a**2 * by_resistance
    if "loop_gain" in names:
        jacobian[names.index("loop_gain")] += b / a * by_kt + 2.0 * g * b / a**2 * by_resistance
    first = Unknown("loop_gain kt/R" if "loop_gain" in names else "kt/R", "N m/V", 0.0, 0.0, 3.0 * a)
    second = Unknown("kt^2/R", "N m s/rad", 0.0, 0.0, 3.0 * b)
    return judge([first, second, *unknowns[2:]], values[0], jacobian, values[1:])[:2]


def _table(model: str, x: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> values (B, 1) of unknowns (B, P); M3 and M4 take the load as |tau_e - tau_m|."""
    table = {name: x[:, k, None] for k, name in enumerate(MODELS[model])}
    for end in ("", "_stribeck"):
        motor, external = f"load_friction_motor{end}", f"load_friction_external{end}"
        if motor in table and external not in table:
            table[external] = table[motor]
    return table


def fit_servo(recordings: Sequence[Recording], model: str = "m3 with fade", bench: Bench = Bench(),
              groups: Sequence[int] | None = None) -> tuple[ServoModel, list[ServoModel]]:
    """Fit a model of ``MODELS`` to all recordings, and to all but each group of them.

    Args:
        recordings: Channels ``position``, ``command`` [rad] and, where torque is switched, ``active``; constants
            ``mass`` [kg], ``length`` [m], ``kp``.
        model: A key of ``MODELS``; those with ``loop_gain`` are for servos whose firmware's gain is not known.
        bench: The servo's loop and supply.
        groups: Of each recording, the group that it is left out with; by default each is one of its own.

    Returns:
        The model of all, and for each group (in ascending order) the one that never saw it.

    Raises:
        BadInputError: Fewer than two groups, unfit recordings, an unknown model, or channels that are not there.
    """
    if model not in MODELS:
        raise BadInputError(unknown("servo model", model, MODELS))
    groups = np.arange(len(recordings)) if groups is None else np.asarray(groups)
    left_out = np.unique(groups)
    if len(left_out) < 2:
        raise BadInputError(f"expected recordings in at least two groups, to leave one out; got {len(left_out)}")
    require_fit(recordings)
    logs, unknowns = _Pendulums(recordings, bench), [UNKNOWNS[name] for name in MODELS[model]]
    folds = np.concatenate([np.ones((1, len(groups)), bool), groups != left_out[:, None]])
    weight = logs.inside / np.sqrt(logs.inside.sum(axis=0))

    def residual(x: np.ndarray) -> np.ndarray:
        found = simulate(_table(model, x.reshape(-1, len(unknowns))), logs)
        wrong = ((found - logs.angle[:, None]) * weight[:, None]).reshape(len(found), *x.shape[:2], -1)
        return (wrong * folds[:, None]).transpose(1, 2, 0, 3).reshape(*x.shape[:2], -1)

    solution = levenberg_marquardt(residual, unknowns, len(folds))
    estimates = judge(unknowns, solution.values[0], solution.jacobian[0], solution.values[1:])
    estimates += _judge_together(unknowns, solution)
    found = [ServoModel(model, dict(zip(MODELS[model], map(float, row), strict=True)), bench,
                        estimates if k == 0 else []) for k, row in enumerate(solution.values)]
    return found[0], found[1:]
