"""Excitations as CSV: what is written comes back, and what is wrong with others' is named in one line."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.excitation.files import read_csv, write_csv
from sim2real.recordings.channel_map import ChannelMap
from sim2real.robots import load_robot

ROBOT = load_robot("ur5e")
TIME = 0.002 * np.arange(50)
COMMAND = ROBOT.home + 0.1 * np.sin(TIME)[:, None] * np.arange(1, 7)


@pytest.fixture
def path(tmp_path):
    write_csv(tmp_path / "a.csv", ROBOT, TIME, COMMAND)
    return tmp_path / "a.csv"


def changed(path, change):
    rows = [line.split(",") for line in path.read_text().splitlines()]
    change(rows)
    path.write_text("\n".join(",".join(row) for row in rows) + "\n")
    return path


def test_what_is_written_comes_back(path):
    time, command = read_csv(path, ROBOT)
    np.testing.assert_allclose(time, TIME, atol=1e-12)
    np.testing.assert_allclose(command, COMMAND, atol=1e-14)
    assert path.read_text().splitlines()[0] == "time," + ",".join(f"command.{name}" for name in ROBOT.joint_names)


def test_the_log_reader_knows_it(path):
    channels = {f"command.{name}": {"column": f"command.{name}", "unit": "rad"} for name in ROBOT.joint_names}
    recording = ChannelMap.model_validate({"time": {"column": "time"}, "channels": channels}).read(path)
    np.testing.assert_allclose(recording.matrix("command"), COMMAND, atol=1e-14)


def test_columns_are_found_by_name(path):
    def shuffle(rows):
        for row in rows:
            row[:] = [*row[::-1], "7" if row[0] != "time" else "more"]
    np.testing.assert_allclose(read_csv(changed(path, shuffle), ROBOT)[1], COMMAND, atol=1e-14)


def drop(rows):
    for row in rows:
        del row[2]


def back(rows):
    rows[10][0] = rows[8][0]


def gap(rows):
    del rows[20]


def hole(rows):
    rows[30][3] = ""


def infinite(rows):
    rows[30][3] = "inf"


def short(rows):
    del rows[5:]


def degrees(rows):
    for row in rows[1:]:
        row[1:] = [repr(float(np.rad2deg(float(x)))) for x in row[1:]]


def words(rows):
    rows[12][1] = "far"


def ragged(rows):
    rows[12].append("1")


@pytest.mark.parametrize(("change", "line"), [
    (drop, "no column of numbers command.shoulder_lift_joint; expected time, command.shoulder_pan_joint"),
    (words, "no column of numbers command.shoulder_pan_joint"),
    (back, "time goes from .* at row 11; it has to rise"),
    (gap, "expected one row every 0.002 s, got 0.004 s at row 21"),
    (hole, "row 31 has no finite number"),
    (infinite, "row 31 has no finite number"),
    (short, "at least 8 rows, got 4"),
    (degrees, "look like degrees"),
    (ragged, "row 13 has 8 fields, the heading 7"),
])
def test_flaws_are_named(path, change, line):
    with pytest.raises(BadInputError, match=line):
        read_csv(changed(path, change), ROBOT)


def test_no_file(tmp_path):
    with pytest.raises(BadInputError, match="cannot be read"):
        read_csv(tmp_path / "none.csv", ROBOT)
