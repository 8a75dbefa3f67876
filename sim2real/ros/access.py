"""Who of the stack says what: topics and services of each process, and the SROS2 policy that allows just that.

All of it comes from the robot's profile, as the nodes' own topics do; a test compares it with what running nodes
create. Format: sros2/sros2/policy/schemas/policy.xsd, version 0.2.0, as ``ros2 security create_permission`` takes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from xml.etree import ElementTree

from sim2real.errors import BadInputError
from sim2real.robots import RobotDescription
from sim2real.ros.driver_nature import heartbeats
from sim2real.ros.guard_node import NODE as GUARD
from sim2real.ros.policy_node import NAME as POLICY
from sim2real.ros.profiles import CommandTopic, RosProfile
from sim2real.ros.sensor_sections import CameraTopic

VERSION = "0.2.0"
PROCESSES = ("policy", "guard", "twin", "operator")
_PARAMETERS = tuple(f"~/{name}" for name in (
    "describe_parameters", "get_parameter_types", "get_parameters", "list_parameters", "set_parameters",
    "set_parameters_atomically", "get_type_description"))
_LIFE_CYCLE = tuple(f"~/{name}" for name in (
    "change_state", "get_state", "get_available_states", "get_available_transitions", "get_transition_graph"))
_NAME = re.compile(r"^[/~]?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$|^~/[A-Za-z0-9_/]+$")


@dataclass(frozen=True)
class Access:
    """What one node takes and gives, by fully qualified names.

    Attributes:
        node: Its name.
        publish, subscribe: Topics.
        reply, request: Services that it serves, and that it calls.
    """

    node: str
    publish: frozenset[str] = frozenset()
    subscribe: frozenset[str] = frozenset()
    reply: frozenset[str] = frozenset()
    request: frozenset[str] = frozenset()

    def renamed(self, rename: Callable[[str], str]) -> Access:
        """The same with other names of topics and services."""
        return replace(self, **{f.name: frozenset(map(rename, getattr(self, f.name))) for f in fields(self)[1:]})


def accesses(robot: RobotDescription, profile: RosProfile, command: CommandTopic, arguments: Sequence[str] = ()
             ) -> dict[str, list[Access]]:
    """The nodes of each of ``PROCESSES``; "operator" is a person's command line.

    Cameras have nodes of their own, in processes of the runner's and of the twin's.

    Args:
        command: The interface that the runner and the guard use; a twin serves them all.
        arguments: ROS arguments that they are started with: remaps ``-r FROM:=TO`` and ``-r __ns:=/NAMESPACE``, and
            parameters ``-p NAME:=VALUE``, of which ``use_sim_time`` counts.

    Raises:
        BadInputError: An argument that changes names in another way.
    """
    namespace, remaps, simulated = _renaming(arguments)
    commands = _names(command.topic, *(part.topic for part in command.also))
    gates = _names(*(extra.topic for extra in profile.extras if extra.gate is not None))
    state, status = _names(profile.state.topic), _names("~/status", "/diagnostics")
    frames = _names(*(topic.topic for topic in profile.frames.topics),
                    *(("/tf", "/tf_static") if profile.frames.tf else ()))
    found = {
        "policy": [_node(f"{POLICY}_io", publish=commands, subscribe=state | gates | frames),
                   _node(POLICY, publish=status | _names("~/parameters", "~/transition_event"),
                         subscribe=_names("~/goal"),
                         reply=_names("~/arm", "~/disarm", *_LIFE_CYCLE)),
                   *(_node(re.sub(r"\W", "_", f"camera_{name}"), subscribe=_images(topic))
                     for name, topic in profile.cameras.items())],
        "guard": [_node(GUARD, publish=commands | status, subscribe=state)],
        "twin": _twins(robot, profile),
        "operator": [_operator()],
    }
    prefix = namespace.rstrip("/")

    def resolved(node: str) -> Callable[[str], str]:
        def rename(name: str) -> str:
            full = (f"{prefix}/{node}{name[1:]}" if name.startswith("~") else
                    name if name.startswith("/") else f"{prefix}/{name}")
            return remaps.get(full, full)
        return rename

    if simulated:
        found = {process: [replace(node, subscribe=node.subscribe | {"/clock"}) for node in nodes]
                 for process, nodes in found.items()}
    return {process: [node.renamed(resolved(node.node)) for node in nodes] for process, nodes in found.items()}


def policy_xml(robot: RobotDescription, profile: RosProfile, command: CommandTopic, arguments: Sequence[str] = ()
               ) -> str:
    """An SROS2 policy with one enclave a process, ``/sim2real/<robot>/<process>``."""
    namespace, _, _ = _renaming(arguments)
    root = ElementTree.Element("policy", version=VERSION)
    enclaves = ElementTree.SubElement(root, "enclaves")
    for process, nodes in accesses(robot, profile, command, arguments).items():
        enclave = ElementTree.SubElement(enclaves, "enclave", path=enclave_path(robot, process))
        profiles = ElementTree.SubElement(enclave, "profiles")
        for node in nodes:
            section = ElementTree.SubElement(profiles, "profile", ns=namespace, node=node.node)
            for field in fields(node)[1:]:
                kind = "topic" if field.name in ("publish", "subscribe") else "service"
                names = sorted(getattr(node, field.name))
                group = ElementTree.SubElement(section, f"{kind}s", {field.name: "ALLOW"}) if names else None
                for name in names:
                    ElementTree.SubElement(group, kind).text = name
    ElementTree.indent(root)
    note = f"<!-- sim2real security: {robot.name}, {command.topic}; whatever is not listed is denied -->"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{note}\n{ElementTree.tostring(root, encoding="unicode")}\n'


def enclave_path(robot: RobotDescription, process: str) -> str:
    """Name of the enclave of a process; enclaves take letters, digits and underscores."""
    return f"/sim2real/{re.sub('[^A-Za-z0-9_]', '_', robot.name)}/{process}"


def _node(name: str, *, publish: frozenset[str] = frozenset(), subscribe: frozenset[str] = frozenset(),
          reply: frozenset[str] = frozenset(), request: frozenset[str] = frozenset()) -> Access:
    """A node with what every rclpy node has besides: its log, its parameters."""
    return Access(name, publish | _names("/rosout", "/parameter_events"), subscribe, reply | _names(*_PARAMETERS),
                  request)


def _images(topic: CameraTopic) -> frozenset[str]:
    return _names(topic.image, *([topic.info] if topic.info else []))


def _twins(robot: RobotDescription, profile: RosProfile) -> list[Access]:
    name = f"{robot.name.replace('-', '_')}_twin"
    images = frozenset().union(*map(_images, profile.cameras.values()))
    return [_twin(name, robot, profile), *([_node(f"{name}_cameras", publish=images)] if images else [])]


def _twin(name: str, robot: RobotDescription, profile: RosProfile) -> Access:
    commands = [topic for command in profile.commands.values()
                for topic in (command.topic, *(part.topic for part in heartbeats(command)))]
    reply: list[str] = []
    if robot.kind == "arm":
        commands.append("~/switch_controller")
        reply += ["/controller_manager/switch_controller", "/controller_manager/list_controllers"]
    elif any(stage.action == "hold" for stage in profile.watchdog):
        reply += ["~/offboard", *(["/mavros/set_mode"] if profile.driver == "mavros" else [])]
    return _node(name, subscribe=_names(*commands), reply=_names(*reply),
                 publish=_names(profile.state.topic, *(extra.topic for extra in profile.extras)))


def _operator() -> Access:
    """A person with ``ros2 service``, ``ros2 lifecycle`` and ``ros2 topic``, whose nodes have names by chance."""
    asked = [f"/{POLICY}/{name.removeprefix('~/')}" for name in ("arm", "disarm", *_LIFE_CYCLE)]
    return _node("_ros2cli*", publish=_names(f"{POLICY}/goal"), request=_names(*(name.lstrip("/") for name in asked)),
                 subscribe=_names(f"{POLICY}/status", f"{POLICY}/parameters", f"{POLICY}/transition_event",
                                  f"{GUARD}/status", "/diagnostics", "/rosout"))


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


def _renaming(arguments: Sequence[str]) -> tuple[str, dict[str, str], bool]:
    """Namespace, fully qualified names by the ones that they replace, whether nodes use simulation time."""
    options, values = arguments[::2], arguments[1::2]
    if len(options) != len(values) or not set(options) <= {"-r", "--remap", "-p", "--param"}:
        raise BadInputError(f"expected ROS arguments of the form -r FROM:=TO, got {' '.join(arguments)}")
    pairs = [value for option, value in zip(options, values, strict=True) if option in ("-r", "--remap")]
    rules = dict(pair.partition(":=")[::2] for pair in pairs)
    namespace = rules.pop("__ns", "/")
    for before, after in rules.items():
        if before.startswith("__") or not (_NAME.match(before) and _NAME.match(after)):
            raise BadInputError(f"cannot foresee what the remap {before}:={after} changes; expected two names such as "
                                "/cf/odom:=/cf231/odom, or __ns:=/left")
    prefix = namespace.rstrip("/")
    simulated = any(value.lower() == "use_sim_time:=true" for value in set(values) - set(pairs))
    return namespace, {name if name.startswith("/") else f"{prefix}/{name}":
                       to if to.startswith("/") else f"{prefix}/{to}" for name, to in rules.items()}, simulated
