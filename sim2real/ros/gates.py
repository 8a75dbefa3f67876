"""What must be green before a policy may drive, and while it does: one sentence for each thing that is not.

The judgement of the driver is of plain numbers, so it needs no ROS to be tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sim2real.deployment.decision import HOLD_AGE
from sim2real.deployment.envelope_limits import EnvelopeLimits
from sim2real.robots import RobotDescription
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.types import RobotState

_RATE_SHARE = 0.5  # of the profile's rate that must arrive at least: a policy may be slower than the driver
_OUTSIDE = 0.1  # [rad] or [m] beyond a joint's limits that calibration may explain
_TILT = 30.0  # [deg] at which a drone may begin: far above what wind asks for
_SAMPLES = 5  # receptions from which a rate can be told


class Gate(Protocol):
    """Something that has to be so for the robot to move."""

    def closed(self) -> list[str]:
        """One sentence for each thing that is not green; asked before the node configures, is armed and activates."""
        ...

    def judge(self) -> tuple[str, str]:
        """("stop" or "hold", why), or ("", "") where the robot may move; asked at every decision of the control loop,
        in its thread: it answers from what is known, within microseconds."""
        ...


def all_closed(gates: Iterable[Gate]) -> list[str]:
    """What ``closed`` of each says, one after the other."""
    return [sentence for gate in gates for sentence in gate.closed()]


def gravest(gates: Iterable[Gate]) -> tuple[str, str]:
    """The first verdict that stops, or else the first that holds."""
    found = ("", "")
    for gate in gates:
        verdict = gate.judge()
        if verdict[0] == "stop":
            return verdict
        if not found[0]:
            found = verdict
    return found


@dataclass(frozen=True)
class Seen:
    """What a node sees of its robot.

    Attributes:
        state: The last state, or None.
        now: The time in [s], of the clock of ``state.time``.
        received: When the last states came, [s], oldest first.
        takers: Subscribers of the command topic.
        rivals: Names of other nodes that publish on it.
        rejected: Why the last message was not taken, "" if it was.
    """

    state: RobotState | None
    now: float
    received: Sequence[float]
    takers: int
    rivals: Sequence[str]
    rejected: str = ""


def closed(robot: RobotDescription, profile: RosProfile, command: CommandTopic, seen: Seen) -> list[str]:
    """The gates that are not green."""
    return [*_of_state(robot, profile, seen), *_of_commands(command, seen)]


def _of_state(robot: RobotDescription, profile: RosProfile, seen: Seen) -> list[str]:
    topic = profile.state.topic
    if seen.state is None:
        return [f"no usable state on {topic}" + (f": {seen.rejected}" if seen.rejected else "")]
    age = seen.now - float(seen.state.time[0])
    found = []
    if not age <= HOLD_AGE:
        found.append(f"the last state on {topic} is {1e3 * age:.0f} ms old; {1e3 * HOLD_AGE:.0f} ms are allowed")
    if len(seen.received) >= _SAMPLES:
        rate = (len(seen.received) - 1) / max(seen.received[-1] - seen.received[0], 1e-9)
        needed = _RATE_SHARE * min(profile.state.rate, 1.0 / robot.control_period)
        if rate < needed:
            found.append(f"{topic} comes {rate:.1f} times a second; {needed:.1f} are needed at least")
    if not seen.state.is_finite().all():
        found.append(f"the state on {topic} is not finite; if the driver leaves velocities out, set "
                     "'ros.state.velocity: differentiated'")
    elif robot.kind == "arm":
        found += _of_joints(robot, seen.state.joint_position[0])
    else:
        found += _of_drone(robot, seen.state)
    return found


def _of_joints(robot: RobotDescription, q: np.ndarray) -> list[str]:
    beyond = np.maximum(robot.position_low - q, q - robot.position_high)
    k = int(np.argmax(beyond))
    if beyond[k] <= _OUTSIDE:
        return []
    text = (f"{robot.joint_names[k]} is at {q[k]:.4g}, outside [{robot.position_low[k]:.4g}, "
            f"{robot.position_high[k]:.4g}]")
    radians = np.radians(q)
    if ((robot.position_low <= radians) & (radians <= robot.position_high)).all():
        text += "; the driver seems to speak degrees ('scale: 1 deg' in its ros section)"
    return [text]


def _of_drone(robot: RobotDescription, state: RobotState) -> list[str]:
    """A drone begins upright and above the ground: what wrong axes or a wrong order of a quaternion do not leave so."""
    found = []
    tilt = np.degrees(np.arccos(np.clip(1.0 - 2.0 * float((state.quaternion[0, 1:3] ** 2).sum()), -1.0, 1.0)))
    if tilt > _TILT:
        found.append(f"the drone is tilted by {tilt:.0f} deg; {_TILT:g} deg are allowed to begin with; if it is not, "
                     "'ros.state.frame' is wrong (enu_flu, ned_frd), or its driver gives quaternions in another order")
    height, lowest = float(state.position[0, 2]), float(EnvelopeLimits.from_robot(robot).low[2])
    if height < lowest:
        found.append(f"the drone is at a height of {height:.2f} m; {lowest:.2f} m is the lowest; if it is not, "
                     "'ros.state.frame' is wrong (enu_flu, ned_frd)")
    return found


def _of_commands(command: CommandTopic, seen: Seen) -> list[str]:
    found = []
    if not seen.takers:
        needs = f"; the driver needs: {command.needs}" if command.needs else ""
        found.append(f"nobody takes commands on {command.topic} ({command.type}){needs}")
    if seen.rivals:
        found.append(rivals_sentence(command, seen.rivals))
    return found


def rivals_sentence(command: CommandTopic, names: Sequence[str]) -> str:
    """What to say of other nodes that publish on the command topic."""
    return (f"{', '.join(sorted(names))} also publish{'es' * (len(names) == 1)} on {command.topic}; end whoever else "
            "commands this robot")
