"""What stands between set points and a drone's rate loop: hover before the first one, watchdog, thrust lock, failsafe.

Sources: crazyflie-firmware (commander.c, crtp_commander_rpyt.c) for levelling, motors off and the lock; PX4 for the
failsafe: COM_OF_LOSS_T 1 s, then Hold for COM_FAIL_ACT_T 5 s, then the action, here a descent at MPC_LAND_SPEED 0.7 m/s
and disarming COM_DISARM_LAND 2 s after touching the ground. Assumed: the descent, which PX4 leaves to its user
(COM_OBL_RC_ACT, by default position control by remote control, which a twin has not).
"""

from __future__ import annotations

import numpy as np

from sim2real.robots import RobotDescription
from sim2real.ros.flight import PositionHold, level_rates
from sim2real.ros.profiles import WatchdogStage
from sim2real.types import RobotState

_HOLD_SECONDS = 5.0
_DESCENT = 0.7  # [m/s]
_DISARM_SECONDS = 2.0  # on the ground
_ON_GROUND = 0.2  # [m/s]: slower than that while it descends, and the ground carries it


class Autopilot:
    """One vehicle's own nature.

    Args:
        stages: Watchdog by the age of the last sign of life. "hold" is latched: only ``request`` ends it.
        unlock: Thrust counts only once a set point without thrust was seen, again after every "motors_off".
        start: Place to hover at before the first set point in [m], shape (3,).

    Attributes:
        active: Whether set points rule.
        failsafe: "" or what the vehicle does by itself until ``request``: "hold", "descend", "disarmed".
    """

    def __init__(self, robot: RobotDescription, stages: tuple[WatchdogStage, ...], unlock: bool, start: np.ndarray):
        self._stages = sorted(stages, key=lambda stage: stage.after)
        self._unlock = unlock
        self._locked = unlock
        self._hold = PositionHold(robot, start)
        self._since = 0.0  # [s] in the failsafe
        self._landed = 0.0  # [s] without sinking
        self.active = False
        self.failsafe = ""

    def take(self, command: np.ndarray) -> np.ndarray:
        """A set point (4,) that has just come: what of it counts."""
        self.active = True
        if self._unlock and command[0] == 0.0:
            self._locked = False
        return command * 0.0 if self._locked else command

    def request(self, age: float) -> str:
        """Give the vehicle back to set points whose last sign of life is ``age`` [s] old; "", or why not."""
        if self.failsafe == "disarmed":
            return "the vehicle has landed and is disarmed; start the twin again, which begins in flight"
        oldest = min((stage.after for stage in self._stages if stage.action == "hold"), default=np.inf)
        if self.failsafe and age > oldest:
            return f"no sign of life for {age:.1f} s; stream set points and heartbeats first"
        self.failsafe = ""
        return ""

    def command(self, wanted: np.ndarray, age: float, state: RobotState, dt: float) -> np.ndarray:
        """The rate loop's command (4,): ``wanted``, unless the last sign of life is older than a stage allows."""
        if not self.active:
            return self._hold.command(state, dt)
        stage = next((s for s in reversed(self._stages) if age > s.after), None)
        if stage is not None and stage.action == "hold" and not self.failsafe:
            self.failsafe, self._since, self._landed = "hold", 0.0, 0.0
            self._hold.target = state.position[0].copy()
        if self.failsafe:
            return self._fail_safely(state, dt)
        if stage is None:
            return wanted
        if stage.action == "motors_off":
            self._locked = self._unlock
            return np.zeros(4)
        return np.concatenate([wanted[:1], level_rates(state.quaternion[0])])

    def _fail_safely(self, state: RobotState, dt: float) -> np.ndarray:
        self._since += dt
        if self.failsafe == "hold" and self._since > _HOLD_SECONDS:
            self.failsafe = "descend"
        if self.failsafe == "hold":
            return self._hold.command(state, dt)
        sinking = abs(float(state.linear_velocity[0, 2])) > _ON_GROUND
        self._landed = 0.0 if sinking or self._since < _HOLD_SECONDS + 1.0 else self._landed + dt
        if self._landed > _DISARM_SECONDS:
            self.failsafe = "disarmed"
        if self.failsafe == "disarmed":
            return np.zeros(4)
        return self._hold.command(state, dt, climb=-_DESCENT)
