"""Rehearsed faults: a file that says which fault happens to a twin when, and what carries it out.

A file is a list of entries ``{at: 2 s, for: 0.5 s, fault: freeze, ...parameters}``; ``sim2real list faults`` prints the
names and their parameters. Faults that act at the same time act on messages in the order of the file.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from sim2real.errors import BadInputError, unknown
from sim2real.robots import RobotDescription
from sim2real.ros import camera_faults as camera
from sim2real.ros import drone_faults as drone
from sim2real.ros import joint_faults as joint
from sim2real.ros import robot_faults as robot_
from sim2real.ros import state_faults as state
from sim2real.ros.fault_types import Fault, Stage
from sim2real.ros.profiles import RosProfile
from sim2real.yaml_text import read_yaml

FAULTS: dict[str, type[Fault]] = {
    "silence": state.Silence, "freeze": state.Freeze, "drop": state.Drop, "late": state.Late,
    "out_of_order": state.OutOfOrder, "duplicate": state.Duplicate, "flood": state.Flood,
    "stamp_offset": state.StampOffset, "stamp_zero": state.StampZero, "stamp_backward": state.StampBackward,
    "permute_joints": joint.PermuteJoints, "missing_joint": joint.MissingJoint,
    "duplicate_joint": joint.DuplicateJoint, "extra_joints": joint.ExtraJoints, "wrong_length": joint.WrongLength,
    "nan": joint.NotFinite, "empty": joint.EmptyArray, "spike": joint.Spike, "degrees": joint.Degrees,
    "frame_flip": drone.FrameFlip, "quaternion_order": drone.QuaternionOrder, "quaternion_sign": drone.QuaternionSign,
    "quaternion_norm": drone.QuaternionNorm,
    "blocked_joint": robot_.BlockedJoint, "e_stop": robot_.EStop, "speed_scaling": robot_.SpeedScaling,
    "payload": robot_.Payload, "rotor_loss": robot_.RotorLoss, "parameter": robot_.Parameter,
    "restart": robot_.Restart, "mute": robot_.Mute, "link_loss": robot_.LinkLoss,
    "switch_controller": robot_.SwitchController, "rival": robot_.Rival,
    "camera_absent": camera.CameraAbsent, "camera_frozen": camera.CameraFrozen, "camera_slow": camera.CameraSlow,
    "camera_late": camera.CameraLate, "camera_size": camera.CameraSize, "camera_exchanged": camera.CameraExchanged,
}
_NAMES = {kind: name for name, kind in FAULTS.items()}
_MOST = 1000  # entries
_SAME = 1e-6  # [s]: times that differ by less are the same tick


def catalogue() -> list[dict[str, Any]]:
    """Every fault: name, what it acts on, for which robots, its own parameters, what it does."""
    rows = []
    for name, kind in FAULTS.items():
        parameters = {key: {"default": None if field.default is PydanticUndefined else field.default,
                            "required": field.is_required(), "meaning": field.description}
                      for key, field in kind.model_fields.items() if key not in Fault.model_fields}
        rows.append({"name": name, "acts_on": kind.acts_on, "robots": list(kind.robots), "parameters": parameters,
                     "description": (kind.__doc__ or "").strip()})
    return rows


# ------------------------------------------------------------------------------------------------- files
def load_faults(path: str | Path, robot: RobotDescription, profile: RosProfile) -> list[Fault]:
    """The faults in a file, in its order, each checked against the robot.

    Raises:
        BadInputError: No such file, no list, an unknown fault or field, a value that cannot be.
    """
    path = Path(path)
    try:
        content = read_yaml(path)
    except OSError as error:
        raise BadInputError(f"cannot read the faults file {path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise BadInputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, list) or not content:
        raise BadInputError(f"{path}: expected a list of entries such as "
                            "'- {at: 2 s, for: 0.5 s, fault: freeze}', got " + reprlib.repr(content))
    if len(content) > _MOST:
        raise BadInputError(f"{path}: expected at most {_MOST} entries, got {len(content)}")
    return [_entry(each, place, path, robot, profile) for place, each in enumerate(content)]


def _entry(content: Any, place: int, path: Path, robot: RobotDescription, profile: RosProfile) -> Fault:
    where = f"{path}: entry {place + 1}"
    if not isinstance(content, dict) or "fault" not in content:
        raise BadInputError(f"{where}: expected a mapping with 'at', 'for' and 'fault', got {reprlib.repr(content)}")
    name = content["fault"]
    if not isinstance(name, str) or name not in FAULTS:
        raise BadInputError(f"{where}: {unknown('fault', reprlib.repr(name).strip(chr(39)), FAULTS)}")
    kind = FAULTS[name]
    try:
        fault = kind.model_validate({key: value for key, value in content.items() if key != "fault"})
    except ValidationError as error:
        raise BadInputError(f"{where} ({name}): {_one_line(error, kind)}") from None
    if robot.kind not in kind.robots:
        fitting = ", ".join(other for other, each in FAULTS.items() if robot.kind in each.robots)
        raise BadInputError(f"{where} ({name}): it is for {' and '.join(kind.robots)}s, {robot.name} is not one; "
                            f"there are {fitting}")
    try:
        fault.check(robot, profile)
    except BadInputError as error:
        raise BadInputError(f"{where} ({name}): {error}") from None
    fault._place = place
    return fault


def _one_line(error: ValidationError, kind: type[Fault]) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        names = [field.alias or key for key, field in kind.model_fields.items()]
        close = difflib.get_close_matches(place, names, n=1)
        return f"unknown field {place!r}; " + (f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}")
    if first["type"] == "missing":
        return f"field {place!r} is missing; add it"
    text, given = first["msg"].removeprefix("Value error, "), reprlib.repr(first["input"])
    return f"field {place!r}: {text}" + ("" if given in text else f", got {given}")


# ------------------------------------------------------------------------------------------------- the rehearsal
class Rehearsal:
    """Lets faults begin and end at their times, on one twin.

    Attributes:
        begun: Faults that have begun so far.
    """

    def __init__(self, faults: Sequence[Fault], stage: Stage):
        self._waiting, self._active, self._stage = list(faults), list[tuple[Fault, float]](), stage
        self._origins: dict[str, float] = {}
        self._now = 0.0
        self.begun = 0

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the faults that act now."""
        return tuple(_NAMES[type(fault)] for fault, _ in self._active)

    @property
    def takes_commands(self) -> bool:
        """Whether commands reach the robot."""
        return all(fault.takes_commands for fault, _ in self._active)

    def mutes(self, topic: str) -> bool:
        """Whether a topic beside the state says nothing."""
        return any(fault.mutes(topic) for fault, _ in self._active)

    def start(self, now: float) -> None:
        """The twin starts at ``now`` [s] (monotonic)."""
        self._origins["start"] = self._now = now

    def commanded(self, now: float) -> None:
        """A command came at ``now`` [s]; the first one is what some faults count from."""
        self._origins.setdefault("command", now)

    def advance(self, now: float) -> None:
        """Go on to ``now`` [s]: faults whose time is over end, others begin, active ones act on the robot."""
        self._now = now
        for entry in [entry for entry in self._active if now - entry[1] >= entry[0].duration - _SAME]:
            self._active.remove(entry)
            entry[0].end(self._stage, now)
            self._say(entry[0], "ends")
        for fault in [fault for fault in self._waiting if self._due(fault) <= now + _SAME]:
            self._waiting.remove(fault)
            self._active.append((fault, self._due(fault)))
            self.begun += 1
            self._say(fault, "begins")
            fault.begin(self._stage, now)
        self._active.sort(key=lambda entry: entry[0]._place)
        for fault, begin in self._active:
            fault.tick(self._stage, now, now - begin)

    def outgoing(self, message: Any) -> list[Any]:
        """What goes out in place of this period's state ``message``."""
        batch = [message]
        for fault, begin in self._active:
            batch = fault.messages(batch, self._now - begin, self._stage)
        return batch

    def end(self) -> None:
        """End whatever still acts."""
        for fault, _ in self._active:
            fault.end(self._stage, self._now)
        self._active.clear()

    def _due(self, fault: Fault) -> float:
        return self._origins.get(fault.since, float("inf")) + fault.at

    def _say(self, fault: Fault, what: str) -> None:
        if self._stage.ros is not None:
            self._stage.ros.node.get_logger().warning(f"rehearsed fault {fault._place + 1}, {_NAMES[type(fault)]}: "
                                                      f"{what}")
