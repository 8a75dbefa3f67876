"""The fault table: each of 48 faults injected into real nodes, and what came of it at the driver's topic.

    python -m benchmarks.faults --json
    python -m benchmarks.faults --ids 7,13 --load 2

It runs the tests that are marked ``fault(number, name)`` in a pytest of their own. Several tests of one fault make one
row: all of them have to pass, and the worst of each column counts. A fault without a test has not passed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAMES = {
    1: "no joint state ever", 2: "states frozen", 3: "states dropped", 4: "joint order permuted",
    5: "missing, duplicate, extra joints", 6: "velocity or effort NaN or empty", 7: "encoder spike",
    8: "degrees instead of radians", 9: "NaN or Inf in an observation", 10: "NaN action", 11: "action out of range",
    12: "step, sign flip, Nyquist action", 13: "blocked joint", 14: "wrong observation or action size",
    15: "policy file truncated, bit-flipped", 16: "pickle, zip bomb, hostile ONNX", 17: "file swapped after the check",
    18: "inference overrun", 19: "inference hangs with the GIL", 20: "runner killed", 21: "guard killed",
    22: "SIGINT, SIGTERM in every state", 23: "emergency stop", 24: "speed scaling 100-0-100 %",
    25: "operator takes over, rival", 26: "camera absent, frozen, slow, late", 27: "wrong image encoding, size",
    28: "CameraInfo changes", 29: "image/state skew", 30: "stamps zero, future, past", 31: "wall clock +-1 h",
    32: "/clock frozen, forward, backward", 33: "transform missing or stale", 34: "driver restarts elsewhere",
    35: "link loss, reordered, duplicated", 36: "QoS mismatch", 37: "parameters changed while active",
    38: "flood of messages", 39: "disk full, read-only, slow", 40: "soak: memory, file descriptors",
    41: "CPU overloaded", 42: "drone setpoint gap", 43: "heartbeat without set points", 44: "frames, quaternions",
    45: "command into self, table, ground", 46: "bundle of another robot", 47: "two runners for one robot",
    48: "simulation time, real driver",
}
GRAVITY = ("ACTIVE", "HOLD", "STOP", "FAULT", "REFUSE")  # the gravest last
_INTO = "SIM2REAL_FAULT_ROWS"  # environment variable: the file that the tests' process appends its rows to
_ONLY = "SIM2REAL_FAULT_IDS"


# ------------------------------------------------------------------------------------------------- in pytest's process
def numbers_of(item: pytest.Item) -> list[int]:
    """The faults that a test is about."""
    return [marker.args[0] for marker in item.iter_markers("fault")]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Only tests of the faults that were asked for."""
    wanted = {int(number) for number in os.environ.get(_ONLY, "").split(",") if number}
    left_out = [item for item in items if not (set(numbers_of(item)) & wanted if wanted else numbers_of(item))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Append what a test has come to: at its end, or where it breaks off."""
    report = (yield).get_result()
    item.fault_passed = getattr(item, "fault_passed", True) and report.passed  # type: ignore[attr-defined]
    if report.failed:
        print(f"{item.nodeid}\n{report.longreprtext}", file=sys.stderr)
    if report.when != "teardown":
        return
    rows = [row for key, row in item.user_properties if key == "fault_row"] or [{}]
    with open(os.environ[_INTO], "a", encoding="utf-8") as file:
        for number in numbers_of(item):
            for row in rows:
                file.write(json.dumps({**row, "id": number, "test": item.nodeid,
                                       "passed": item.fault_passed}) + "\n")  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------- in this process
def merge(number: int, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of a fault's rows."""
    states = [row["state"] for row in rows if row.get("state") in GRAVITY]
    rests = [row["rest_s"] for row in rows if row.get("rest_s") is not None]
    return {"id": number, "name": NAMES[number], "passed": bool(rows) and all(row["passed"] for row in rows),
            "state": max(states, key=GRAVITY.index) if states else None,
            "rest_s": round(max(rests), 4) if rests else None,
            "over_bounds": max((row.get("over_bounds", 0.0) for row in rows), default=0.0),
            "resumed": any(row.get("resumed", False) for row in rows)}


@contextlib.contextmanager
def busy(load: float) -> Iterator[None]:
    """Burn ``load`` times as many cores as there are."""
    count = round(load * len(os.sched_getaffinity(0)))
    burning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def run(numbers: list[int], paths: list[str]) -> Iterator[dict[str, Any]]:
    """Run the tests of these faults below ``paths``; their rows as they come."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "rows.jsonl"
        into.touch()
        command = [sys.executable, "-m", "pytest", "-q", "-p", "benchmarks.faults", "-p", "no:cacheprovider",
                   "-m", "fault", *paths]
        with open(Path(folder) / "pytest.txt", "w+", encoding="utf-8") as output, into.open(encoding="utf-8") as rows:
            tests = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=None, env={
                **os.environ, _INTO: str(into), _ONLY: ",".join(map(str, numbers))})
            try:
                over = False
                while not over:
                    over = tests.poll() is not None
                    yield from (json.loads(line) for line in rows.readlines())
                    time.sleep(0.1)
            finally:
                if tests.poll() is None:
                    tests.terminate()
                    tests.wait()
            if tests.returncode not in (0, 1, 5):  # passed, some failed, none found
                output.seek(0)
                raise SystemExit(f"pytest ended with {tests.returncode}:\n{output.read()[-2000:]}")


def line(row: dict[str, Any]) -> str:
    """A row for people."""
    rest = "" if row["rest_s"] is None else f"{row['rest_s']:.3f}"
    over = "inside" if row["over_bounds"] == 0.0 else f"+{100.0 * row['over_bounds']:.3g} %"
    return (f"{row['id']:>3} {row['name']:38} {row['state'] or '-':8} {rest:>8} {over:>8} "
            f"{'yes' if row['resumed'] else 'no':>7} {'passed' if row['passed'] else 'NOT PASSED'}")


def parse_ids(text: str) -> list[int]:
    """Fault numbers of ``7,13`` or ``1-6,20``."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers |= set(range(int(first), int(last or first) + 1))
    if not numbers or not numbers <= set(NAMES):
        raise ValueError(text)
    return sorted(numbers)


def main() -> int:
    """Inject and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON line at the end")
    parser.add_argument("--ids", type=parse_ids, default=sorted(NAMES), metavar="N,N", help="only these faults")
    parser.add_argument("--load", type=float, default=0.0, metavar="N", help="meanwhile keep N times the cores busy")
    parser.add_argument("paths", nargs="*", default=["tests"], help="where the tests are (default: tests)")
    args = parser.parse_args()
    rows: dict[int, list[dict[str, Any]]] = {number: [] for number in args.ids}
    if not args.json:
        print(f"{'':>3} {'fault':38} {'state':8} {'rest [s]':>8} {'bounds':>8} {'resumed':>7}", flush=True)
    test = None
    with busy(args.load):
        for row in run(args.ids, args.paths):
            if row["id"] in rows:
                rows[row["id"]].append(row)
                if not args.json and row["test"] != test:
                    test = row["test"]
                    print(f"{line(merge(row['id'], [row]))}  {test.rpartition('::')[2]}", flush=True)
    table = [merge(number, found) for number, found in rows.items()]
    passed = sum(row["passed"] for row in table)
    if args.json:
        print(json.dumps({"rows": table, "passed": passed, "total": len(NAMES)}))
    else:
        print("\n".join(["", *map(line, table), f"{passed} of {len(table)} faults passed"]))
    return 0 if passed == len(table) else 1


if __name__ == "__main__":
    sys.exit(main())
