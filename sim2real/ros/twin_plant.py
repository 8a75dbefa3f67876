"""The robot behind the twin's topics: a simulator of one robot that keeps step with the wall clock.

Transport effects (dead time, jitter, losses, age of measurements) act on whole messages here, so that they mean the
same whatever the simulator's step; everything else acts inside the simulator.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable

import numpy as np

from sim2real.errors import SimulationError
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.ros.flight import PositionHold, level_rates
from sim2real.ros.profiles import RosProfile, WatchdogStage
from sim2real.ros.setpoints import Points, Setpoints
from sim2real.simulators.base import Simulator
from sim2real.types import RobotState

_TRANSPORT = ("actuator_delay", "control_jitter", "command_drop_probability", "sensor_delay")
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
    overrides = {name: change for name, change in robot.parameter_overrides.items() if name not in _TRANSPORT}
    return dataclasses.replace(robot, control_period=period, substep=period / substeps, parameter_overrides=overrides,
                               sensors=dataclasses.replace(robot.sensors, delay=0.0),
                               actuator=dataclasses.replace(robot.actuator, delay=0.0))


class Autopilot:
    """What stands between set points and a drone's rate loop: hover before the first one, watchdog, thrust lock.

    The stages are the vehicle's own: a Crazyflie levels after 0.5 s without a set point and stops its motors after 2 s
    (and is locked until it sees one with zero thrust); PX4 holds its place after 1 s.
    """

    def __init__(self, robot: RobotDescription, stages: tuple[WatchdogStage, ...], unlock: bool, start: np.ndarray):
        self._stages = sorted(stages, key=lambda stage: stage.after)
        self._unlock = unlock
        self._locked = unlock
        self._hold = PositionHold(robot, start)
        self._stage: WatchdogStage | None = None
        self.active = False  # whether set points rule

    def take(self, command: np.ndarray) -> np.ndarray:
        """A set point (4,) that has just come: what of it counts."""
        self.active = True
        if self._unlock and command[0] == 0.0:
            self._locked = False
        return command * 0.0 if self._locked else command

    def command(self, wanted: np.ndarray, age: float, state: RobotState, dt: float) -> np.ndarray:
        """The rate loop's command (4,): ``wanted``, unless it is older than a stage allows."""
        if not self.active:
            return self._hold.command(state, dt)
        stage = next((s for s in reversed(self._stages) if age > s.after), None)
        if stage is not None and stage.action == "hold" and self._stage is not stage:
            self._hold.target = state.position[0].copy()
        self._stage = stage
        if stage is None:
            return wanted
        if stage.action == "hold":
            return self._hold.command(state, dt)
        if stage.action == "motors_off":
            self._locked = self._unlock
            return np.zeros(4)
        return np.concatenate([wanted[:1], level_rates(state.quaternion[0])])


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
    """

    def __init__(self, simulator: Simulator, robot: RobotDescription, profile: RosProfile, values: np.ndarray, *,
                 seed: int = 0, evolve: Callable[[np.ndarray, np.ndarray], bool] | None = None):
        if simulator.num_sims != 1:
            raise SimulationError(f"a twin is one simulation, got {simulator.num_sims}")
        space = ParameterSpace.for_robot(robot)
        transport = {name: float(values[space.column(name)]) for name in _TRANSPORT}
        self._sim, self._evolve = simulator, evolve
        self._values = np.array(values, float)[None]
        self._outside = [space.column(name) for name in _TRANSPORT]
        self._battery = ([space.column("battery_voltage_scale"), space.column("battery_sag")]
                         if robot.kind == "drone" else None)
        self._flown = 0.0  # [s] under set points: what the battery has sagged for
        self._set_values()
        start = simulator.home_state(1)
        if robot.kind == "drone":
            start.position[:, 2] = _START_HEIGHT
        simulator.reset(None, start)
        rest = simulator.rest_command(start)[0]
        self._setpoints = Setpoints(rest, delay=transport["actuator_delay"], jitter=transport["control_jitter"],
                                    loss=transport["command_drop_probability"], seed=seed)
        self._autopilot = (Autopilot(robot, profile.watchdog, profile.unlock, start.position[0])
                           if robot.kind == "drone" else None)
        self._age_of_state = transport["sensor_delay"]
        self._last_received = -math.inf
        self._settle()
        self._time = self._started = 0.0  # the wall clock's time of the simulator's state
        self._measured: deque[tuple[float, RobotState]] = deque([(-math.inf, simulator.state().copy())])
        self.dropped_time = 0.0  # [s] that the simulator could not keep up with
        self.commands = 0

    @property
    def period(self) -> float:
        """Time of one simulator step in [s]."""
        return self._sim.control_period

    def start(self, now: float) -> None:
        """Let the simulator's time run from ``now`` [s] on."""
        self._time = self._started = now

    def receive(self, points: Points, now: float) -> None:
        """Take in set points of a message that came at ``now`` [s]."""
        if not all(np.isfinite(point).all() for _, point in points):
            return  # as a driver that checks would; those that do not are what the safety filter is for
        self.commands += 1
        self._last_received = now
        if self._autopilot is not None:
            points = [(t, self._autopilot.take(point)) for t, point in points]
        self._setpoints.receive(points, now)

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

    def _step(self, now: float) -> None:
        wanted = self._setpoints.at(now)
        if self._autopilot is not None:
            wanted = self._autopilot.command(wanted, now - self._last_received, self._sim.state(), self.period)
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
        self._sim.set_parameters(None, inside)

    def _settle(self) -> None:
        """Let a drone find its trim and an arm sag into its servos before anybody watches."""
        seconds = 6.0 if self._autopilot is not None else 1.0
        for k in range(round(seconds / self.period)):
            self._step(k * self.period - seconds)
        if not np.isfinite(self._sim.true_state().joint_position).all():
            raise SimulationError("the twin is unstable at rest; give other parameters")


