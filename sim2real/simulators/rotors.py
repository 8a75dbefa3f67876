"""Rotors of a drone, from the command to the forces on its body: the same code for every engine.

Command (collective thrust, body rates) -> dead time -> firmware rate loop, mixer -> motor lag -> thrust, torque, drag.
Equations, sources and conventions are in docs/drones.md. Arrays are component-first, (components, simulations), so that
one numpy call works on contiguous memory; only element-wise operations are used, so that a simulation's numbers do not
depend on how many others there are.
"""

from __future__ import annotations

import numpy as np

from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.simulators.delay import DelayLine

_SQRT2 = 2.0**0.5
SLOPE_CUTOFF = 20.0  # [Hz] low-pass of the rate loop's derivative: without it, fast motors on a light body chatter
INTEGRAL_SHARE = 0.3  # largest integral term of the rate loop, over what the rotors can do in hover


def body_properties(robot: RobotDescription, space: ParameterSpace,
                    values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mass (n,) [kg], centre of mass (n, 3) [m] and principal inertia about it (n, 3) [kg m2], payload included.

    The payload is a point straight under (or over) the vehicle's own centre of mass, so the axes stay principal.
    """
    def column(name):
        return values[:, space.column(name)]

    own, load = column("mass"), column("payload_mass")
    com = robot.model.link(robot.model.root).com + np.stack([column(f"com_{a}") for a in "xyz"], axis=1)
    inertia = np.stack([column(f"inertia_{a}{a}") for a in "xyz"], axis=1)
    mass = own + load
    arm = column("payload_offset_z") - com[:, 2]
    com[:, 2] += load / mass * arm
    inertia[:, :2] += (own * load / mass * arm**2)[:, None]  # parallel axes of two points: reduced mass * distance^2
    return mass, com, inertia


class Attitude:
    """Rotation of component-first vectors by unit quaternions (4, n), with buffers of its own.

    A vector comes as five rows (x, y, z, x, y): its cyclic shifts are then slices.
    """

    def __init__(self, num_sims: int, dtype=float):
        self._q, self._squares, self._upper, self._lower, self._cross, self._real, self._diagonal, self._product = (
            np.empty((rows, num_sims), dtype) for rows in (6, 5, 4, 4, 3, 3, 3, 3))

    def set(self, quaternion: np.ndarray) -> None:
        """Take ``world_from_body`` (4, n)."""
        q, squares = self._q, self._squares
        q[:4] = quaternion
        np.multiply(q[:4], _SQRT2, out=q[:4])  # then R_xy = x y - w z, without factors of two
        q[4:] = q[1:3]
        np.multiply(q[1:4], q[1:4], out=squares[:3])
        squares[3:] = squares[:2]
        np.subtract(1.0, squares[1:4], out=self._diagonal)
        np.subtract(self._diagonal, squares[2:5], out=self._diagonal)
        np.multiply(q[1:4], q[2:5], out=self._cross)  # xy yz zx
        np.multiply(q[3:6], q[0], out=self._real)  # wz wx wy
        np.subtract(self._cross, self._real, out=self._upper[1:])  # R01 R12 R20
        np.add(self._cross, self._real, out=self._lower[1:])  # R10 R21 R02
        self._upper[0] = self._upper[3]
        self._lower[0] = self._lower[3]

    def to_world(self, vector: np.ndarray, out: np.ndarray) -> np.ndarray:
        """Body vectors (5, n) -> world (3, n)."""
        return self._turn(vector, self._upper[1:], self._lower[:3], out)

    def to_body(self, vector: np.ndarray, out: np.ndarray) -> np.ndarray:
        """World vectors (5, n) -> body (3, n)."""
        return self._turn(vector, self._lower[1:], self._upper[:3], out)

    def _turn(self, vector, second, third, out):
        np.multiply(self._diagonal, vector[:3], out=out)
        np.multiply(second, vector[1:4], out=self._product)
        np.add(out, self._product, out=out)
        np.multiply(third, vector[2:5], out=self._product)
        return np.add(out, self._product, out=out)


class RotorDrive:
    """Rate loop, motors, rotors and drag of ``num_sims`` drones.

    Once per control period ``begin``, then once per substep ``wrench``. Constants are stored once per simulation, even
    where all share them: numpy is twice as fast without broadcasting.

    Attributes:
        speed: Rotor speeds in [rad/s], shape (rotors, n).
        attitude: Rotations of the last ``wrench``.
    """

    def __init__(self, robot: RobotDescription, space: ParameterSpace, num_sims: int, substep: float,
                 num_substeps: int, dtype=float):
        rotors, n, count = robot.rotors, num_sims, len(robot.rotors.positions)
        self._robot, self._space, self._substep, self._dtype = robot, space, substep, dtype

        def rows(k):
            return np.zeros((k, n), dtype)

        longest = sum(space[name].physical_high for name in ("actuator_delay", "control_jitter"))
        self._line = DelayLine(n, 4, num_substeps, substep, longest)
        self.attitude = Attitude(n, dtype)
        self._low = np.concatenate([[0.0], -rotors.max_rate])
        self._high = np.concatenate([[rotors.max_thrust], rotors.max_rate])
        self._design(robot, n)
        self._ticks = np.arange(num_substeps)[:, None]
        self._integer = np.dtype(f"i{np.dtype(dtype).itemsize}")
        self._plans, self._choice = np.zeros((2, num_substeps, 4, n), dtype)
        self._columns = [space.column(f"{what}_{a}") for what in ("gyro_bias", "wind", "external_force")
                         for a in "xyz"]
        self._bias, self._wind, self._push = self._live = np.zeros((3, 3, n), dtype)
        self.speed, self._force, self._work, self._share = (rows(count) for _ in range(4))
        self._lag, self._gain = rows(count), np.zeros(n, dtype)
        self._effects, self._parts = np.zeros((4, count, n), dtype), np.zeros((4, count, n), dtype)
        self._drag, self._error, self._work3, self._rates = (rows(3) for _ in range(4))
        self._integral, self._slope, self._last_rates = rows(3), rows(3), rows(3)
        self._total, self._peak, self._room, self._yaw, self._kept = rows(4), *rows(4)
        self._air, self._body, self._world = rows(5), rows(5), rows(3)

    def _design(self, robot: RobotDescription, n: int) -> None:
        """Everything the firmware knows: geometry and nominal inertia, thrust and torque coefficients, gains."""
        rotors, base = robot.rotors, robot.model.link(robot.model.root)
        arms = rotors.positions[:, :2] - base.com[:2]
        # collective thrust and moments about the nominal centre of mass; yaw without its torque ratio
        self._geometry = np.stack([np.ones(len(arms)), arms[:, 1], -arms[:, 0], -rotors.directions.astype(float)])
        nominal = self._geometry * np.array([1.0, 1.0, 1.0, rotors.torque_ratio])[:, None]
        shares = np.linalg.pinv(nominal) * np.concatenate([[1.0], base.inertia.diagonal()])
        #   rotor thrusts of a collective thrust and of angular accelerations
        self._collective, self._roll, self._pitch, yaw = (self._tile(shares[:, i], n) for i in range(4))
        self._yaw_share = float(abs(shares[:, 3]).max())
        self._yaw_sign = yaw / self._dtype(self._yaw_share)
        self._least, self._most = float(shares[:, 0].min()), float(shares[:, 0].max())
        self._limit = rotors.thrust_coefficient * rotors.max_speed**2
        self._widest = self._limit * self._least / (self._least + self._most)
        hover = robot.hover_thrust * self._most
        authority = min(hover, self._limit - hover) / abs(shares[:, 1:]).max(axis=0)
        self._integral_limit = self._tile(INTEGRAL_SHARE * authority, n)
        p, i, d = rotors.rate_gains.T
        self._fade = float(np.exp(-2.0 * np.pi * SLOPE_CUTOFF * self._substep))
        self._p, self._i, self._d = (self._tile(gain, n) for gain in (
            p, i * self._substep, d * (1.0 - self._fade) / self._substep))

    def _tile(self, column: np.ndarray, n: int) -> np.ndarray:
        return np.repeat(column[:, None], n, axis=1).astype(self._dtype)

    def apply(self, ids: np.ndarray, values: np.ndarray) -> None:
        """Bring parameter values (len(ids), P) into force for ``ids``."""
        def column(name):
            return values[:, self._space.column(name)]

        tau = column("motor_time_constant")
        self._lag[:, ids] = 1.0 - np.exp(-self._substep / tau)  # exact for a speed set point held over a substep
        self._drag[:, ids] = -np.stack([column(f"drag_{a}") for a in "xyz"])
        offset = body_properties(self._robot, self._space, values)[1] - self._robot.model.link(
            self._robot.model.root).com
        # squared speeds -> collective thrust and moments about this simulation's centre of mass, (4, rotors, n)
        effects = np.repeat(self._geometry[:, :, None], len(ids), axis=2)
        effects[1] -= offset[:, 1]
        effects[2] += offset[:, 0]
        effects[3] *= column("torque_ratio")
        factor = column("thrust_coefficient") * self._space.family(values, "rotor_thrust_scale").T
        self._effects[:, :, ids] = effects * factor

    def reset(self, ids: np.ndarray, command: np.ndarray, rates: np.ndarray, values: np.ndarray) -> None:
        """Restart ``ids`` as if ``command`` (len(ids), 4) had always been given, turning at ``rates`` (3, len(ids))."""
        command = np.clip(command, self._low, self._high)
        self._line.reset(ids, command)
        self._integral[:, ids] = 0.0
        self._slope[:, ids] = 0.0
        self._last_rates[:, ids] = rates
        gain = values[:, self._space.column("battery_voltage_scale")] / np.sqrt(self._robot.rotors.thrust_coefficient)
        self.speed[:, ids] = np.sqrt(self._collective[:, ids] * command[:, 0]) * gain

    def begin(self, command: np.ndarray, delay: np.ndarray, values: np.ndarray, time: np.ndarray) -> None:
        """Start a control period: commands (n, 4) given now act ``delay`` (n,) [s] later."""
        self._live[:] = values.T[self._columns].reshape(3, 3, -1)
        column = self._space.column
        charge = np.maximum(1.0 - values[:, column("battery_sag")] * time, 0.0)
        # the firmware's speed for a thrust, times what the battery makes of it
        self._gain[:] = values[:, column("battery_voltage_scale")] * charge / np.sqrt(
            self._robot.rotors.thrust_coefficient)
        schedule = self._plan(np.clip(command, self._low, self._high), delay)
        # what roll and pitch may add or take at any rotor: down to a standing one, up to where the other side stands
        self._margins = np.minimum(schedule[:, 0] * self._least, self._widest)
        np.clip(self._integral, -self._integral_limit, self._integral_limit, out=self._integral)

    def _plan(self, command: np.ndarray, delay: np.ndarray) -> np.ndarray:
        """The commands in force in each substep of this period, (substeps, 4, n); (1, 4, n) if they do not change."""
        before, after, switch = self._line.push(command, delay)
        if not switch.any():
            self._plans[0] = after.T
            self._schedule = self._plans[:1]
            return self._schedule
        self._plans[:], later = before.T, np.ascontiguousarray(after.T, self._dtype)
        # selection by masks of all ones or none on the bits of the numbers: four times as fast as numpy's where
        plans, choice = self._plans.view(self._integer), self._choice.view(self._integer)
        arrived = -(switch <= self._ticks).astype(self._integer)
        np.bitwise_xor(plans, later.view(self._integer), out=choice)
        np.bitwise_and(choice, arrived[:, None], out=choice)
        np.bitwise_xor(plans, choice, out=plans)
        self._schedule = self._plans
        return self._schedule

    def wrench(self, substep: int, quaternion: np.ndarray, velocity: np.ndarray,
               rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Advance motors by a substep; force in the world and moment in the body, without gravity, (3, n) each.

        Both act at the centre of mass, whose ``velocity`` in the world is (3, n). The arrays are reused.
        """
        k = substep if len(self._schedule) > 1 else 0
        self._rates[:] = rates  # a copy to single precision, then arithmetic without conversions: twice as fast
        self._mix(self._rate_loop(self._schedule[k, 1:], self._rates), self._schedule[k, 0], self._margins[k])
        total, air, body = self._spin(), self._air, self._body
        self.attitude.set(quaternion)
        air[:3] = velocity
        np.subtract(air[:3], self._wind, out=air[:3])
        air[3:] = air[:2]
        self.attitude.to_body(air, out=body[:3])
        np.multiply(self._drag, body[:3], out=body[:3])
        np.add(body[2], total[0], out=body[2])
        body[3:] = body[:2]
        force = self.attitude.to_world(body, out=self._world)
        return np.add(force, self._push, out=force), total[1:]

    def _rate_loop(self, target: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Angular accelerations: P on the error, I on it (bounded in ``begin``), D on the filtered measured rate."""
        error, work, slope = self._error, self._work3, self._slope
        np.add(rates, self._bias, out=work)
        np.subtract(target, work, out=error)
        np.multiply(error, self._i, out=work)
        np.add(self._integral, work, out=self._integral)
        np.multiply(error, self._p, out=error)
        np.add(error, self._integral, out=error)
        np.subtract(rates, self._last_rates, out=work)
        np.multiply(work, self._d, out=work)
        np.multiply(slope, self._fade, out=slope)
        np.add(slope, work, out=slope)
        self._last_rates[:] = rates
        return np.subtract(error, slope, out=error)

    def _mix(self, acceleration: np.ndarray, thrust: np.ndarray, margin: np.ndarray) -> None:
        """Rotor thrusts; where the rotors cannot do it all, yaw goes first, then thrust at the upper end.

        Both firmwares do so: Crazyflie's powerDistributionCap, PX4's mixAirmodeDisabled. Thrust is never raised.
        """
        force, work, peak, room, yaw = self._force, self._work, self._peak, self._room, self._yaw
        kept = self._kept
        np.multiply(self._roll, acceleration[0], out=force)
        np.multiply(self._pitch, acceleration[1], out=work)
        np.add(force, work, out=force)
        np.maximum.reduce(np.abs(force, out=work), axis=0, out=peak)
        np.maximum(peak, 1e-12, out=peak)
        np.minimum(peak, margin, out=room)
        np.divide(room, peak, out=peak)
        np.multiply(force, peak, out=force)
        np.subtract(self._limit, room, out=kept)  # the largest share of the thrust that leaves this room above it
        np.minimum(np.multiply(kept, 1.0 / self._most, out=kept), thrust, out=kept)
        # what is left for yaw, below and above
        np.subtract(self._limit, np.multiply(kept, self._most, out=peak), out=peak)
        np.minimum(peak, np.multiply(kept, self._least, out=yaw), out=peak)
        np.maximum(np.subtract(peak, room, out=room), 0.0, out=room)
        np.multiply(acceleration[2], self._yaw_share, out=yaw)
        np.minimum(yaw, room, out=yaw)
        np.maximum(yaw, np.negative(room, out=room), out=yaw)
        np.add(force, np.multiply(self._yaw_sign, yaw, out=work), out=force)
        np.add(force, np.multiply(self._collective, kept, out=work), out=force)

    def _spin(self) -> np.ndarray:
        """Motors follow; collective thrust and moments about the centre of mass, (4, n)."""
        force, speed, parts, total = self._force, self.speed, self._parts, self._total
        np.maximum(force, 0.0, out=force)
        np.sqrt(force, out=force)
        np.multiply(force, self._gain, out=force)
        np.subtract(force, speed, out=force)
        np.multiply(force, self._lag, out=force)
        np.add(speed, force, out=speed)
        np.multiply(speed, speed, out=force)
        np.multiply(self._effects, force, out=parts)
        np.add(parts[:, 0], parts[:, 1], out=total)
        for rotor in range(2, len(force)):
            np.add(total, parts[:, rotor], out=total)
        return total
