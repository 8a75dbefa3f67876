"""A fitted joint response as YAML, with what its logs determine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field

from sim2real.errors import BadInputError, unknown
from sim2real.files import atomic_write_text
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.identification.responses.joint_response import STRUCTURES, ResponseModel
from sim2real.identification.responses.log_fit import Estimate
from sim2real.robots import load_robot
from sim2real.yaml_model import read_model

Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Load(BaseModel):
    model_config = ConfigDict(extra="forbid")

    robot: str
    joints: list[str]


class _Estimate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    unit: str
    value: Finite | None
    low: Finite
    high: Finite
    identifiable: bool
    why: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    joints: Annotated[list[str], Field(min_length=1)]
    structure: str
    step: Annotated[float, Field(gt=0.0, le=1.0)]
    values: dict[str, list[Finite]]
    load: _Load | None = None
    estimates: dict[str, list[_Estimate]] = Field(default_factory=dict)
    scores: dict[str, Finite] = Field(default_factory=dict)


def write_response(model: ResponseModel, path: str | Path) -> None:
    """Write the model as YAML, whole or not at all."""
    content = {
        "joints": list(model.joints), "structure": model.structure, "step": model.step,
        "values": {name: values.tolist() for name, values in model.values.items()},
        "load": None if model.load is None else {"robot": model.load.robot, "joints": list(model.load.joints)},
        "estimates": {joint: [asdict(each) for each in found] for joint, found in model.estimates.items()},
        "scores": model.scores}
    atomic_write_text(path, yaml.safe_dump(content, sort_keys=False))


def read_response(path: str | Path) -> ResponseModel:
    """The model in a YAML file of ``write_response``; its robot's description is loaded again by its name.

    Raises:
        BadInputError: It cannot be read, or its parts do not fit together.
    """
    content = read_model(_File, path, str(path))
    if content.structure not in STRUCTURES:
        raise BadInputError(f"{path}: {unknown('structure', content.structure, STRUCTURES)}")
    expected = STRUCTURES[content.structure]
    if set(content.values) != set(expected) or any(len(row) != len(content.joints) for row in content.values.values()):
        raise BadInputError(f"{path}: values: expected {len(content.joints)} numbers for each of {', '.join(expected)}")
    if ("compliance" in expected) != (content.load is not None):
        raise BadInputError(f"{path}: load: expected one where there is a compliance, and none elsewhere")
    load = None
    if content.load is not None:
        load = GravityLoad(load_robot(content.load.robot), tuple(content.load.joints))
    return ResponseModel(
        tuple(content.joints), content.structure, {name: np.array(content.values[name]) for name in expected},
        content.step, load, {joint: [Estimate(**each.model_dump()) for each in found]
                             for joint, found in content.estimates.items()}, content.scores)
