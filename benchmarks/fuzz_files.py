"""Fuzzed: files that people write or that come from elsewhere. Goals, faults, parameters, robots, logs."""

from __future__ import annotations

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz_messages import driven
from benchmarks.fuzz_mutations import changed_tree, damaged
from benchmarks.fuzz_targets import RATE, Target
from sim2real.robots import load_robot
from sim2real.ros.profiles import RosProfile


def texts(rng: np.random.Generator) -> bool:
    """Goals, rehearsed faults, parameters of a twin, robot descriptions."""
    import yaml

    from sim2real.evaluation.twins import load_parameter_file
    from sim2real.parameters import ParameterSpace
    from sim2real.ros.faults import load_faults
    from sim2real.ros.goals import load_goals

    robot = driven("ur5e")
    space = _space(ParameterSpace)
    tree, load = [
        ([[0.4, 0.1, 0.3], [0.4, -0.1, 0.3]], lambda path: load_goals(path, robot.stream.bundle.task)),
        ([{"at": "2 s", "for": "0.3 s", "fault": "freeze"},
          {"since": "command", "at": 4, "fault": "drop", "share": 0.3}],
         lambda path: load_faults(path, robot.robot, robot.profile)),
        ({"payload_mass": 1.5}, lambda path: load_parameter_file(path, space)),
        (yaml.safe_load(robot.robot.files["robot.yaml"]), lambda path: _whole_robot(path)),
    ][int(rng.integers(4))]
    text = yaml.safe_dump(changed_tree(rng, tree), allow_unicode=True).encode("utf-8", "replace")
    path = Path("robot.yaml")
    path.write_bytes(damaged(rng, text) if rng.integers(2) else text)
    load(path)
    return True


@cache
def _space(kind: Any) -> Any:
    return kind.for_robot(load_robot("ur5e"))


def _whole_robot(path: Path) -> None:
    """Read as ``--robot`` does, with its URDF beside it and its profile."""
    source = load_robot("ur5e").files
    for name in source:
        if name != "robot.yaml":
            Path(name).write_bytes(source[name])
    RosProfile.for_robot(load_robot(path.resolve()))


def logs(rng: np.random.Generator) -> bool:
    """Logs whose bytes or rows are wrong, read and replayed."""
    from sim2real.deployment.replay import replay
    from sim2real.recordings.log_reader import LogReader, read_log
    from sim2real.ros.drive import Drive

    data = _good_log()
    if rng.integers(2):
        Path("fuzzed.mcap").write_bytes(damaged(rng, data))
    else:  # well-formed, with hostile rows
        rows = [(topic, row) for topic, row in _rows() if isinstance(row, dict)]
        changed = changed_tree(rng, [row for _, row in rows])
        topics = [topic for topic, _ in rows]
        Path("fuzzed.mcap").write_bytes(_written_log([(topic, row) for topic, row in zip(topics, changed, strict=False)
                                                      if isinstance(row, dict)]))
    read_log("fuzzed.mcap")
    reader = LogReader("fuzzed.mcap")
    bundle = driven("ur5e").stream.bundle
    replay(((topic, row) for _, topic, row in reader), lambda rate: Drive(bundle, rate))
    return not reader.end


@cache
def _rows() -> list[tuple[str, dict[str, Any]]]:
    """What a short run logs."""
    from sim2real.deployment.replay import Transcript
    from sim2real.ros.drive import Drive

    robot, bundle = driven("ur5e"), driven("ur5e").stream.bundle
    drive, script, rows = Drive(bundle, RATE), Transcript(), []
    state = robot.stream.near_home(np.random.default_rng(0), 0.0)
    goal = bundle.task.sample_goal(np.full((1, bundle.task.goal_uniforms), 0.5))[0]
    rows += script.made(RATE)
    drive.start(state, goal, 0.0)
    rows += script.started(state, goal, 0.0)
    for k in range(4):
        now = state.time[0] = 0.04 * k
        rows += script.stepped(state, now, drive.step(state, now))
        rows += [row for _ in range(drive.stream.ticks) for row in script.ticked(drive.tick())]
    return [(topic, json.loads(json.dumps(row, default=lambda value: value.tolist()))) for topic, row in rows]


@cache
def _good_log() -> bytes:
    return _written_log(_rows())


def _written_log(rows: list[tuple[str, dict[str, Any]]]) -> bytes:
    """An MCAP file as the recorder writes it."""
    from mcap.writer import CompressionType, Writer

    buffer = io.BytesIO()
    writer = Writer(buffer, chunk_size=4096, compression=CompressionType.NONE)
    writer.start(library="fuzz")
    writer.add_metadata("sim2real", {"robot": "ur5e"})
    channels: dict[str, int] = {}
    for number, (topic, row) in enumerate(rows):
        if topic not in channels:
            schema = writer.register_schema(topic, "jsonschema", b"{}")
            channels[topic] = writer.register_channel(topic, "json", schema)
        text = json.dumps(row, default=str).encode("utf-8", "replace")
        writer.add_message(channels[topic], number, text, number, sequence=number)
    writer.finish()
    return buffer.getvalue()


KINDS: dict[str, tuple[Target, int]] = {"texts": (texts, 500), "logs": (logs, 300)}
