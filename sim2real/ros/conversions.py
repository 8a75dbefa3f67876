"""Between what drivers say and the package's arrays, as pure functions of plain arrays: no ROS in here.

Joints go by name, with sign, scale and offset; drones come in ENU/FLU (REP 103) or NED/FRD (PX4) and leave in ENU/FLU.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sim2real import rotations
from sim2real.errors import DeploymentError
from sim2real.robots import RotorModel
from sim2real.ros.profiles import JointMapping, MessageFields, Thrust, parse_field

COMMAND_COLUMNS = ("thrust", "rate_x", "rate_y", "rate_z")


class JointMap:
    """One robot's joints and their driver's: ``ours = factor * driver's + offset``, matched by name.

    Args:
        joint_names: The robot description's joints, in its order.
        mapping: Joints that the driver calls or counts differently.
    """

    def __init__(self, joint_names: Sequence[str], mapping: Mapping[str, JointMapping] | None = None):
        rows = [(mapping or {}).get(name, JointMapping()) for name in joint_names]
        self.driver_names = tuple(row.name or name for row, name in zip(rows, joint_names, strict=True))
        self.factor = np.array([row.sign * row.scale for row in rows])
        self.offset = np.array([row.offset for row in rows])
        self.effort_factor = np.array([row.sign * row.effort for row in rows])
        self._cache: dict[tuple[str, ...], np.ndarray] = {}

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Where each of our joints stands in a message's ``names``; refuses missing and repeated ones by name."""
        key = tuple(names)
        found = self._cache.get(key)
        if found is None:
            for name in self.driver_names:
                if key.count(name) != 1:
                    raise DeploymentError(f"expected joint {name!r} once, found it {key.count(name)} times in "
                                          f"[{', '.join(key[:12])}]; correct 'ros.joints' or the driver")
            found = np.array([key.index(name) for name in self.driver_names], int)
            if len(self._cache) < 64:  # a driver has one order, a faulty one may have thousands
                self._cache[key] = found
        return found

    def positions(self, names: Sequence[str], values: Sequence[float]) -> np.ndarray:
        """Our joint positions (J,) of a message's."""
        return self.factor * self._pick(names, values) + self.offset

    def velocities(self, names: Sequence[str], values: Sequence[float]) -> np.ndarray:
        """Our joint velocities (J,) of a message's."""
        return self.factor * self._pick(names, values)

    def efforts(self, names: Sequence[str], values: Sequence[float]) -> np.ndarray:
        """Our joint efforts (J,) of a message's."""
        return self.effort_factor * self._pick(names, values)

    def to_driver(self, positions: np.ndarray) -> np.ndarray:
        """The driver's numbers of our joint positions, still in our order, shape (J,)."""
        return (positions - self.offset) / self.factor

    def controller(self, order: Sequence[str], hold: Mapping[str, float]) -> ControllerOrder:
        """How a controller takes our joints: in its own ``order``; joints of ``hold`` get what that says."""
        return ControllerOrder(self, order, hold)

    def _pick(self, names: Sequence[str], values: Sequence[float]) -> np.ndarray:
        if len(values) != len(names):
            raise DeploymentError(f"expected {len(names)} numbers for {len(names)} joint names, got {len(values)}")
        return np.asarray(values, float)[self.columns(names)]


class ControllerOrder:
    """Our joints as the numbers of a controller, in its own order; made once, because commands leave often."""

    def __init__(self, joints: JointMap, order: Sequence[str], hold: Mapping[str, float]):
        ours = [name in joints.driver_names for name in order]
        self._held = np.array([0.0 if mine else hold[name] for name, mine in zip(order, ours, strict=True)])
        self._slots = np.flatnonzero(ours)
        columns = [joints.driver_names.index(name) for name, mine in zip(order, ours, strict=True) if mine]
        self._columns, self._offset, self._factor = columns, joints.offset[columns], joints.factor[columns]

    def positions(self, positions: np.ndarray) -> list[float]:
        """Of our joint positions (J,)."""
        return self._filled((positions[self._columns] - self._offset) / self._factor)

    def rates(self, velocities: np.ndarray) -> list[float]:
        """Of our joint velocities (J,)."""
        return self._filled(velocities[self._columns] / self._factor)

    def _filled(self, numbers: np.ndarray) -> list[float]:
        if len(numbers) == len(self._held):
            return numbers.tolist()
        out = self._held.copy()
        out[self._slots] = numbers
        return out.tolist()


# ------------------------------------------------------------------------------------------------- drones
def state_from_odometry(position: np.ndarray, quaternion_xyzw: np.ndarray, linear: np.ndarray, angular: np.ndarray, *,
                        frame: str = "enu_flu", twist_frame: str = "body") -> tuple[np.ndarray, ...]:
    """Position [m] and velocity [m/s] in ENU, quaternion (w, x, y, z) of FLU in ENU, body rates [rad/s] in FLU."""
    q = np.asarray(quaternion_xyzw, float)[[3, 0, 1, 2]]
    norm = float(np.linalg.norm(q))
    if not abs(norm - 1.0) < 0.01:  # NaN fails too
        raise DeploymentError(f"expected a unit quaternion, got one of length {norm:.4g}")
    q = q / norm
    position, linear, angular = (np.asarray(v, float) for v in (position, linear, angular))
    if frame == "ned_frd":
        q, position = rotations.quaternion_ned_frd(q), rotations.ned_from_enu(position)
        angular = rotations.frd_from_flu(angular)
        linear = rotations.frd_from_flu(linear) if twist_frame == "body" else rotations.ned_from_enu(linear)
    if twist_frame == "body":
        linear = rotations.rotate(q, linear)
    return position, q, linear, angular


def odometry_from_state(position: np.ndarray, quaternion: np.ndarray, linear: np.ndarray, angular: np.ndarray, *,
                        frame: str = "enu_flu", twist_frame: str = "body") -> tuple[np.ndarray, ...]:
    """The inverse of ``state_from_odometry``: position, quaternion (x, y, z, w), linear and angular as the driver's."""
    q = rotations.normalize(quaternion)
    if twist_frame == "body":
        linear = rotations.rotate_inverse(q, linear)
    if frame == "ned_frd":
        q, position = rotations.quaternion_ned_frd(q), rotations.ned_from_enu(position)
        angular = rotations.frd_from_flu(angular)
        linear = rotations.frd_from_flu(linear) if twist_frame == "body" else rotations.ned_from_enu(linear)
    return np.asarray(position, float), q[[1, 2, 3, 0]], np.asarray(linear, float), np.asarray(angular, float)


class ThrustMap:
    """Collective thrust in [N] <-> the driver's number."""

    def __init__(self, thrust: Thrust, rotors: RotorModel):
        self._thrust, self._rotors = thrust, rotors
        self._count = len(rotors.positions)
        if thrust.map == "voltage":
            c = thrust.curve or (0.0,) * 4
            voltage = np.linspace(0.0, rotors.battery_voltage, 2001)
            newton = np.maximum.accumulate(c[0] + c[1] * voltage + c[2] * voltage**2 + c[3] * voltage**3)
            rising = np.concatenate([np.diff(newton) > 0.0, [True]])  # the curve starts under zero: cut that off
            self._newton, self._number = newton[rising], thrust.full * voltage[rising] / rotors.battery_voltage

    def to_driver(self, newton: float) -> float:
        """The driver's number for a collective thrust in [N], inside [0, max]."""
        t, each = self._thrust, max(newton, 0.0) / self._count
        if t.map == "linear":
            number = t.full * newton / (t.newton or 1.0)
        elif t.map == "rotor_speed":
            speed = math.sqrt(each / self._rotors.thrust_coefficient)
            number = t.full * (speed - t.idle) / ((t.top or 1.0) - t.idle)
        else:
            number = float(np.interp(each, self._newton, self._number)) if each > 0.0 else 0.0
        return min(max(number, 0.0), t.max)

    def to_newton(self, number: float) -> float:
        """The collective thrust in [N] that the driver's number stands for; 0 is motors off."""
        t = self._thrust
        number = min(max(number, 0.0), t.max)
        if number == 0.0:
            return 0.0
        if t.map == "linear":
            return number / t.full * (t.newton or 0.0)
        if t.map == "rotor_speed":
            speed = t.idle + number / t.full * ((t.top or 0.0) - t.idle)
            return self._count * self._rotors.thrust_coefficient * speed**2
        return self._count * max(float(np.interp(number, self._number, self._newton)), 0.0)


def command_to_fields(message: MessageFields, thrust: ThrustMap, command: np.ndarray) -> dict[str, float]:
    """Numbers by message field of a drone's command (4,): thrust [N], body rates [rad/s]."""
    out: dict[str, float] = {}
    for field, text in message.fields.items():
        value, factor = parse_field(text)
        number = float(command[COMMAND_COLUMNS.index(value)])
        out[field] = thrust.to_driver(number) if value == "thrust" else factor * number
    return out


def command_from_fields(message: MessageFields, thrust: ThrustMap, numbers: Mapping[str, float]) -> np.ndarray:
    """The inverse: a command (4,); what the message does not carry is zero."""
    command = np.zeros(4)
    for field, text in message.fields.items():
        value, factor = parse_field(text)
        number = numbers[field]
        command[COMMAND_COLUMNS.index(value)] = thrust.to_newton(number) if value == "thrust" else number / factor
    return command


# ------------------------------------------------------------------------------------------------- differentiation
class Differentiator:
    """Rates of noisy values, for drivers that leave velocities out: a critically damped alpha-beta filter.

    It carries value and rate on, and corrects both by what came: theta = exp(-dt / tau), alpha = 1 - theta^2,
    beta = (1 - theta)^2 (Brookner, Tracking and Kalman Filtering Made Easy, 1998). A steady rate is met exactly; the
    noise is half of what a first-order low-pass of differences lets through at the same lag.

    Args:
        time_constant: tau in [s].
        attitude: Take quaternions (w, x, y, z) and give body rates [rad/s], instead of vectors and their rates.
    """

    def __init__(self, time_constant: float, *, attitude: bool = False):
        self._tau, self._attitude = time_constant, attitude
        self._value: np.ndarray | None = None
        self._rate = np.zeros(3)

    def update(self, value: np.ndarray, dt: float) -> np.ndarray:
        """The rate once ``value`` came ``dt`` [s] after the one before; zero at first."""
        value = np.asarray(value, float)
        if self._value is None:
            self._value, self._rate = value, np.zeros(3 if self._attitude else value.shape)
        elif dt > 0.0:
            theta = math.exp(-dt / self._tau)
            alpha, beta = 1.0 - theta**2, (1.0 - theta) ** 2
            if self._attitude:
                expected = rotations.integrate(self._value, self._rate, dt)
                error = rotations.to_axis_angle(rotations.multiply(rotations.conjugate(expected), value))
                self._value = rotations.integrate(expected, alpha * error, 1.0)
            else:
                expected = self._value + self._rate * dt
                error = value - expected
                self._value = expected + alpha * error
            self._rate = self._rate + beta / dt * error
        return self._rate
