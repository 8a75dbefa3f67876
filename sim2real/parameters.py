"""The one vocabulary: every physical parameter in which simulation and a robot may differ, named once.

Simulators apply it, randomization samples it, identification infers it, evaluation sweeps it. A ``ParameterSpace`` is
the vocabulary for one robot, as an ordered list of scalar columns; values of ``n`` simulations are an array (n, P).

A *family* is a global column plus one column per joint, link or rotor (``joint_damping_scale`` and
``joint_damping_scale.elbow_joint``): a "scale" family multiplies the two, an "offset" family adds them. Families of a
scene's groups (``color_red.table``) have no global column.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sim2real.errors import ParameterError, unknown
from sim2real.image_vocabulary import IMAGES
from sim2real.visual_vocabulary import SCENE
from sim2real.vocabulary import ARM, CORRELATED, DRONE, ENGINES

if TYPE_CHECKING:
    from sim2real.robots import RobotDescription


_LARGEST = sys.float_info.max
_TWIN_MARGIN = 0.1  # twins' range beyond training's, as a share of its width, where a robot.yaml gives none


@dataclass(frozen=True)
class Parameter:
    """One scalar of the vocabulary.

    Attributes:
        name: Column name, ``family.element`` for one joint, link or rotor.
        unit: SI unit; "1" for a ratio.
        nominal: Value of the robot description.
        low, high: Default range of training randomization.
        distribution: "uniform" or "log_uniform".
        twin_low, twin_high: Range from which evaluation draws its twins: wider than training's.
        physical_low, physical_high: Values outside are refused.
        role: "dynamics", "actuation", "latency", "sensing", "disturbance" or "defect"; of what a camera sees
            "appearance", "light", "camera", "background", "distractor" or "image". Training randomizes all but defects
            by default, disturbances as events.
        live: Whether simulators read the value at every step, so that it may change within an episode for free.
        engines: Engines in which it acts.
        text: What it means, in words.
    """

    name: str
    unit: str
    nominal: float
    low: float
    high: float
    distribution: str
    twin_low: float
    twin_high: float
    physical_low: float
    physical_high: float
    role: str
    live: bool
    engines: tuple[str, ...]
    text: str

    def as_dict(self) -> dict:
        """The row that ``sim2real list parameters --json`` prints."""
        return {"name": self.name, "unit": self.unit, "nominal": self.nominal, "low": self.low, "high": self.high,
                "distribution": self.distribution, "engines": list(self.engines), "twin_low": self.twin_low,
                "twin_high": self.twin_high, "physical_low": self.physical_low, "physical_high": self.physical_high,
                "role": self.role, "live": self.live, "description": self.text}

    def check_ranges(self) -> None:
        """Raise ParameterError unless physical, twin and training ranges and the nominal value lie in one another."""
        bounds = (self.physical_low, self.twin_low, self.low, self.nominal, self.high, self.twin_high,
                  self.physical_high)
        if not all(a <= b for a, b in zip(bounds, bounds[1:], strict=False)):  # false for nan, too
            raise ParameterError(
                f"parameter {self.name}: expected physical, twin and training ranges and nominal inside one another, "
                f"got nominal {self.nominal:g}, [{self.low:g}, {self.high:g}] in [{self.twin_low:g}, "
                f"{self.twin_high:g}] in [{self.physical_low:g}, {self.physical_high:g}] {self.unit}")
        if self.distribution == "log_uniform" and self.twin_low <= 0.0:
            raise ParameterError(f"parameter {self.name}: its distribution is log-uniform, so low and twin_low must be "
                                 f"over 0, got {self.low:g} and {self.twin_low:g}; raise them")


class ParameterSpace:
    """The vocabulary for one robot, as ordered columns.

    Args:
        parameters: The columns, unique names.
    """

    def __init__(self, parameters: Iterable[Parameter]):
        self.parameters = tuple(parameters)
        self.names = tuple(p.name for p in self.parameters)
        self._index = {name: i for i, name in enumerate(self.names)}
        if len(self._index) != len(self.names):
            raise ParameterError("parameter names must be unique; give every parameter its own name")
        self.nominal = np.array([p.nominal for p in self.parameters])
        self.low = np.array([p.low for p in self.parameters])
        self.high = np.array([p.high for p in self.parameters])
        self.live = np.array([p.live for p in self.parameters])
        self._families: dict[str, tuple[int | None, slice]] = {}
        for family in dict.fromkeys(n.split(".")[0] for n in self.names if "." in n):
            members = [i for i, n in enumerate(self.names) if n.startswith(family + ".")]
            if members != list(range(members[0], members[-1] + 1)):
                raise ParameterError(f"family {family!r} needs contiguous element columns")
            self._families[family] = (self._index.get(family), slice(members[0], members[-1] + 1))

    @classmethod
    def for_robot(cls, robot: RobotDescription) -> ParameterSpace:
        """The vocabulary for ``robot``, with its nominal values and the ranges its description overrides."""
        rows = ARM(robot) if robot.kind == "arm" else DRONE(robot)
        parameters = [Parameter(*row) for row in rows]
        names = [p.name for p in parameters]
        overrides = dict(robot.parameter_overrides)
        for name in overrides:
            if name not in names:
                raise ParameterError(f"robot {robot.name}, parameters: {unknown('parameter', name, names)}")
        try:
            parameters = [_override(p, overrides.get(p.name)) for p in parameters]
            for p in parameters:
                p.check_ranges()
        except ParameterError as error:
            raise ParameterError(f"robot {robot.name}: {error}") from None
        return cls(parameters)

    @classmethod
    def for_images(cls) -> ParameterSpace:
        """The vocabulary for the images of any camera: what ``randomization.images`` applies."""
        return cls(Parameter(*row) for row in IMAGES())

    @classmethod
    def for_scene(cls, groups: Sequence[str], num_distractors: int, num_lights: int, max_lights: int
                  ) -> ParameterSpace:
        """The vocabulary for how a scene looks: see ``sim2real.visual_vocabulary``."""
        return cls(Parameter(*row) for row in SCENE(groups, num_distractors, num_lights, max_lights))

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: str) -> bool:
        return name in self._index

    def __getitem__(self, name: str) -> Parameter:
        return self.parameters[self.column(name)]

    def column(self, name: str) -> int:
        """Column of ``name``; raises ParameterError with the nearest names where it is unknown."""
        try:
            return self._index[name]
        except KeyError:
            raise ParameterError(unknown("parameter", name, self.names)) from None

    def family(self, values: np.ndarray, name: str) -> np.ndarray:
        """Per-element values of a family, global (where it has one) and element combined: (n, P) -> (n, elements)."""
        common, members = self._families[name]
        if common is None:
            return values[:, members]
        if self.parameters[common].unit == "1" and name.endswith("_scale"):
            return values[:, common, None] * values[:, members]
        return values[:, common, None] + values[:, members]

    def batch(self, n: int, values: Mapping[str, float] | None = None) -> np.ndarray:
        """Nominal values for ``n`` simulations with ``values`` by name on top, shape (n, P).

        Raises:
            ParameterError: An unknown name, or a value that is not a finite number inside the physical range.
        """
        out = np.tile(self.nominal, (n, 1))
        for name, value in (values or {}).items():
            out[:, self.column(name)] = self.check(name, value)
        return out

    def check(self, name: str, value: object) -> float:
        """``value`` as a float, if it is physically possible for ``name``."""
        p = self[name]
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
            raise ParameterError(f"parameter {name}: expected a number in {p.unit}, got {value!r}")
        value = value.item() if isinstance(value, np.generic) else value
        # YAML has whole numbers that are no floats; they can be compared
        if not -_LARGEST <= value <= _LARGEST or not p.physical_low <= value <= p.physical_high:
            raise ParameterError(f"parameter {name}: {value!r:.40} is outside the physical range "
                                 f"[{p.physical_low:g}, {p.physical_high:g}] {p.unit}; give a value inside it")
        return float(value)

    def as_dict(self, row: np.ndarray, *, changed_only: bool = False) -> dict[str, float]:
        """One simulation's values by name, shape (P,); only those off nominal with ``changed_only``."""
        return {name: float(v) for name, v, nominal in zip(self.names, row, self.nominal, strict=True)
                if not changed_only or v != nominal}


def _override(parameter: Parameter, change: Mapping[str, float] | None) -> Parameter:
    """``parameter`` with a robot description's own nominal, low or high; the twin range lies a margin around it."""
    if not change:
        return parameter
    nominal = change.get("nominal", parameter.nominal)
    low, high = change.get("low", min(parameter.low, nominal)), change.get("high", max(parameter.high, nominal))
    changed = replace(parameter, nominal=nominal, low=low, high=high, twin_low=change.get("twin_low", low),
                      twin_high=change.get("twin_high", high))
    changed.check_ranges()
    if parameter.distribution == "log_uniform":
        margin = (high / low) ** _TWIN_MARGIN
        twin_low, twin_high = low / margin, high * margin
    else:
        margin = _TWIN_MARGIN * (high - low)
        twin_low, twin_high = low - margin, high + margin
    return replace(changed, twin_low=change.get("twin_low", max(parameter.physical_low, twin_low)),
                   twin_high=change.get("twin_high", min(parameter.physical_high, twin_high)))


__all__ = ["CORRELATED", "ENGINES", "Parameter", "ParameterSpace"]
