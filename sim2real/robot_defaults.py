"""A robot.yaml for an arm of which only the URDF is known.

What a URDF does not say is derived by the rules below and written down as a robot.yaml, which a user may take as the
start of their own. Rules, each with the constant that it uses:

- joints: the longest chain of joints that are not a gripper's (named so, mimicking or mimicked);
- tool: the outermost fixed frame beyond it;
- velocity: the URDF's, at most pi rad/s (0.5 m/s); acceleration 10 rad/s2 and jerk 500 rad/s3;
- effort: the URDF's, or three times the stretched arm's weight torque;
- armature: 2 g m2 per N m of effort (a Panda's drives: 0.195 at 87 N m), at least 0.4 of the carried inertia, which
  keeps even an explicitly integrated servo stable at 4 ms;
- servo: 8 Hz, critically damped, with the carried inertia at home plus armature; joint friction 1 % of effort;
- home: elbows bent so that the tool is in front, movable in all directions and far from every limit;
- goals: 40 to 65 % of the reach that random joint positions show.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from dataclasses import dataclass

import numpy as np
import yaml

from sim2real.errors import RobotDescriptionError
from sim2real.kinematics import Chain
from sim2real.robot_model import RobotDescriptionWarning, RobotModel, UrdfJoint
from sim2real.simplification import frame_in_body, simplify
from sim2real.urdf import parse_urdf

_GRAVITY = 9.81
_FREQUENCY = 8.0  # [Hz]
_SUBSTEP = 0.004  # [s]
_PERIOD = 0.04  # [s]
_FINGER = re.compile(r"finger|gripper|knuckle|jaw|thumb|claw", re.IGNORECASE)


@dataclass(frozen=True)
class _Arm:
    """The chosen chain and what later rules need of it."""

    model: RobotModel
    chain: Chain
    joints: tuple[UrdfJoint, ...]
    low: np.ndarray
    high: np.ndarray


def describe_urdf(data: bytes, file: str) -> bytes:
    """The robot.yaml that the rules above give for the arm in URDF ``data`` with file name ``file``."""
    urdf = parse_urdf(data, file)
    joints = _longest_chain(urdf, file)
    names = tuple(joint.name for joint in joints)
    tool = _outermost(urdf, joints[-1].child)
    link, offset, rotation = frame_in_body(urdf, tool, names, {})
    with warnings.catch_warnings():  # the repairs are reported when the description is loaded
        warnings.simplefilter("ignore", RobotDescriptionWarning)
        model = simplify(urdf, names, {}, file)
    limits = [_limits(joint, file) for joint in joints]
    arm = _Arm(model, Chain.from_model(model, names, link, offset, rotation), joints,
               np.array([limit[0] for limit in limits]), np.array([limit[1] for limit in limits]))
    reach, axis_height = _reach(arm)
    home = _home(arm, reach, axis_height)
    content = {
        "schema": 1, "name": _identifier(urdf.name), "kind": "arm",
        "description": f"derived from {file} alone; see docs/robots.md", "model": file,
        "tool": {"link": tool}, "control": {"period": _PERIOD, "substep": _SUBSTEP},
        "joints": _joint_sections(arm, home, file),
        "sensors": {"rate": 250.0, "position_noise": 0.0002, "velocity_noise": 0.005, "delay": 0.004},
        "actuator": {"delay": 0.01, "time_constant": 0.01},
        "payload": {"max": round(0.1 * (model.mass - model.link(model.root).mass), 3)},
        "goal": _goal(arm, reach, axis_height, home),
        "sources": {"model": f"{file}", "rest": "assumed: derived by the rules of sim2real.robot_defaults"},
    }
    return yaml.safe_dump(content, sort_keys=False, width=120).encode()


def _identifier(name: str) -> str:
    cleaned = "".join(c if c.isalnum() and c.isascii() or c in "_-" else "_" for c in name)
    return cleaned if cleaned[:1].isalpha() else f"robot_{cleaned}"


# ------------------------------------------------------------------------------------------------- structure
def _longest_chain(model: RobotModel, file: str) -> tuple[UrdfJoint, ...]:
    """The movable joints to the link that most of them carry; a gripper's do not count."""
    leaders = {joint.mimic for joint in model.joints}

    def movable(link: str) -> tuple[UrdfJoint, ...]:
        return tuple(joint for joint in model.path(link) if joint.type != "fixed"
                     and not (joint.mimic or joint.name in leaders or _FINGER.search(joint.name)))

    best = max((movable(link.name) for link in model.links), key=len)
    if len(best) < 2:
        raise RobotDescriptionError(f"{file}: expected an arm with at least two movable joints in a row, found "
                                    f"{len(best)}; write a robot.yaml for other robots")
    while best[-1].type == "prismatic" and _slides_apart(model, best[-1]):
        best = best[:-1]
    return best


def _slides_apart(model: RobotModel, last: UrdfJoint) -> bool:
    """Whether ``last`` slides beside another prismatic joint, as the two fingers of a gripper do."""
    return any(joint.type == "prismatic" and joint.name != last.name for joint in model.children(last.parent))


def _outermost(model: RobotModel, link: str) -> str:
    """The frame with most fixed joints between it and ``link``; the link itself if it carries none."""
    best, depth = link, 0
    stack = [(link, 0)]
    while stack:
        name, level = stack.pop()
        if level > depth:
            best, depth = name, level
        stack += [(joint.child, level + 1) for joint in reversed(model.children(name)) if joint.type == "fixed"]
    return best


def _limits(joint: UrdfJoint, file: str) -> tuple[float, float]:
    span = 1.0 if joint.type == "prismatic" else math.pi
    if joint.type == "continuous":
        return -2 * math.pi, 2 * math.pi
    if not np.isfinite([joint.lower, joint.upper]).all() or joint.lower == joint.upper:
        warnings.warn(f"{file}: joint {joint.name!r} has no position limits; taken as -{span:.4g} to {span:.4g}",
                      RobotDescriptionWarning, stacklevel=2)
        return -span, span
    return joint.lower, joint.upper


# ------------------------------------------------------------------------------------------------- pose
def _middle(arm: _Arm) -> np.ndarray:
    return (arm.low + arm.high) / 2


def _reach(arm: _Arm) -> tuple[float, float]:
    """Distance of the tool from the second joint's place that 5 % of random positions exceed, and that height."""
    rng = np.random.default_rng(0)
    q = arm.low + rng.random((2000, len(arm.low))) * (arm.high - arm.low)
    height = _axis_height(arm)
    distance = np.linalg.norm(arm.chain.forward(q)[0] - [0.0, 0.0, height], axis=1)
    return float(np.quantile(distance, 0.95)), height


def _axis_height(arm: _Arm) -> float:
    shoulder = arm.joints[min(1, len(arm.joints) - 1)].name
    names = tuple(joint.name for joint in arm.joints)
    body = arm.model.joint(shoulder)
    chain = Chain.from_model(arm.model, names, body.parent, body.xyz)
    return float(chain.forward(_middle(arm)[None])[0][0, 2])


def _home(arm: _Arm, reach: float, axis_height: float) -> np.ndarray:
    """The best of a grid of bends of the joints with level axes: manipulable, in front, far from limits."""
    middle = _middle(arm)
    middle = np.where((arm.low < 0) & (arm.high > 0) & (arm.high - arm.low > math.pi), np.clip(0.0, arm.low, arm.high),
                      middle)
    axes = arm.chain.jacobian(middle[None])[0, 3:].T
    bending = [i for i, joint in enumerate(arm.joints)
               if joint.type != "prismatic" and abs(axes[i, 2]) < 0.3][:5]
    bends = np.array(list(itertools.product((-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5), repeat=min(len(bending), 5))))
    q = np.repeat(middle[None], len(bends), axis=0)
    q[:, bending] = middle[bending] + bends
    span = arm.high - arm.low
    inside = ((q >= arm.low + 0.1 * span) & (q <= arm.high - 0.1 * span)).all(axis=1)
    q = q[inside] if inside.any() else middle[None]
    position, rotation = arm.chain.forward(q)
    jacobian = arm.chain.jacobian(q)[:, :3]
    manipulability = np.sqrt(np.maximum(np.linalg.det(jacobian @ jacobian.transpose(0, 2, 1)), 0.0)) / reach**3
    margin = (np.minimum(q - arm.low, arm.high - q) / span).min(axis=1)
    wanted = np.array([0.55 * reach, 0.0, axis_height])
    away = np.linalg.norm(position - wanted, axis=1) / reach
    down = -rotation[:, 2, 2]  # the tool's z axis towards the floor
    effort = np.abs(q - middle).sum(axis=1)
    score = 2.0 * manipulability + 0.5 * margin - 1.5 * away + 0.05 * down - 0.01 * effort
    return q[int(np.argmax(score))]


def _goal(arm: _Arm, reach: float, axis_height: float, home: np.ndarray) -> dict[str, list[float]]:
    front = math.atan2(*arm.chain.forward(home[None])[0][0, [1, 0]])
    return {"radius": [round(0.40 * reach, 3), round(0.65 * reach, 3)],
            "height": [round(axis_height - 0.15 * reach, 3), round(axis_height + 0.40 * reach, 3)],
            "azimuth": [round(front - math.pi / 3, 4), round(front + math.pi / 3, 4)]}


# ------------------------------------------------------------------------------------------------- drives
def carried_inertia(model: RobotModel, names: tuple[str, ...], q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inertia [kg m2] (mass [kg] if prismatic) of all that each joint carries at ``q``; and the largest torque [N m]
    that the carried weight can put on it in any direction of gravity."""
    inertia, weight = np.zeros(len(names)), np.zeros(len(names))
    frames = {link.name: Chain.from_model(model, names, link.name).forward(q[None]) for link in model.links}
    for i, name in enumerate(names):
        joint = model.joint(name)
        origin, rotation = frames[joint.child][0][0], frames[joint.child][1][0]
        axis = rotation @ joint.axis
        moment = np.zeros(3)
        for link in model.links:
            if joint not in model.path(link.name):
                continue
            turn = frames[link.name][1][0]
            arm = frames[link.name][0][0] + turn @ link.com - origin
            lever = arm - axis * (axis @ arm)
            moment += link.mass * lever
            inertia[i] += link.mass if joint.type == "prismatic" else (
                axis @ turn @ link.inertia @ turn.T @ axis + link.mass * lever @ lever)
            weight[i] += link.mass * _GRAVITY if joint.type == "prismatic" else 0.0
        if joint.type != "prismatic":
            weight[i] = np.linalg.norm(moment) * _GRAVITY
    return inertia, weight


def _joint_sections(arm: _Arm, home: np.ndarray, file: str) -> dict[str, dict]:
    names = tuple(joint.name for joint in arm.joints)
    inertia, weight = carried_inertia(arm.model, names, home)
    _, stretched = carried_inertia(arm.model, names, _middle(arm))
    omega = 2 * math.pi * _FREQUENCY
    sections = {}
    for i, joint in enumerate(arm.joints):
        slides = joint.type == "prismatic"
        top = 0.5 if slides else math.pi
        velocity = _or_default(joint.velocity, 0.2 if slides else 1.5, file, joint.name, "velocity")
        effort = _or_default(joint.effort, max(3.0 * max(weight[i], stretched[i]), 1.0), file, joint.name, "effort")
        armature = max(0.002 * effort, 0.4 * inertia[i])
        total = inertia[i] + armature
        sections[joint.name] = {key: _rounded(value) for key, value in {
            "home": float(home[i]), "velocity": min(velocity, top), "acceleration": 10.0 if not slides else 2.0,
            "jerk": 500.0 if not slides else 100.0, "effort": effort, "damping": max(joint.damping, 0.0),
            "friction": joint.friction if joint.friction > 0 else 0.01 * effort, "armature": armature,
            "stiffness": total * omega**2, "damping_gain": 2.0 * total * omega}.items()}
        sections[joint.name]["position"] = [float(arm.low[i]), float(arm.high[i])]
    return sections


def _or_default(value: float | None, default: float, file: str, joint: str, what: str) -> float:
    if value is not None and value > 0.0:
        return value
    warnings.warn(f"{file}: joint {joint!r} has no {what} limit; taken as {default:.3g}", RobotDescriptionWarning,
                  stacklevel=2)
    return default


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
