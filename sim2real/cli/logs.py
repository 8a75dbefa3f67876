"""``sim2real logs``: what is in logs of robots, and whether they are fit to learn from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim2real.recordings.flaws import Flaw
    from sim2real.recordings.recording import Recording

NAME = "logs"
HELP = "read logs of robots, and say what is wrong with them"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Read logs of any robot and name what is wrong with them. Logs are: those of `deploy --log` (MCAP) and rosbag2 "
        "of its driver, both with --robot; tables (CSV, JSON, npz, each also with gzip) with columns named like "
        "channels; any other tables, or folders of them, by a channel map (--channels). Looked for are: time that "
        "goes back, gaps, missing or blown-up values, a robot that never moved, currents taken for torques, copies of "
        "other logs. Exit code 1 where a log is unfit. docs/recordings.md says how to write a map.")
    parser.add_argument("log", nargs="+", help="a file, a folder of a rosbag2, or a folder where the map names files")
    parser.add_argument("--robot", metavar="NAME", help="whose logs they are: a name, or a path; logs of ROS need it")
    parser.add_argument("--channels", metavar="MAP",
                        help="a .yaml file, or the name of one that comes along: bam_servo, nanobench_cf21, sage_so101")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Read, look and print."""
    from sim2real.cli.output import print_json, progress_bar
    from sim2real.recordings.channel_map import load_channels
    from sim2real.recordings.flaws import Flaw, find_duplicates, find_flaws
    from sim2real.robots import load_robot
    from sim2real.ros.any_log import read_recording

    channels, recordings = load_channels(args.channels) if args.channels else None, []
    robot = load_robot(args.robot) if args.robot else None
    with progress_bar("logs", len(args.log), enabled=not args.json) as done:
        for path in args.log:
            recordings.append(read_recording(path, robot, channels))
            done(len(recordings))
    flaws = [find_flaws(recording) for recording in recordings]
    for copy, first in find_duplicates(recordings).items():
        flaws[copy].append(Flaw("duplicate", "", f"its values are those of {recordings[first].name}"))
    if args.json:
        print_json({"logs": [_row(*both) for both in zip(recordings, flaws, strict=True)]})
    else:
        _show(recordings, flaws)
    return int(any(flaw.fatal for found in flaws for flaw in found))


def _row(recording: Recording, flaws: list[Flaw]) -> dict[str, Any]:
    return {"log": recording.name, "rows": len(recording), "seconds": round(recording.duration, 3),
            "rate_hz": round(recording.rate, 3), "channels": list(recording.channels),
            "fit": not any(flaw.fatal for flaw in flaws),
            "flaws": [{"kind": flaw.kind, "channel": flaw.channel, "words": flaw.words, "fatal": flaw.fatal}
                      for flaw in flaws]}


def _show(recordings: list[Recording], flaws: list[list[Flaw]]) -> None:
    from sim2real.cli.output import print_table, say

    verdicts = ["unfit" if any(flaw.fatal for flaw in found) else "caution" if found else "good" for found in flaws]
    print_table(("log", "rows>", "seconds>", "rate [Hz]>", "channels>", "verdict"),
                [(recording.name, len(recording), f"{recording.duration:.1f}", f"{recording.rate:.1f}",
                  len(recording.channels), verdict)
                 for recording, verdict in zip(recordings, verdicts, strict=True)],
                styles={"unfit": "red", "caution": "yellow"})
    for recording, found in zip(recordings, flaws, strict=True):
        for sentence in _together(found):
            say(f"{recording.name}: {sentence}")


def _together(flaws: list[Flaw]) -> list[str]:
    """A sentence for each finding; those that say the same of several channels in one."""
    channels: dict[tuple[str, str], list[str]] = {}
    for flaw in flaws:
        channels.setdefault((flaw.kind, flaw.words), []).append(flaw.channel)
    return [f"{kind}{f' ({names})' if (names := ', '.join(filter(None, each))) else ''}: {words}"
            for (kind, words), each in channels.items()]
