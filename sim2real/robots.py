"""Robot descriptions: a robot.yaml and its URDF, checked against each other, as plain arrays.

``load_robot("ur5e")`` finds the package's own; a path loads a user's robot.yaml, its folder, or a bare URDF of an arm.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sim2real import rotations
from sim2real.errors import RobotDescriptionError, unknown
from sim2real.files import read_at_most
from sim2real.resources import data_path
from sim2real.robot_model import Link, RobotModel, UrdfJoint
from sim2real.robot_parts import ActuatedJoint, ActuatorDefaults, GoalRegion, RotorModel, Sensors
from sim2real.robot_schema import DroneSection, RobotYaml, SafetySection
from sim2real.robot_yaml import parse_robot_yaml
from sim2real.simplification import frame_in_body, simplify
from sim2real.urdf import MAX_BYTES, parse_urdf

_JOINT_KEYS = ("velocity", "acceleration", "jerk", "effort", "damping", "friction", "armature", "stiffness",
               "damping_gain")


@dataclass(frozen=True)
class RobotDescription:
    """Everything the package knows about a robot.

    ``model`` holds only the base and one body per actuated joint: fixed and locked joints are merged into them.
    ``tool_link`` is the body that carries the tool frame, whose pose in it is ``tool_offset`` [m], ``tool_rotation``.
    """

    name: str
    kind: str
    description: str
    model: RobotModel
    joints: tuple[ActuatedJoint, ...]
    tool_link: str
    tool_offset: np.ndarray
    tool_rotation: np.ndarray
    control_period: float
    substep: float
    rotors: RotorModel | None
    sensors: Sensors
    actuator: ActuatorDefaults
    payload_max: float
    goal: GoalRegion
    parameter_overrides: dict[str, dict[str, float]]
    ros: dict[str, Any]
    cameras: tuple[dict[str, Any], ...]
    sources: dict[str, str]
    files: dict[str, bytes] = field(repr=False)
    hash: str
    safety: SafetySection = SafetySection()

    @classmethod
    def from_files(cls, files: dict[str, bytes], *, folder: str = "") -> RobotDescription:
        """The robot of a ``robot.yaml`` and its URDF as bytes; ``folder`` is only named in errors."""
        if "robot.yaml" not in files:
            raise RobotDescriptionError(f"expected a file 'robot.yaml', got {', '.join(sorted(files)) or 'none'}")
        prefix = f"{folder}/" if folder else ""
        content = parse_robot_yaml(files["robot.yaml"], f"{prefix}robot.yaml")
        if content.model not in files:
            raise RobotDescriptionError(f"{prefix}robot.yaml: field 'model': no file {content.model!r} beside it; "
                                        f"there is {', '.join(sorted(set(files) - {'robot.yaml'})) or 'no other file'}")
        kept = {"robot.yaml": files["robot.yaml"], content.model: files[content.model]}
        return _build(content, parse_urdf(files[content.model], prefix + content.model), kept, prefix)

    @property
    def num_joints(self) -> int:
        """How many joints are commanded (0 for a drone)."""
        return len(self.joints)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in command order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def hover_thrust(self) -> float:
        """Collective thrust in [N] that carries a drone's nominal weight (g = 9.81 m/s2); 0 for an arm."""
        return 9.81 * self.rotors.mass if self.rotors else 0.0

    @property
    def moving_links(self) -> tuple[Link, ...]:
        """The bodies that joints move, in the model's order: all but the base."""
        return tuple(link for link in self.model.links if link.name != self.model.root)

    @property
    def position_low(self) -> np.ndarray:
        """Lowest positions in [rad], shape (J,)."""
        return np.array([joint.position[0] for joint in self.joints])

    @property
    def position_high(self) -> np.ndarray:
        """Highest positions in [rad], shape (J,)."""
        return np.array([joint.position[1] for joint in self.joints])

    @property
    def velocity_limit(self) -> np.ndarray:
        """Fastest in [rad/s], shape (J,)."""
        return self._column("velocity")

    @property
    def acceleration_limit(self) -> np.ndarray:
        """Largest accelerations in [rad/s2], shape (J,)."""
        return self._column("acceleration")

    @property
    def jerk_limit(self) -> np.ndarray:
        """Largest jerks in [rad/s3], shape (J,)."""
        return self._column("jerk")

    @property
    def effort_limit(self) -> np.ndarray:
        """Largest torques in [N m], shape (J,)."""
        return self._column("effort")

    @property
    def home(self) -> np.ndarray:
        """Start positions in [rad], shape (J,)."""
        return self._column("home")

    @property
    def damping(self) -> np.ndarray:
        """Viscous friction in [N m s/rad], shape (J,)."""
        return self._column("damping")

    @property
    def friction(self) -> np.ndarray:
        """Coulomb friction in [N m], shape (J,)."""
        return self._column("friction")

    @property
    def armature(self) -> np.ndarray:
        """Reflected rotor inertia in [kg m2], shape (J,)."""
        return self._column("armature")

    @property
    def stiffness(self) -> np.ndarray:
        """Servo gains kp in [N m/rad], shape (J,)."""
        return self._column("stiffness")

    @property
    def damping_gain(self) -> np.ndarray:
        """Servo gains kd in [N m s/rad], shape (J,)."""
        return self._column("damping_gain")

    def _column(self, key: str) -> np.ndarray:
        return np.array([getattr(joint, key) for joint in self.joints], dtype=float)


def list_robots() -> list[str]:
    """Names of the robots that come with the package."""
    return sorted(path.parent.name for path in data_path("robots").glob("*/robot.yaml"))


def load_robot(name_or_path: str | Path, *, base_dir: str | Path | None = None) -> RobotDescription:
    """A robot of the package by name, or a user's by path: robot.yaml, the folder of one, or an arm's .urdf.

    Relative paths are taken from ``base_dir`` (default: the working directory).
    """
    text = str(name_or_path)
    path = Path(base_dir or ".") / Path(text).expanduser()
    if "/" not in text and "\\" not in text and not text.endswith((".yaml", ".yml", ".urdf")):
        known = list_robots()
        if text in known:
            path = data_path("robots") / text
        elif not path.is_dir():
            raise RobotDescriptionError(unknown("robot", text, known) + " (or give a path to a robot.yaml or .urdf)")
    if path.is_dir():
        path = path / "robot.yaml"
    data = _read(path)
    if path.suffix == ".urdf":
        from sim2real.robot_defaults import describe_urdf

        return RobotDescription.from_files({"robot.yaml": describe_urdf(data, path.name), path.name: data})
    if path.suffix not in (".yaml", ".yml"):
        raise RobotDescriptionError(f"{path}: expected a robot.yaml, a folder with one, or a .urdf, got {path.name!r}")
    content = parse_robot_yaml(data, str(path))
    if Path(content.model).name != content.model:
        raise RobotDescriptionError(f"{path}: field 'model': expected a file beside robot.yaml, got {content.model!r}; "
                                    "copy the URDF there")
    if not (path.parent / content.model).is_file():
        raise RobotDescriptionError(f"{path}: field 'model': there is no file {content.model!r} beside it; "
                                    "correct the name or put the URDF there")
    files = {"robot.yaml": data, content.model: _read(path.parent / content.model)}
    return RobotDescription.from_files(files, folder=str(path.parent))


def _read(path: Path) -> bytes:
    try:
        return read_at_most(path, MAX_BYTES)
    except OSError as error:
        raise RobotDescriptionError(f"{path}: cannot be read ({error.strerror}); expected a robot.yaml, a folder with "
                                    "one, or a .urdf") from None


# ------------------------------------------------------------------------------------------------- assembly
def _build(content: RobotYaml, urdf: RobotModel, files: dict[str, bytes], prefix: str) -> RobotDescription:
    where, names = f"{prefix}robot.yaml", tuple(content.joints)
    movable = {joint.name: joint for joint in urdf.joints if joint.type != "fixed"}
    for section, given in (("joints", content.joints), ("locked", content.locked)):
        for name in given:
            if name not in movable:
                raise RobotDescriptionError(f"{where}: field '{section}.{name}': "
                                            f"{unknown('movable joint', name, movable)} in {content.model}")
    for name in set(content.locked) & set(content.joints):
        raise RobotDescriptionError(f"{where}: joint {name!r} is both in 'joints' and in 'locked'; remove one")
    tool = content.tool.link if content.tool else urdf.root
    if not urdf.has_link(tool):
        raise RobotDescriptionError(f"{where}: field 'tool.link': "
                                    f"{unknown('link', tool, [link.name for link in urdf.links])} in {content.model}")
    link, xyz, rotation = frame_in_body(urdf, tool, names, content.locked)
    offset, rpy = (content.tool.offset, content.tool.rotation) if content.tool else ((0.0,) * 3, (0.0,) * 3)
    model = simplify(urdf, names, content.locked, prefix + content.model)
    joints = tuple(_joint(content, movable[name], where) for name in names)
    if content.kind == "arm" and not any(joint.name in names for joint in urdf.path(tool)):
        raise RobotDescriptionError(f"{where}: field 'tool.link': no joint of 'joints' moves link {tool!r}; "
                                    "choose a link at the arm's end")
    goal = content.goal
    return RobotDescription(
        name=content.name, kind=content.kind, description=content.description, model=model, joints=joints,
        tool_link=link, tool_offset=xyz + rotation @ np.array(offset),
        tool_rotation=rotation @ rotations.matrix(rotations.from_rpy(np.array(rpy))),
        control_period=content.control.period, substep=content.control.substep,
        rotors=_rotors(content.drone, model) if content.drone else None,
        sensors=Sensors(**content.sensors.model_dump()), actuator=ActuatorDefaults(**content.actuator.model_dump()),
        payload_max=content.payload.max,
        goal=GoalRegion(goal.radius, goal.height, goal.azimuth) if goal
        else GoalRegion((0.0, 1.0), (0.5, 1.5), (-np.pi, np.pi)),
        parameter_overrides={name: values.model_dump(exclude_none=True)
                             for name, values in content.parameters.items()},
        ros=content.ros, cameras=tuple(content.cameras), sources=content.sources, files=files, hash=_hash(files),
        safety=content.safety)


def _joint(content: RobotYaml, urdf: UrdfJoint, where: str) -> ActuatedJoint:
    """One joint: its own value, else the common default, else the URDF's."""
    section, place = content.joints[urdf.name], f"{where}: field 'joints.{urdf.name}"
    fallback = {"velocity": urdf.velocity, "effort": urdf.effort, "damping": urdf.damping, "friction": urdf.friction,
                "armature": 0.0}
    values = {}
    for key in _JOINT_KEYS:
        own, common = getattr(section, key), getattr(content.defaults, key)
        value = own if own is not None else common if common is not None else fallback.get(key)
        if value is None or (key in ("velocity", "effort") and value <= 0.0):
            raise RobotDescriptionError(f"{place}.{key}' is missing; give it there, in 'defaults'"
                                        + (" or as the URDF's <limit>" if key in fallback else ""))
        values[key] = value
    low, high = section.position or (urdf.lower, urdf.upper)
    if not np.isfinite([low, high]).all():
        raise RobotDescriptionError(f"{place}.position' is missing and the URDF has no limits; give [lower, upper]")
    if not low <= section.home <= high:
        raise RobotDescriptionError(f"{place}.home': must lie inside position [{low:g}, {high:g}], "
                                    f"got {section.home:g}")
    return ActuatedJoint(urdf.name, (low, high), home=section.home, **values)


def _rotors(drone: DroneSection, model: RobotModel) -> RotorModel:
    (body,) = model.links
    gains = [drone.rate_gains[axis] for axis in ("roll", "pitch", "yaw")]
    return RotorModel(
        positions=np.array(drone.rotors.positions),
        directions=np.array([1.0 if turn == "ccw" else -1.0 for turn in drone.rotors.directions]),
        thrust_coefficient=drone.thrust_coefficient, torque_ratio=drone.torque_ratio, max_speed=drone.max_speed,
        time_constant_up=drone.time_constant_up, time_constant_down=drone.time_constant_down,
        mass=body.mass, inertia=np.diag(body.inertia).copy(), drag=np.array(drone.drag),
        rate_gains=np.array([[axis.p, axis.i, axis.d] for axis in gains]), rate_period=drone.rate_period,
        max_rate=np.array(drone.max_rate), max_collective=drone.max_collective,
        battery_voltage=drone.battery_voltage)


def _hash(files: dict[str, bytes]) -> str:
    """SHA-256 over names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()


__all__ = ["ActuatedJoint", "ActuatorDefaults", "GoalRegion", "RobotDescription", "RotorModel", "Sensors",
           "list_robots", "load_robot"]
