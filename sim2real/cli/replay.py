"""``sim2real replay``: do a recorded run again, and show that the commands are the same."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

NAME = "replay"
HELP = "run a log's inputs through its bundle again and compare every command"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.description = (
        "Run the inputs of a log (`sim2real deploy --log`) through the bundle that it was recorded with, and compare "
        "each command bit for bit with the recorded one. A log that was cut off is replayed up to there. Exit code 0 "
        "where all commands are equal, 1 where one differs, 2 for bad input, such as a log of another bundle.")
    parser.add_argument("log", metavar="LOG", help="the log, such as run.mcap")
    parser.add_argument("--bundle", required=True, metavar="FILE.s2r", help="the bundle that was deployed")
    parser.add_argument("--write", metavar="OUT.mcap",
                        help="write recorded and replayed commands side by side, as a log of its own")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """Replay, print and compare."""
    from sim2real.cli.output import note, print_json, print_table
    from sim2real.deployment.bundle import load_bundle
    from sim2real.deployment.replay import replay
    from sim2real.errors import BadInputError
    from sim2real.recordings.log_reader import LogReader
    from sim2real.ros.drive import Drive

    log = LogReader(args.log)
    bundle = load_bundle(args.bundle)
    check_same_bundle(log.metadata, bundle, args)
    with side_by_side(args, bundle, log) as seen:
        found = replay(((topic, row) for _, topic, row in log), lambda rate: Drive(bundle, rate), seen)
        if not found.compared:
            raise BadInputError(f"the log {args.log} holds no step that could be replayed"
                                f"{f', {log.end}' if log.end else ''}; record one by sim2real deploy --log")
    first, names = found.first, list(bundle.manifest.joints) or ["thrust", "rate x", "rate y", "rate z"]
    if args.json:
        print_json({"log": args.log, "bundle": args.bundle, "sha256": bundle.sha256, "steps": found.steps,
                    "commands": found.commands, "equal": found.equal, "different": found.different,
                    "skipped": found.skipped, "largest": found.largest,
                    "first": first and {**vars(first), "name": names[first.channel]}, "missing_rows": log.missing,
                    "complete": not log.end})
    else:
        print_table(("steps>", "commands>", "equal>", "different>", "not comparable>"),
                    [(found.steps, found.commands, found.equal, found.different, found.skipped)])
    if first is not None:
        note(f"first difference {first.time:.3f} s after the first step (call {first.n}), {first.what} of "
             f"{names[first.channel]}: recorded {first.recorded!r}, replayed {first.replayed!r}; largest one "
             f"{found.largest:.3g}")
    if found.skipped:
        note(f"{found.skipped} numbers could not be compared: rows before them are missing from the log")
    if log.end:
        note(f"the log ends early, {log.end}; what is before that was compared")
    return 1 if found.different else 0


def check_same_bundle(metadata: dict[str, str], bundle: Any, args: argparse.Namespace) -> None:
    """Refuse a log of another bundle.

    Raises:
        BadInputError: It was recorded with another one, or does not say with which.
    """
    from sim2real.errors import BadInputError

    recorded = metadata.get("bundle", "")
    if recorded != bundle.sha256:
        raise BadInputError(f"the log {args.log} was recorded with bundle {recorded[:12] or '(not said)'}, "
                            f"{args.bundle} is {bundle.sha256[:12]}; give the file that was deployed")


@contextlib.contextmanager
def side_by_side(args: argparse.Namespace, bundle: Any, log: Any) -> Iterator[Callable[..., object]]:
    """What ``replay`` shows the commands to: writes them to ``--write``, whole or not at all, if that is given."""
    from sim2real.errors import BadInputError
    from sim2real.files import atomic_path
    from sim2real.ros.log_writer import LogWriter

    if not args.write:
        yield lambda what, n, recorded, replayed: None
        return
    with contextlib.suppress(OSError):  # nothing there yet
        if log.path.samefile(args.write):
            raise BadInputError(f"--write {args.write} is the log itself; give another file")
    with atomic_path(args.write) as path, path.open("wb") as file:
        writer = LogWriter(file, {"replay_of": args.log, "bundle": bundle.sha256})
        yield lambda what, n, recorded, replayed: writer.add(
            f"/{what}", log.time, {"n": n, "recorded": recorded.tolist(), "replayed": replayed.tolist(),
                                  "equal": recorded.tobytes() == replayed.tobytes()})
        writer.finish()
