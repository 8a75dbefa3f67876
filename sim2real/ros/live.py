"""What answers on a robot's topics, beside what its profile expects: ``sim2real doctor --robot R --live``.

It listens only; nothing is published. The judgement is of plain messages and numbers, so it needs no ROS to be tested.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim2real.errors import DeploymentError
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.messages import StateReader, stamp_seconds
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState

_DISCOVERY = 5.0  # [s] after which a first message is not waited for
_RATE_ERROR = 0.2  # share of the expected rate
_OUTSIDE = 0.1  # [rad] or [m] beyond a joint's limits that calibration may explain
_OLD = 0.1  # [s] of age that a clock or a queue must explain
_CARRIES = 0.05  # share of a joint's largest effort: less load tells nothing of a motor's constant
_EFFORT_FACTOR = (0.4, 4.0)  # of efforts over the weight of the arm's own links; a payload adds, friction takes away
_MOVED = 0.02  # [rad] of motion that tells whether velocities agree with positions


@dataclass(frozen=True)
class Finding:
    """One thing that was compared.

    Attributes:
        name: What.
        status: "ok", "warn" (it may work) or "missing" (it will not).
        detail: What was found.
        remedy: What to do about it, "" where it is ok.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""


@dataclass
class Heard:
    """What came in while listening.

    Attributes:
        types: Message types on the state topic, as the network names them.
        similar: Other topics that carry the expected type.
        samples: Reception (monotonic), the machine's time and the message of each, in [s].
        listeners: Subscribers of each command interface's topic.
        commanders: Publishers there: who else commands.
    """

    types: list[str] = field(default_factory=list)
    similar: list[str] = field(default_factory=list)
    samples: list[tuple[float, float, Any]] = field(default_factory=list)
    listeners: dict[str, int] = field(default_factory=dict)
    commanders: dict[str, int] = field(default_factory=dict)


def listen(ros: RosContext, profile: RosProfile, seconds: float, progress: Callable[[float], None] | None = None
           ) -> Heard:
    """Listen to the robot's topics for ``seconds`` from the first message on, which discovery may delay."""
    node, state, heard = ros.node, profile.state, Heard()
    node.create_subscription(
        message_class(state.type), state.topic,
        lambda message: heard.samples.append((time.monotonic(), time.time(), message)),
        ros.qos("best_effort", depth=10), event_callbacks=ros.subscription_events(state.topic))
    begin = first = time.monotonic()
    while (now := time.monotonic()) < first + seconds:
        if not heard.samples and now < begin + _DISCOVERY:
            first = now
        ros.spin_once(0.05)
        if progress:
            progress((now - first) / seconds)
    graph = dict(node.get_topic_names_and_types())
    heard.types = list(graph.get(state.topic, [])) if node.count_publishers(state.topic) else []
    heard.similar = sorted(name for name, types in graph.items() if state.type in types and name != state.topic
                           and node.count_publishers(name))
    for command in profile.commands.values():
        heard.listeners[command.topic] = node.count_subscribers(command.topic)
        heard.commanders[command.topic] = node.count_publishers(command.topic)
    return heard


def judge(robot: RobotDescription, profile: RosProfile, heard: Heard) -> list[Finding]:
    """Compare topic, rate, names, units, clock and command topics with the profile."""
    return [*_judge_state(robot, profile, heard), *_judge_commands(profile, heard)]


def _judge_state(robot: RobotDescription, profile: RosProfile, heard: Heard) -> list[Finding]:
    topic = profile.state
    if not heard.types:
        others = f"; {topic.type} is on {', '.join(heard.similar[:4])}" if heard.similar else ""
        return [Finding("state topic", "missing", f"nobody publishes {topic.topic}{others}",
                        "start the driver, check ROS_DOMAIN_ID, or correct 'ros.state.topic'")]
    if topic.type not in heard.types:
        return [Finding("state topic", "missing", f"{topic.topic} carries {', '.join(heard.types)}, not {topic.type}",
                        "correct 'ros.state.type'")]
    if len(heard.samples) < 2:
        return [Finding("state topic", "missing", f"{topic.topic} has a publisher, but {len(heard.samples)} messages "
                        "came", "start the driver's broadcaster, or correct 'ros.state.qos'")]
    received, walls = (np.array([sample[k] for sample in heard.samples]) for k in (0, 1))
    stamps = np.array([stamp_seconds(message.header) for _, _, message in heard.samples])
    found = [Finding("state topic", "ok", f"{topic.topic}, {topic.type}, {len(heard.samples)} messages"),
             judge_rate(topic.rate, received, stamps)]
    reader = StateReader(robot, profile)
    try:
        states = [reader.read(message, at) for at, _, message in heard.samples]
    except DeploymentError as error:
        return [*found, Finding("content", "missing", str(error), "see what the message names")]
    if robot.kind == "arm":
        found += _judge_joints(robot, states)
    else:
        found += _judge_pose(states)
    return [*found, _judge_clock(stamps, walls)]


def judge_rate(expected: float, received: np.ndarray, stamps: np.ndarray) -> Finding:
    """The driver's rate by its stamps, as a busy listener loses messages; by reception where there are none."""
    arrived = (len(received) - 1) / max(received[-1] - received[0], 1e-9)
    steps = np.diff(stamps)
    rate = 1.0 / float(np.median(steps)) if stamps[0] > 0.0 and (steps > 0.0).all() else arrived
    longest = 1e3 * float(np.max(np.diff(received)))
    detail = f"{rate:.0f} Hz, {arrived:.0f} Hz received, longest pause {longest:.0f} ms; expected {expected:.0f} Hz"
    if abs(rate - expected) <= _RATE_ERROR * expected:
        return Finding("rate", "ok", detail)
    return Finding("rate", "warn", detail, "set the driver's update rate, or correct 'ros.state.rate'")


def _judge_joints(robot: RobotDescription, states: Sequence[RobotState]) -> list[Finding]:
    q = np.concatenate([state.joint_position for state in states])
    v = np.concatenate([state.joint_velocity for state in states])
    found = [Finding("joints", "ok", ", ".join(robot.joint_names))]
    beyond = np.maximum(robot.position_low - q, q - robot.position_high).max(axis=0)
    if not np.isfinite(q).all() or beyond.max() > _OUTSIDE:
        k = int(np.argmax(np.where(np.isfinite(beyond), beyond, np.inf)))
        remedy = f"zero, sign or unit: correct 'ros.joints.{robot.joint_names[k]}'"
        degrees = np.radians(q[:, k])
        if robot.position_low[k] <= degrees.min() and degrees.max() <= robot.position_high[k]:
            remedy += "; the driver may speak degrees ('scale: 1 deg')"
        found.append(Finding("units", "missing", f"{robot.joint_names[k]} at {q[-1, k]:.4g}, outside "
                             f"[{robot.position_low[k]:.4g}, {robot.position_high[k]:.4g}]", remedy))
    else:
        found.append(Finding("units", "ok", "all positions inside the limits"))
    moved = np.ptp(q, axis=0)
    if len(q) > 10 and moved.max() > _MOVED:
        k = int(np.argmax(moved))
        times = np.concatenate([state.time for state in states])
        found.append(_judge_velocity(robot.joint_names[k], times, q[:, k], v[:, k]))
    if robot.sensors.effort_noise is not None:
        found.append(_judge_effort(robot, q, np.concatenate([state.joint_effort for state in states])))
    return found


def _judge_effort(robot: RobotDescription, q: np.ndarray, effort: np.ndarray) -> Finding:
    """Efforts against what the arm's own links weigh, at the joint that carries most."""
    if not np.isfinite(effort).all():
        return Finding("effort", "warn", "messages have no efforts, or such as cannot be used; identifiers look at "
                       "them", "let the driver report them, or train with --without-effort")
    weight = -GravityLoad(robot, robot.joint_names).torque(q).mean(axis=0)
    k = int(np.argmax(np.abs(weight) / robot.effort_limit))
    if abs(weight[k]) < _CARRIES * robot.effort_limit[k]:
        return Finding("effort", "ok", "reported; no joint carries enough in this pose to compare them")
    name, mean = robot.joint_names[k], float(effort[:, k].mean())
    detail = f"{name} gives {mean:.1f} N m, its links weigh {weight[k]:.1f} N m"
    if _EFFORT_FACTOR[0] < mean / weight[k] < _EFFORT_FACTOR[1]:
        return Finding("effort", "ok", detail)
    return Finding("effort", "warn", detail, "an identifier would take that for a load: let the driver report what "
                   f"its motors give, gravity included, and set 'ros.joints.{name}.effort' to N m per unit")


def _judge_velocity(name: str, times: np.ndarray, q: np.ndarray, v: np.ndarray) -> Finding:
    """Integrated velocity against the way: the factor that fits best, least squares."""
    way = q - q[0]
    integral = np.concatenate([[0.0], np.cumsum(0.5 * (v[1:] + v[:-1]) * np.diff(times))])
    factor = float(integral @ way / max(float(way @ way), 1e-12))
    detail = f"{name} moved {np.ptp(q):.3f}; its velocities add up to {factor:.2f} times that"
    if 0.7 < factor < 1.3:
        return Finding("velocity", "ok", detail)
    return Finding("velocity", "warn", detail, "set 'ros.state.velocity: differentiated', or mend the driver's units")


def _judge_pose(states: Sequence[RobotState]) -> list[Finding]:
    if not all(state.is_finite().all() for state in states):
        return [Finding("pose", "missing", "a pose that is not finite came", "mend the driver or the estimator")]
    w, x, y, z = states[-1].quaternion[0]
    up = float(1.0 - 2.0 * (x * x + y * y))
    height = float(states[-1].position[0, 2])
    detail = f"height {height:.2f} m, {math.degrees(math.acos(np.clip(up, -1.0, 1.0))):.0f} degrees from upright"
    if up < 0.5:
        return [Finding("pose", "warn", detail, "if it stands upright, 'ros.state.frame' is wrong (enu_flu, ned_frd)")]
    return [Finding("pose", "ok", detail)]


def _judge_clock(stamps: np.ndarray, walls: np.ndarray) -> Finding:
    if (stamps <= 0.0).any():
        return Finding("clock", "warn", "messages have no stamps", "ages cannot be checked; mend the driver")
    age = float(np.median(walls - stamps))
    detail = f"messages are {1e3 * age:.0f} ms old when they come"
    if abs(age) <= _OLD:
        return Finding("clock", "ok", detail)
    return Finding("clock", "warn", detail, "synchronise the machines' clocks (chrony), or look for a queue")


def _judge_commands(profile: RosProfile, heard: Heard) -> list[Finding]:
    found = []
    for name, command in profile.commands.items():
        count, others = heard.listeners.get(command.topic, 0), heard.commanders.get(command.topic, 0)
        if not count:
            found.append(Finding(f"commands {name}", "warn", f"nobody listens on {command.topic}",
                                 command.needs or "start the controller"))
        elif others:
            found.append(Finding(f"commands {name}", "warn", f"{others} other publisher(s) on {command.topic}",
                                 "stop whoever else commands this robot before you deploy"))
        else:
            found.append(Finding(f"commands {name}", "ok", f"{count} subscriber(s) on {command.topic}"))
    return found
