"""Channel maps: which column of a log is what, in which unit; a few lines of YAML make any log readable.

    files: {state: state_motor.csv.gz, control: control.csv.gz}    # where a log is a folder; the first gives the rows
    time: {column: timestamp, unit: us}
    channels:
      position.elbow: {column: "positions[2]"}
      command.elbow: {file: control, column: "positions[2]", unit: deg, sign: -1, scale: 1.0, offset: 0.1}
      place.z: {column: pz, frame: world}

A value is offset + sign * scale * (the column in its unit): offset is in SI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sim2real.errors import BadInputError, unknown
from sim2real.recordings.recording import GIVEN, QUANTITIES, Recording
from sim2real.recordings.tables import Table, read_table
from sim2real.resources import data_path
from sim2real.units import has_dimension, parse_unit
from sim2real.yaml_model import read_model

_COLUMN = re.compile(r"^(.*?)(?:\[(\d+)\])?$")
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    file: str = ""
    unit: str = ""
    sign: Annotated[int, Field(ge=-1, le=1)] = 1
    scale: Finite = 1.0
    offset: Finite = 0.0
    frame: str = ""


class _Time(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    unit: str = "s"


class ChannelMap(BaseModel):
    """How to read logs of one kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: _Time
    channels: Annotated[dict[str, _Entry], Field(min_length=1)]
    files: dict[str, str] = Field(default_factory=dict)

    def read(self, path: str | Path) -> Recording:
        """The recording in a file, or in a folder with ``files``.

        Raises:
            BadInputError: A file or column that is not there, or cannot be read.
        """
        path = Path(path)
        if self.files and not path.is_dir():
            raise BadInputError(f"{path}: expected a folder with {', '.join(self.files.values())}, as the channel map "
                                "says")
        tables = {name: read_table(path / file) for name, file in self.files.items()} if self.files else {
            "": read_table(path)}
        main = next(iter(tables))
        times = {name: self._time(path, table) for name, table in tables.items()}
        begin, out = float(np.nanmin(times[main])), {}
        for name, entry in self.channels.items():
            file = entry.file or main
            values = _column(path, tables[file], entry.column, name)
            factor = parse_unit(entry.unit)[0] if entry.unit else 1.0
            values = entry.offset + entry.sign * entry.scale * factor * values
            if file != main:
                values = _at(times[main], times[file], values, held=name.partition(".")[0] in GIVEN)
            out[name] = values
        return Recording(str(path), times[main] - begin, out,
                         {name: entry.frame for name, entry in self.channels.items() if entry.frame},
                         {name: value for table in tables.values() for name, value in table.constants.items()})

    def _time(self, path: Path, table: Table) -> np.ndarray:
        time = parse_unit(self.time.unit)[0] * _column(path, table, self.time.column, "time")
        if not np.isfinite(time).any():
            raise BadInputError(f"{path}: column {self.time.column} has no time in it")
        return time


def load_channels(source: str | Path) -> ChannelMap:
    """The channel map of that name (``list_channel_maps``), or in that YAML file.

    Raises:
        BadInputError: No such map, or one that cannot be used; names the field.
    """
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        if str(source) not in list_channel_maps():
            raise BadInputError(f"{unknown('channel map', source, list_channel_maps())}; or give a .yaml file of yours")
        path = data_path("assets") / "channels" / f"{source}.yaml"
    found = read_model(ChannelMap, path, f"channel map {path}")
    for name, entry in found.channels.items():
        _check(path, name, entry, found.files)
    if not has_dimension(found.time.unit, "s"):
        raise BadInputError(f"channel map {path}: time: expected a unit of time, got {found.time.unit}")
    return found


def list_channel_maps() -> list[str]:
    """Names of the maps that come with the package."""
    return sorted(file.stem for file in (data_path("assets") / "channels").glob("*.yaml"))


def _check(path: Path, name: str, entry: _Entry, files: Mapping[str, str]) -> None:
    quantity = name.partition(".")[0]
    if quantity not in QUANTITIES:
        raise BadInputError(f"channel map {path}: {unknown('quantity', quantity, QUANTITIES)}")
    if entry.sign == 0:
        raise BadInputError(f"channel map {path}: {name}: expected sign 1 or -1, got 0")
    if entry.file and entry.file not in files:
        raise BadInputError(f"channel map {path}: {name}: {unknown('file', entry.file, files)}")
    if entry.unit and not has_dimension(entry.unit, QUANTITIES[quantity]):
        raise BadInputError(f"channel map {path}: {name}: expected a unit of {QUANTITIES[quantity]}, got {entry.unit}")


def _column(path: Path, table: Table, text: str, channel: str) -> np.ndarray:
    """Values (n,) of a column such as "px" or "positions[2]"."""
    name, index = _COLUMN.match(text).groups()
    if text in table.columns:
        name, index = text, None
    if name not in table.columns:
        raise BadInputError(f"{path}: channel {channel}: {unknown('column', name, table.columns)}")
    values = table.columns[name]
    if (values.ndim == 2) != (index is not None) or (index is not None and int(index) >= values.shape[1]):
        has = f"numbers [0] to [{values.shape[1] - 1}] in each row" if values.ndim == 2 else "one number in each row"
        raise BadInputError(f"{path}: channel {channel}: column {name} has {has}; got {text!r}")
    return values if index is None else values[:, int(index)]


def _at(time: np.ndarray, own: np.ndarray, values: np.ndarray, *, held: bool) -> np.ndarray:
    """Values of another file at the rows' ``time``: the last one sent where they are ``held``, else in between."""
    order = np.argsort(own, kind="stable")
    own, values = own[order], values[order]
    if not held:
        return np.interp(time, own, values, left=np.nan, right=np.nan)
    last = np.searchsorted(own, time, side="right") - 1
    return np.where(last >= 0, values[np.maximum(last, 0)], np.nan)
