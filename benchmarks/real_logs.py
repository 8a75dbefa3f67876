"""Recordings of real robots: models fitted to a part of them predict the rest; beside reference figures.

    python -m benchmarks.real_logs --json
    python -m benchmarks.real_logs --plots DIR

SO-101: five motions are fitted, the others predicted over the whole log from the commands and the first position.
Servos on a pendulum: each log is predicted from its goals and first angle by parameters that never saw its kp (or its
kind of motion). Crazyflie: each trajectory by what was fitted to the others, 10, 100 and 500 ms ahead, from the log up
to then and the motors' commands until then; its error is a share of that of holding the state. Flaws: logs that are
judged wrongly. What the logs do not determine is listed as such. docs/real_logs.md tells more.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.real_logs_rows import Measured, Row, measure_arm, measure_drone, measure_flaws, measure_servo
from sim2real.cli.output import print_json, print_table, progress_bar, say

ROOT = Path(__file__).resolve().parents[1]
PLACES = [folder / "shared" / "data" for folder in ROOT.parents[:2]]  # beside the project, or beside its worktrees
DATA = next((folder for folder in PLACES if folder.is_dir()), PLACES[0])
FOLDERS = {"so101": "so101_logs", "servo": "servo_pendulum", "crazyflie": "crazyflie_flights"}
STAGES: dict[str, tuple[Callable[[Path], Measured], float]] = {  # with their share of the time
    "flaws": (measure_flaws, 4.0), "servo": (measure_servo, 35.0), "crazyflie": (measure_drone, 20.0),
    "so101": (measure_arm, 60.0)}


def measure(data: Path, stages: list[str], quiet: bool) -> dict[str, Measured]:
    """Each stage's rows, with a progress bar."""
    found, gone = {}, 0.0
    with progress_bar("real logs", sum(STAGES[name][1] for name in stages), enabled=not quiet) as update:
        for name in stages:
            update(gone, name)
            stage, share = STAGES[name]
            found[name] = stage(data / FOLDERS[name] if name in FOLDERS else data)
            gone += share
            update(gone, name)
    return found


def show(found: dict[str, Measured]) -> None:
    """The rows, and what the logs determine."""
    rows = [row for measured in found.values() for row in measured.rows]
    print_table(("data", "model", "split", "ahead>", "error>", "unit", "published>", "must>", "aim>", ""),
                [(row.data, row.model, row.split, f"{row.horizon_s:g} s" if row.horizon_s else "whole log",
                  _number(row.error), row.unit, _number(row.published), _number(row.must), _number(row.aim),
                  verdict(row)) for row in rows], styles={"missed": "red", "must": "yellow", "aim": "green"})
    estimates = [(data, each) for measured in found.values() for data, many in measured.estimates.items()
                 for each in many]
    if estimates:
        say()
        print_table(("data", "parameter", "unit", "value>", "95 %>", "identifiable"),
                    [(data, each.name, each.unit, _number(each.value), f"{each.low:.3g} to {each.high:.3g}",
                      "yes" if each.identifiable else f"no: {each.why}") for data, each in estimates],
                    title="What the logs determine")


def verdict(row: Row) -> str:
    """Which of its goals a row reaches: aim, must, missed; nothing where it has none."""
    if row.must is None:
        return ""
    return "aim" if row.error <= row.aim else "must" if row.error <= row.must else "missed"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"with {', '.join(FOLDERS.values())}")
    parser.add_argument("--only", nargs="+", choices=STAGES, default=list(STAGES), metavar="STAGE",
                        help=f"of {', '.join(STAGES)}")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write pictures of measured against predicted there")
    args = parser.parse_args()
    missing = [name for name in FOLDERS.values() if not (args.data / name).is_dir()]
    if missing:
        parser.error(f"{args.data}: there is no {' and no '.join(missing)}; say where the recordings are with --data")
    begin = time.monotonic()
    found = measure(args.data, args.only, args.json)
    if args.plots:
        from benchmarks.real_logs_pictures import draw

        draw(found, args.plots)
    if args.json:
        print_json({"rows": [asdict(row) for measured in found.values() for row in measured.rows],
                    "estimates": {data: [asdict(each) for each in many] for measured in found.values()
                                  for data, many in measured.estimates.items()},
                    "seconds": round(time.monotonic() - begin, 1)})
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
