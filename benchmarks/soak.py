"""Whether a policy can be deployed for long: memory, files and threads of every process, and every fault noticed.

    python -m benchmarks.soak --minutes 30 --json
    python -m benchmarks.soak --accelerated --minutes 30 --json

`sim2real twin`, `guard` and `deploy --log` run a UR5e at 100 Hz (policy, states and commands), goals drawn over and
over. Every minute the twin freezes its states for 0.3 s, which has to lead to HOLD; every fifth time for 0.9 s, which
has to lead to STOP and a latched FAULT, after which it is armed and activated anew, as a person would. Once a second
the memory (RSS), file descriptors and threads of every process are read from /proc; the trend is Theil and Sen's: the
median of the slopes between all pairs of samples, which single jumps do not move.

Accelerated, the same number of steps runs in this process as fast as it goes, in made-up time and without DDS: message
in, observation, policy, filter, envelope, stream, message out, recorder. Minutes are then made-up ones.

Exit code 1 where a process grows by 1 MiB a minute or more, keeps opening files or threads, or a fault is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

from benchmarks.soak_nodes import Soak
from benchmarks.soak_steps import accelerated
from sim2real.resources import data_path
from tests.ros.hand_policies import write_policy

RATE = 100  # [Hz]
SLOPE = 1.0  # [MiB/min] that is a leak
HOLD_SECONDS, STOP_SECONDS, EVERY_STOP = 0.3, 0.9, 5  # of a freeze; which ones are long


def robot_at_100_hz(folder: Path) -> Path:
    """The UR5e with policy, states and commands at 100 Hz."""
    content = yaml.safe_load((data_path("robots") / "ur5e" / "robot.yaml").read_text())
    content["name"], content["control"] = "ur5e_100", {"period": f"{1000 // RATE} ms", "substep": "2 ms"}
    for part in (content["ros"]["state"], content["ros"]["commands"]["forward_position"]):
        part["rate"] = f"{RATE} Hz"
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / content["model"]).write_bytes((data_path("robots") / "ur5e" / content["model"]).read_bytes())
    return path


def schedule(seconds: float, every: float) -> list[tuple[float, float]]:
    """(time since the first command, duration) of each freeze in [s]."""
    starts = np.arange(every, seconds - 0.5 * every, every)
    return [(float(at), STOP_SECONDS if k % EVERY_STOP == EVERY_STOP - 1 else HOLD_SECONDS)
            for k, at in enumerate(starts)]


def theil_sen(times: np.ndarray, values: np.ndarray) -> float:
    """Median slope of all pairs of at most 1 000 samples."""
    pick = np.unique(np.linspace(0, len(times) - 1, min(len(times), 1000)).astype(int))
    t, v = times[pick], values[pick]
    i, j = np.triu_indices(len(t), 1)
    return float(np.median((v[j] - v[i]) / (t[j] - t[i]))) if len(t) > 1 else 0.0


def growth(samples: list[tuple[float, int, int, int]], warm_up: float) -> dict:
    """What (time [s], bytes, files, threads) of a process come to after ``warm_up`` [s]."""
    rows = np.array([row for row in samples if row[0] >= samples[0][0] + warm_up], float)
    tenth = max(len(rows) // 10, 1)
    more = np.median(rows[-tenth:], axis=0) - np.median(rows[:tenth], axis=0)
    slope = theil_sen(rows[:, 0] / 60.0, rows[:, 1] / 2**20)
    return {"rss_mib": float(rows[-1, 1] / 2**20), "rss_slope_mib_per_min": slope,
            "rss_more_mib": float(more[1] / 2**20), "files": int(rows[-1, 2]), "files_more": int(more[2]),
            "threads": int(rows[-1, 3]), "threads_more": int(more[3]), "samples": len(rows),
            "leaks": bool(slope >= SLOPE or more[2] >= 1.0 or more[3] >= 1.0)}


def main() -> int:
    """Soak and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--every", type=float, default=60.0, metavar="S", help="between two freezes (default: 60)")
    parser.add_argument("--warm-up", type=float, default=None, metavar="S",
                        help="left out of the trend (default: a fifth, at most 5 min)")
    parser.add_argument("--accelerated", action="store_true", help="in this process, as fast as it goes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--domain-id", type=int, default=200 + os.getpid() % 33)
    args = parser.parse_args()
    seconds = 60.0 * args.minutes
    warm_up = min(0.2 * seconds, 300.0) if args.warm_up is None else args.warm_up
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        robot = robot_at_100_hz(folder)
        bundle = write_policy(folder / "reach.s2r", str(robot), "reach")
        faults = schedule(seconds, args.every)
        if args.accelerated:
            found, samples = accelerated(bundle, folder / "run.mcap", seconds, faults)
        else:
            soak = Soak(folder, robot, bundle, faults, args.domain_id)
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that its nodes are ended
            try:
                found, samples = soak.run(seconds)
            finally:
                soak.close()
    rows = {who: growth(each, warm_up) for who, each in samples.items()}
    found |= {"minutes": args.minutes, "load": os.getloadavg()[1], "faults": len(faults), "processes": rows,
              "passed": not found["missed"] and not any(row["leaks"] for row in rows.values())}
    if args.json:
        print(json.dumps(found))
    else:
        for who, row in rows.items():
            print(f"{who:9} {row['rss_mib']:7.1f} MiB {row['rss_slope_mib_per_min']:+7.3f} MiB/min  files "
                  f"{row['files']} ({row['files_more']:+d})  threads {row['threads']} ({row['threads_more']:+d})")
        print(f"{len(faults)} faults, {found['missed']} missed; " + ", ".join(
            f"{key} {value}" for key, value in found.items() if key not in ("processes", "missed", "faults")))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    sys.exit(code)
