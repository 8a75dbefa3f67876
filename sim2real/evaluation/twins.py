"""What a twin is made of: hidden parameters and defects, drawn per episode or given in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from sim2real.errors import ParameterError
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.yaml_text import read_yaml

# evaluation's own seed: its twins, starts and noise must not be draws that a training run has seen
SEED = 0x7717


@dataclass(frozen=True)
class TwinPlan:
    """How to make twins.

    Attributes:
        parameters: Values by name that hold in every episode; with ``draw`` off, all else is nominal.
        draw: Whether everything not in ``parameters`` is drawn anew for each episode, from the twins' ranges.
        defects: Names of the defects twins may have; None is all of them, () none.
    """

    parameters: Mapping[str, float] | None = None
    draw: bool = True
    defects: tuple[str, ...] | None = None

    def sampler(self, space: ParameterSpace, seeds: np.ndarray) -> Sampler:
        """A sampler for the episodes ``seeds``, (n,): an episode's twin depends on its own seed alone."""
        for name, value in (self.parameters or {}).items():
            space.check(name, value)
        if self.draw:
            plan = RandomizationPlan.default(space, level="twin", defects=self.defects)
        else:
            plan = RandomizationPlan(terms=())
        plan = plan.fixed(dict(self.parameters or {}))
        return Sampler(plan, space, len(seeds), seed=SEED, identities=seeds)


def parse_defects(text: str, space: ParameterSpace) -> tuple[str, ...] | None:
    """``--defects``: "default" (all), "none", or names joined by commas.

    Raises:
        ParameterError: A name that is no defect of this robot.
    """
    if text == "default":
        return None
    if text == "none":
        return ()
    known = [p.name for p in space.parameters if p.role == "defect"]
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in known:
            raise ParameterError(f"unknown defect {name!r}; known for this robot: {', '.join(known)}")
    return names


def load_parameter_file(path: str | Path, space: ParameterSpace) -> dict[str, float]:
    """Values by name from a YAML file, each checked against the vocabulary.

    Raises:
        ParameterError: No such file, no mapping, an unknown name or an impossible value.
    """
    path = Path(path)
    try:
        content = read_yaml(path)
    except OSError as error:
        raise ParameterError(f"cannot read the parameter file {path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: expected a mapping such as {{payload_mass: 1.5}}, got {type(content).__name__}")
    try:
        return {str(name): space.check(str(name), value) for name, value in content.items()}
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None
