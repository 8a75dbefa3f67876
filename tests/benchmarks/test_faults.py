"""The fault table: how rows come together, and the command itself on a fault that takes two seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks.faults import NAMES, busy, line, merge, parse_ids


def test_the_worst_of_several_tests_counts():
    rows = [{"passed": True, "state": "HOLD", "rest_s": 0.2, "over_bounds": 0.0, "resumed": False},
            {"passed": True, "state": "ACTIVE", "rest_s": None, "over_bounds": 0.5, "resumed": True}]
    assert merge(3, rows) == {"id": 3, "name": "states dropped", "passed": True, "state": "HOLD", "rest_s": 0.2,
                              "over_bounds": 0.5, "resumed": True}
    assert not merge(3, [*rows, {"passed": False}])["passed"]
    text = line(merge(3, rows))
    assert "HOLD" in text and "+50 %" in text and "yes" in text and text.endswith("passed")


def test_a_fault_without_a_test_has_not_passed():
    row = merge(40, [])
    assert row["passed"] is False and row["state"] is None and line(row).endswith("NOT PASSED")


def test_there_are_48_faults():
    assert sorted(NAMES) == list(range(1, 49))


def test_ids_are_numbers_and_ranges():
    assert parse_ids("7,13") == [7, 13] and parse_ids("1-3,2,48") == [1, 2, 3, 48]
    for text in ("", "0", "49", "x", "3-1"):
        with pytest.raises(ValueError):
            parse_ids(text)


def test_load_keeps_the_cores_busy_and_leaves_nothing_behind():
    with busy(0.5):
        mine = f"/proc/{os.getpid()}/task/{os.getpid()}/children"
        children = open(mine).read().split()
        assert len(children) >= 1
    assert not set(children) & set(open(mine).read().split())


FAULTY = '''
import pytest
@pytest.mark.fault(5, "x")
@pytest.mark.parametrize("broken", [False, True])
def test_one(fault_row, broken):
    fault_row("HOLD", rest_s=0.25)
    assert not broken
@pytest.mark.fault(6, "y")
def test_skipped(fault_row):
    pytest.skip("no")
@pytest.mark.fault(8, "z")
def test_good(fault_row):
    fault_row("REFUSE")
def test_of_no_fault():
    assert False
'''


def test_the_command_on_a_file_of_tests(root, tmp_path):
    file = tmp_path / "test_them.py"
    file.write_text(FAULTY)
    fixture = "from tests.conftest import fault_row\n__all__ = ['fault_row']\n"
    (tmp_path / "conftest.py").write_text(fixture)
    done = subprocess.run([sys.executable, "-m", "benchmarks.faults", "--json", "--ids", "5,6,8,9", str(file)],
                          cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    table = json.loads(done.stdout)
    assert (table["passed"], table["total"]) == (1, 48)
    by_id = {row["id"]: row for row in table["rows"]}
    assert by_id[5] == {"id": 5, "name": NAMES[5], "passed": False, "state": "HOLD", "rest_s": 0.25,
                        "over_bounds": 0.0, "resumed": False}
    assert not by_id[6]["passed"] and by_id[8]["passed"] and not by_id[9]["passed"]
    assert "assert not True" in done.stderr  # why it failed is told


@pytest.mark.ros
def test_the_command_on_a_real_fault(root):
    done = subprocess.run([sys.executable, "-m", "benchmarks.faults", "--ids", "1", "tests/faults"], cwd=root,
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "REFUSE" in done.stdout and done.stdout.endswith("1 of 1 faults passed\n")
