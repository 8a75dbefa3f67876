"""Which parameters are identified: names, patterns, or the default set of a kind of robot."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from sim2real.errors import ParameterError, unknown
from sim2real.parameters import Parameter, ParameterSpace
from sim2real.robots import RobotDescription

DEFAULT = {
    # link masses count as known: positions never tell a common factor of all forces
    "arm": ("payload_mass", "payload_offset_*", "actuator_delay", "motor_time_constant", "joint_damping_scale",
            "joint_friction_scale", "joint_friction_scale.*", "stiffness_scale", "stiffness_scale.*",
            "damping_gain_scale", "armature_scale"),
    "drone": ("mass", "thrust_coefficient", "motor_time_constant", "actuator_delay", "drag_*", "inertia_*"),
}
# what a replay of commands does not depend on, or not in a way that a fit can follow
_HIDDEN_ROLES = ("disturbance",)
_HIDDEN = ("noise", "quantum", "jitter", "drop_probability", "contact_friction", "attitude_bias")


def names_of(patterns: Sequence[str], robot: RobotDescription, space: ParameterSpace) -> tuple[str, ...]:
    """Names of the vocabulary for names, patterns such as ``joint_damping_scale.*``, and "default"; each once.

    Raises:
        ParameterError: No such parameter, or one that a replay cannot tell.
    """
    known = [p.name for p in space.parameters if identifiable(p)]
    names: list[str] = []
    for pattern in [each for word in patterns for each in (DEFAULT[robot.kind] if word == "default" else (word,))]:
        if pattern in space and pattern not in known:
            raise ParameterError(f"{pattern} cannot be identified by replaying commands ({space[pattern].text}); "
                                 f"choose of {', '.join(known[:6])}, ...")
        found = [pattern] if pattern in known else [name for name in known if fnmatchcase(name, pattern)]
        if not found:
            raise ParameterError(unknown("parameter to identify", pattern, known))
        names += found
    if not names:
        raise ParameterError("expected at least one parameter to identify; 'default' is a good set")
    return tuple(dict.fromkeys(names))


def identifiable(parameter: Parameter) -> bool:
    """Whether a replay of commands depends on the parameter, and it has a range."""
    return (parameter.role not in _HIDDEN_ROLES and not any(word in parameter.name for word in _HIDDEN)
            and parameter.twin_high > parameter.twin_low)
