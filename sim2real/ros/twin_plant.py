"""The robot behind the twin's topics: a simulator of one robot that keeps step with the wall clock.

Transport effects (dead time, jitter, losses, age of measurements) act on whole messages here, so that they mean the
same whatever the simulator's step; everything else acts inside the simulator.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Hashable

import numpy as np

from sim2real.errors import SimulationError
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.ros.autopilot import Autopilot
from sim2real.ros.driver_nature import heartbeats
from sim2real.ros.profiles import RosProfile
from sim2real.ros.setpoints import Points, Setpoints
from sim2real.simulators.base import Simulator
from sim2real.types import RobotState

TRANSPORT = ("actuator_delay", "control_jitter", "command_drop_probability", "sensor_delay")
_LONGEST_STEP = {"arm": 0.004, "drone": 0.002}  # [s] of a twin's simulator: the granularity of delays
_DEEPEST_SAG = 0.1  # of the voltage: a twin flies for minutes, the parameter is about the seconds of an episode
_SAG_SECONDS = 0.5  # between two looks at the battery
_START_HEIGHT = 1.0  # [m] at which a drone hovers when the twin starts, as after a take-off


def step_period(rate: float, kind: str) -> tuple[float, int]:
    """Simulator step in [s] and steps per message for messages at ``rate`` [Hz] of a ``kind`` of robot."""
    count = max(1, math.ceil(1.0 / rate / _LONGEST_STEP[kind] - 1e-9))
    return 1.0 / rate / count, count


def with_step(robot: RobotDescription, period: float) -> RobotDescription:
    """``robot`` whose control period is ``period`` [s], in whole substeps no longer than its own.

    Its own nominal values and ranges of transport parameters go: the plant acts them out.
    """
    substeps = math.ceil(period / robot.substep - 1e-9)
    overrides = {name: change for name, change in robot.parameter_overrides.items() if name not in TRANSPORT}
    return dataclasses.replace(robot, control_period=period, substep=period / substeps, parameter_overrides=overrides,
                               sensors=dataclasses.replace(robot.sensors, delay=0.0),
                               actuator=dataclasses.replace(robot.actuator, delay=0.0))


class TwinPlant:
    """One simulated robot in real time.

    Args:
        simulator: One simulation of ``with_step(robot, step_period(rate, robot.kind)[0])``.
        robot: The robot description itself, whose control period the transport parameters refer to.
        profile: Its driver's profile.
        values: Parameters of the vocabulary of ``robot``, shape (P,).
        seed: Seed of losses and jitter.
        evolve: Changes ``values`` (1, P) in place at a time [s] (1,) since the start and says whether it did: pushes
            and gusts.

    Attributes:
        scaled: Whether the active controller slows its trajectory with ``speed_scaling``, as UR's scaled one does.
        dropped_time: Time in [s] that the simulator could not keep up with.
        commands: Messages of set points that were taken.
    """

    def __init__(self, simulator: Simulator, robot: RobotDescription, profile: RosProfile, values: np.ndarray, *,
                 seed: int = 0, evolve: Callable[[np.ndarray, np.ndarray], bool] | None = None):
        if simulator.num_sims != 1:
            raise SimulationError(f"a twin is one simulation, got {simulator.num_sims}")
        space = self._space = ParameterSpace.for_robot(robot)
        transport = {name: float(values[space.column(name)]) for name in TRANSPORT}
        self._sim, self._evolve, self._robot, self._profile = simulator, evolve, robot, profile
        self._overrides: dict[Hashable, tuple[int, float]] = {}  # by who wants it: column, value
        self._slowing: dict[Hashable, float] = {}
        self._stops: set[Hashable] = set()
        self.scaled = False
        self._values = np.array(values, float)[None]
        self._outside = [space.column(name) for name in TRANSPORT]
        self._battery = ([space.column("battery_voltage_scale"), space.column("battery_sag")]
                         if robot.kind == "drone" else None)
        self._flown = 0.0  # [s] under set points: what the battery has sagged for
        self._set_values()
        start = simulator.home_state(1)
        if robot.kind == "drone":
            start.position[:, 2] = _START_HEIGHT
        simulator.reset(None, start)
        rest = simulator.rest_command(start)[0]
        on_the_way = {"delay": transport["actuator_delay"], "jitter": transport["control_jitter"],
                      "loss": transport["command_drop_probability"], "seed": seed}
        self._setpoints = Setpoints(rest, **on_the_way)
        self._rates = Setpoints(np.zeros(len(rest)), **on_the_way)  # of the velocity interface
        self._reached = rest  # where the set points have led
        self._low, self._high = robot.position_low, robot.position_high
        self._autopilot = self._new_autopilot(start)
        self._beats = any(heartbeats(command) for command in profile.commands.values())
        self._age_of_state = transport["sensor_delay"]
        self._last_alive = -math.inf  # the last sign of life: a heartbeat where there are any, else a set point
        self._settle()
        self._time = self._started = 0.0  # the wall clock's time of the simulator's state
        self._measured: deque[tuple[float, RobotState]] = deque([(-math.inf, simulator.state().copy())])
        self.dropped_time = 0.0
        self.commands = 0

    @property
    def period(self) -> float:
        """Time of one simulator step in [s]."""
        return self._sim.control_period

    def start(self, now: float) -> None:
        """Let the simulator's time run from ``now`` [s] on."""
        self._time = self._started = now

    def receive(self, points: Points, now: float, quantity: str = "position") -> None:
        """Take in set points of a message that came at ``now`` [s]; a velocity holds until the next message."""
        if not all(np.isfinite(point).all() for _, point in points):
            return  # as a driver that checks would; those that do not are what the safety filter is for
        waiting = self._beats and self._last_alive == -math.inf
        if waiting or not self.running:
            return  # PX4 before its first heartbeat; UR: the driver's controller_stopper has taken the controller away
        self.commands += 1
        if not self._beats:
            self._last_alive = now
        if self._autopilot is not None:
            points = [(t, self._autopilot.take(point)) for t, point in points]
        (self._rates if quantity == "velocity" else self._setpoints).receive(points, now)

    def advance(self, now: float, *, longest: float = 0.1) -> None:
        """Step up to ``now`` [s]; what is over ``longest`` [s] behind is dropped and counted."""
        behind = now - self._time
        if behind > longest:
            self.dropped_time += behind - longest
            self._time = now - longest
        while self._time + self.period <= now + 1e-6:
            if self._evolve is not None and self._evolve(self._values, np.array([self._time - self._started])):
                self._set_values()
            self._step(self._time)
            self._time += self.period
            self._measured.append((self._time, self._sim.state().copy()))
        while len(self._measured) > 1 and self._measured[1][0] <= self._time - self._age_of_state:
            self._measured.popleft()

    def measured(self) -> RobotState:
        """What the sensors report now: the state of ``sensor_delay`` ago."""
        return self._measured[0][1]

    def true_state(self) -> RobotState:
        """What is."""
        return self._sim.true_state()

    def close(self) -> None:
        """Free the simulator."""
        self._sim.close()

    # ------------------------------------------------------------------ what the driver and its people do besides
    @property
    def running(self) -> bool:
        """Whether the robot's program runs; while it does not, an arm stands and takes no commands."""
        return not self._stops

    @property
    def speed_scaling(self) -> float:
        """Share of full speed, 0 to 1, at which the controller executes motions."""
        return min(self._slowing.values(), default=1.0)

    @property
    def failsafe(self) -> str:
        """What a drone does by itself until it is asked to obey again; empty while it obeys."""
        return self._autopilot.failsafe if self._autopilot is not None else ""

    def stop(self, who: Hashable, now: float) -> None:
        """Stop the program at ``now`` [s]: an arm brakes at its largest acceleration and stands."""
        if self.running and self._autopilot is None:
            state, most = self.true_state(), self._robot.acceleration_limit
            q, v = state.joint_position[0], state.joint_velocity[0]
            ends = np.abs(v) / most
            times = np.linspace(0.0, max(float(ends.max()), self.period), 20)
            self._follow([(float(t), q + v * np.minimum(t, ends) - 0.5 * np.copysign(most, v) * np.minimum(t, ends)**2)
                          for t in times], now)
        self._stops.add(who)

    def run(self, who: Hashable) -> None:
        """Let the program run again once nobody stops it; the arm stands until a new command comes."""
        self._stops.discard(who)

    def slow(self, who: Hashable, share: float | None) -> None:
        """Scale the speed by ``share``; None takes that back. The smallest of all counts."""
        self._slowing.pop(who, None)
        if share is not None:
            self._slowing[who] = share

    def override(self, who: Hashable, name: str, value: float | None) -> None:
        """Give a parameter another value until None takes it back; those of the transport cannot change."""
        self._overrides.pop(who, None)
        if value is not None:
            self._overrides[who] = self._space.column(name), self._space.check(name, value)
        self._set_values()

    def hold_here(self, now: float) -> None:
        """Forget all commands and keep the set point in force: another controller takes over."""
        self._follow([(0.0, self._reached)], now)

    def heartbeat(self, now: float) -> None:
        """A sign of life besides the set points came at ``now`` [s]; where there are such, set points are none."""
        self._last_alive = now

    def request(self, now: float) -> str:
        """Ask a drone in its failsafe to obey again; empty, or why it does not."""
        return "" if self._autopilot is None else self._autopilot.request(now - self._last_alive)

    def restart(self, offset: np.ndarray, now: float) -> None:
        """Stand still elsewhere, with everything forgotten: joints (J,) [rad] or a drone's place (3,) [m] away."""
        state, old = self._sim.home_state(1), self.true_state()
        if self._autopilot is None:
            state.joint_position[0] = np.clip(old.joint_position[0] + offset, self._low, self._high)
        else:
            state.position[0] = old.position[0] + offset
            self._autopilot = self._new_autopilot(state)
        self._sim.reset(None, state)
        self._follow([(0.0, self._sim.rest_command(state)[0])], now)
        self._last_alive = -math.inf
        self._measured = deque([(-math.inf, self._sim.state().copy())])

    # ------------------------------------------------------------------ inside
    def _new_autopilot(self, state: RobotState) -> Autopilot | None:
        if self._robot.kind == "arm":
            return None
        return Autopilot(self._robot, self._profile.watchdog, self._profile.unlock, state.position[0])

    def _follow(self, points: Points, now: float) -> None:
        """Forget every command and follow ``points`` from ``now`` [s] on."""
        self._setpoints.replace(points, now)
        self._rates.replace([(0.0, np.zeros_like(points[0][1]))], -math.inf)
        self._reached = points[0][1]

    def _step(self, now: float) -> None:
        speed = self.speed_scaling
        wanted, rates = self._setpoints.at(now, speed if self.scaled else 1.0), self._rates.at(now)
        if self._rates.since > self._setpoints.since:  # no timeout, as in the driver: only the joints' ends stop it
            wanted = np.clip(self._reached + rates * self.period, self._low, self._high)
        if speed < 1.0 and not self.scaled:  # assumed: a slowed arm follows no faster than that share of its speed
            reach = speed * self._robot.velocity_limit * self.period
            wanted = np.clip(wanted, self._reached - reach, self._reached + reach)
        self._reached = wanted
        if self._autopilot is not None:
            wanted = self._autopilot.command(wanted, now - self._last_alive, self._sim.state(), self.period)
            self._drain()
        self._sim.step(wanted[None])

    def _drain(self) -> None:
        """Let the battery sag, once the drone flies under set points."""
        assert self._autopilot is not None
        if self._autopilot.active:
            before = self._flown // _SAG_SECONDS
            self._flown += self.period
            if self._flown // _SAG_SECONDS > before:
                self._set_values()

    def _set_values(self) -> None:
        """Bring the values into the simulator, without what is acted out here: transport, and the battery."""
        inside = self._values.copy()
        inside[:, self._outside] = 0.0
        if self._battery is not None:
            voltage, sag = self._battery
            inside[:, voltage] *= 1.0 - np.minimum(inside[:, sag] * self._flown, _DEEPEST_SAG)
            inside[:, sag] = 0.0
        for column, value in self._overrides.values():
            inside[:, column] = value
        self._sim.set_parameters(None, inside)

    def _settle(self) -> None:
        """Let a drone find its trim and an arm sag into its servos before anybody watches."""
        seconds = 6.0 if self._autopilot is not None else 1.0
        for k in range(round(seconds / self.period)):
            self._step(k * self.period - seconds)
        if not np.isfinite(self._sim.true_state().joint_position).all():
            raise SimulationError("the twin is unstable at rest; give other parameters")


