"""The protocol behind which every engine stands.

``step`` is a template: effects that no engine has (dropped commands, backlash, sensor noise and delay) are applied
here, once, the same for all; an engine fills in the hooks ``_apply``, ``_write``, ``_advance`` and ``_read``.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import numpy as np

from sim2real.errors import ParameterError, SimulationError
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.simulators.effects import CommandEffects
from sim2real.simulators.sensors import make_sensors
from sim2real.types import RobotState

if TYPE_CHECKING:
    from sim2real.simulators.painting.painter import Painter


class Simulator(abc.ABC):
    """``num_sims`` simulations of one robot, stepped together by one control period.

    Attributes:
        robot: The robot description.
        space: The parameter vocabulary, columns of ``values``.
        values: Parameter values in force, shape (num_sims, P). Read it; write through ``set_parameters``.
        control_period, substep: Time of one ``step`` and of one integration step in [s].
        num_substeps: Integration steps in one ``step``.
        command_size: Columns of a command: joints of an arm [rad], or 4 for a drone
            (collective thrust [N], body rates [rad/s]).
        time: Time since reset in [s], shape (num_sims,).
        streamed: Whether an arm's commands come as a deployed ``CommandStream`` sends them: smooth, and later. Set it
            before a reset; by default a command holds for its period.
        unstable: Simulations that the engine could not integrate since their last reset, shape (num_sims,), or that
            got a command that is not finite. They go on from their last finite state at rest, or under the last finite
            command, and are worth nothing until they are reset; the others are not affected.
    """

    engine = ""

    def __init__(self, robot: RobotDescription, num_sims: int, *, seed: int = 0, threads: int = 0):
        if num_sims < 1:
            raise SimulationError(f"expected at least one simulation, got num_sims={num_sims}")
        self.robot = robot
        self.num_sims = num_sims
        self.seed = seed
        self.threads = threads
        self.space = ParameterSpace.for_robot(robot)
        self.values = np.asfortranarray(self.space.batch(num_sims))  # steps read whole columns
        self.control_period = robot.control_period
        self.num_substeps = round(robot.control_period / robot.substep)
        self.substep = robot.control_period / self.num_substeps
        self.command_size = robot.num_joints if robot.kind == "arm" else 4
        self.time = np.zeros(num_sims)
        self.streamed = False
        self.unstable = np.zeros(num_sims, bool)
        self.all_ids = np.arange(num_sims)
        self._steps = np.zeros(num_sims, np.int64)  # never reset: the counter of the noise streams
        self._commands = CommandEffects(self.space, num_sims, self.command_size, seed)
        self._sensors = make_sensors(robot, self.space, num_sims, seed)
        self._truth: RobotState | None = None
        self._painter: Painter | None = None

    # ------------------------------------------------------------------ protocol
    def reset(self, ids: np.ndarray | None = None, state: RobotState | None = None,
              noise_counter: np.ndarray | None = None, command: np.ndarray | None = None) -> None:
        """Put simulations into ``state`` at rest of all memory: delays, filters, histories and clocks restart.

        Args:
            ids: Sorted indices, None for all.
            state: State of the ``len(ids)`` simulations; None is the home pose (arm) or level at the origin (drone).
            noise_counter: Where each simulation's noise streams restart, shape (len(ids),); default: they go on.
            command: What delays and filters hold as if it had always been given, shape (len(ids), command_size);
                default: the command that keeps ``state``.
        """
        ids = self.all_ids if ids is None else np.asarray(ids)
        if len(ids) == 0:
            return
        if state is None:
            state = self.home_state(len(ids))
        if noise_counter is not None:
            self._steps[ids] = noise_counter
        self.time[ids] = 0.0
        self.unstable[ids] = False
        self._write(ids, state)
        rest = self.rest_command(state) if command is None else np.asarray(command, float)
        self._commands.reset(ids, rest)
        self._reset_actuators(ids, rest)
        truth = self._refresh()
        self._sensors.reset(ids, truth[ids], self.values, self._steps)

    def identify(self, identities: np.ndarray) -> None:
        """Name the simulations: all their random streams depend on (seed, identity), shape (num_sims,) integers.

        By default a simulation is its index; evaluation names each by its episode's own seed, so that one episode can
        be run again alone.
        """
        self._commands.identify(identities)
        self._sensors.identify(identities)

    def set_parameters(self, ids: np.ndarray | None, values: np.ndarray) -> None:
        """Put ``values`` (len(ids), P) into force; nominal values are always the base, nothing accumulates.

        Changing only live columns (``Parameter.live``) costs nothing; any other makes the engine recompute.
        """
        ids = self.all_ids if ids is None else np.asarray(ids)
        values = np.asarray(values, float)
        if values.shape != (len(ids), len(self.space)):
            raise ParameterError(f"expected parameter values of shape {(len(ids), len(self.space))}, "
                                 f"got {values.shape}; build them with ParameterSpace.batch")
        static = ~self.space.live
        changed = (self.values[ids][:, static] != values[:, static]).any(axis=1)
        self.values[ids] = values
        if changed.any():
            self._apply(ids[changed])

    def step(self, command: np.ndarray) -> None:
        """Advance every simulation by one control period under ``command`` (num_sims, command_size) in SI units."""
        command = np.asarray(command, float)
        if command.shape != (self.num_sims, self.command_size):
            raise SimulationError(f"expected a command of shape {(self.num_sims, self.command_size)}, "
                                  f"got {command.shape}")
        if not np.isfinite(command).all():
            broken = ~np.isfinite(command).all(axis=1)
            self.unstable |= broken
            command = np.where(broken[:, None], self._commands.held, command)
        command, delay = self._commands.apply(command, self.values, self._steps)
        self._advance(command, delay)
        self.time += self.control_period
        self._steps += 1
        self._sensors.record(self._refresh(), self.values, self._steps)

    def state(self) -> RobotState:
        """What the sensors report now: delayed, biased, noisy, quantised. The same until the next step or reset."""
        return self._sensors.measured

    def true_state(self) -> RobotState:
        """What is: for rewards, privileged observations and evaluation, never for a policy."""
        return self._truth if self._truth is not None else self._refresh()

    def render(self, camera: str, ids: np.ndarray | None = None, size: tuple[int, int] | None = None,
               kind: str = "color") -> np.ndarray:
        """Frames of simulations, drawn by the engine's painter as nominal looks are.

        Args:
            camera: One of the robot's description, "overview", or "chase" of a drone.
            ids: Indices, None for all.
            size: (height, width) in [pixels]; default: the camera's own.
            kind: "color": (len(ids), height, width, 3) uint8; "depth": (len(ids), height, width) float32 in [m], inf
                where nothing is; "segmentation": (len(ids), height, width) int32: 0 nothing, 1 the robot, 2 the floor.

        Raises:
            BadInputError: An unknown camera or kind, or an impossible size.
            MissingDependencyError: What the engine draws with is missing.
        """
        from sim2real.simulators.painting import paint_pool
        from sim2real.simulators.scenes.robot_scene import robot_poses, robot_scene

        if self.engine not in paint_pool.ENGINES:
            raise SimulationError(f"engine {self.engine!r} cannot render; use mujoco or pybullet")
        if self._painter is None:
            self._painter = paint_pool.make_painter(self.engine, robot_scene(self.robot))
        ids = self.all_ids if ids is None else np.asarray(ids)
        return self._painter.render(camera, robot_poses(self.robot, self.true_state()[ids]), kind=kind, size=size)

    def close(self) -> None:
        """Free the engine; closing twice is fine."""
        if self._painter is not None:
            self._painter.close()
            self._painter = None

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *exc) -> None:
        self.close()

    # ------------------------------------------------------------------ shared helpers
    def home_state(self, n: int) -> RobotState:
        """The home pose at rest, ``n`` times."""
        state = RobotState.zeros(n, self.robot.num_joints)
        state.joint_position[:] = self.robot.home
        return state

    def rest_command(self, state: RobotState) -> np.ndarray:
        """The command that keeps ``state``: its joints (arm) or hover thrust without rates (drone), shape (n, C)."""
        if self.robot.kind == "arm":
            return state.joint_position.copy()
        command = np.zeros((len(state), 4))
        command[:, 0] = self.robot.hover_thrust
        return command

    def _refresh(self) -> RobotState:
        self._truth = self._read()
        self._truth.time[:] = self.time
        return self._truth

    # ------------------------------------------------------------------ hooks of an engine
    @abc.abstractmethod
    def _apply(self, ids: np.ndarray) -> None:
        """Bring ``self.values[ids]`` into the engine, computed from the nominal model."""

    @abc.abstractmethod
    def _write(self, ids: np.ndarray, state: RobotState) -> None:
        """Set positions and velocities of ``ids``; clear everything else the engine remembers."""

    @abc.abstractmethod
    def _reset_actuators(self, ids: np.ndarray, command: np.ndarray) -> None:
        """Fill delay lines and filters of ``ids`` as if ``command`` (len(ids), C) had always been given."""

    @abc.abstractmethod
    def _advance(self, command: np.ndarray, delay: np.ndarray) -> None:
        """Integrate one control period; ``command`` given now acts ``delay`` [s], shape (num_sims,), later.

        At time t an actuator uses the command that was in force at t - delay (zero-order hold).
        """

    @abc.abstractmethod
    def _read(self) -> RobotState:
        """The true state of all simulations, in the package's conventions; a fresh object each time."""
