"""The accelerated soak: everything that a deployed step does, in made-up time and in one process."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.replay import Transcript
from sim2real.ros.context import message_class
from sim2real.ros.drive import Drive
from sim2real.ros.figures import Figures
from sim2real.ros.goals import GoalSequence
from sim2real.ros.log import Recorder
from sim2real.ros.messages import CommandReader, CommandWriter, StateReader, StateWriter
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState

Sample = tuple[float, int, int, int]
_SETTLE = 0.5  # [s] of made-up time in which a freeze has to be noticed after it has become one
_EVERY = 1.0  # [s] of made-up time between samples


def sample(pid: int, now: float) -> Sample:
    """(``now``, resident memory [bytes], open files, threads) of a process.

    Raises:
        FileNotFoundError: It is gone.
    """
    words = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    files = len(os.listdir(f"/proc/{pid}/fd"))
    return now, int(words["VmRSS"].split()[0]) * 1024, files, int(words["Threads"])


def draw_goals() -> np.ndarray:
    """Goals for hours, shape (5000, 3) in [m], in front of the arm: nearer to its own column or to the ground the
    envelope stops it at a goal, and it would stand there again and again."""
    low, high = np.array([0.3, -0.4, 0.25]), np.array([0.5, 0.4, 0.5])
    return (low + (high - low) * np.random.default_rng(0).random((5000, 3))).round(3)


def accelerated(bundle_path: Path, log: Path, seconds: float, faults: list[tuple[float, float]]
                ) -> tuple[dict, dict[str, list[Sample]]]:
    """Run ``seconds`` of made-up time with freezes (begin, duration); what came of it, and samples by process."""
    plant = _Plant(bundle_path)
    recorder = Recorder(log, {"bundle": plant.bundle.sha256}, size=8 << 20)
    samples: dict[str, list[Sample]] = {"deploy": [], "recorder": []}
    missed, stops, waiting, begin = 0, 0, list(faults), time.perf_counter()
    step, now, next_sample = plant.bundle.task.control_period, 0.0, 0.0
    fault: tuple[float, float] | None = None
    noticed = True
    while now < seconds:
        if waiting and now >= waiting[0][0]:
            fault, noticed = waiting.pop(0), False
        frozen = fault is not None and now < fault[0] + fault[1]
        mode = plant.step(now, frozen, recorder)
        wanted = () if fault is None else ("STOP",) if fault[1] > 0.5 else ("HOLD", "STOP")
        noticed = noticed or mode in wanted
        if fault is not None and now > fault[0] + fault[1] + _SETTLE:
            missed += not noticed
            fault = None
        if mode == "STOP" and plant.at_rest and not frozen:
            stops += 1
            plant.anew()
        if now >= next_sample:
            next_sample += _EVERY
            plant.look()
            samples["deploy"].append(sample(os.getpid(), now))
            samples["recorder"].append(sample(recorder.pid, now))
        now += step
    taken = time.perf_counter() - begin
    recorder.close()
    return {"missed": missed, "stops": stops, "goals": plant.goals.goals, "reached": plant.goals.reached,
            "steps": plant.steps, "limit_violations": plant.violations, "log_rows_dropped": recorder.dropped,
            "log_failure": recorder.failure, "times_real_time": seconds / taken}, samples


class _Plant:
    """A deployed policy and a robot that is where its last command wants it."""

    def __init__(self, bundle_path: Path):
        self.bundle = load_bundle(bundle_path)
        robot, profile = self.bundle.robot, RosProfile.for_robot(self.bundle.robot)
        self._command = profile.command()

        def make(kind: str):
            return message_class(kind)()
        self._states, self._reader = StateWriter(robot, profile, make), StateReader(robot, profile)
        self._writer = CommandWriter(robot, profile, self._command, make)
        self._taker = CommandReader(robot, profile, self._command)
        self._rate = self._command.rate
        self.goals = GoalSequence(self.bundle.task, draw_goals())
        self._truth = RobotState.zeros(1, robot.num_joints)
        self._truth.joint_position[0] = robot.home
        self._seen = self._truth
        self.steps = self.violations = 0
        self._counted = 0
        self.figures: Figures | None = None
        self.anew()

    @property
    def at_rest(self) -> bool:
        return self._drive.pilot.at_rest and self._drive.stream.at_rest

    def anew(self) -> None:
        """Begin another activation."""
        self.look()
        self._counted = 0
        self._drive, self._transcript = Drive(self.bundle, self._rate), Transcript()
        self.figures = Figures(self.bundle.limits, 1.0 / self._rate)
        self._rows, self._started = self._transcript.made(self._rate), False

    def look(self) -> None:
        """Ask for the figures, as the node's report does once a second: what they keep for it is let go."""
        if self.figures is not None:
            self.violations += self.figures.violations - self._counted
            self._counted = self.figures.violations

    def step(self, now: float, frozen: bool, recorder: Recorder) -> str:
        """A period of the policy from ``now`` [s]; its mode."""
        if not frozen:
            self._seen = self._reader.read(self._states.write(self._truth, 1e6 + now), now)
        goal = self.goals.next(now) if self._started else self.goals.resume(now)
        if goal is not None:
            self._drive.start(self._seen, goal, now)
            self._rows += self._transcript.started(self._seen, goal, now)
            self._started = True
        decision = self._drive.step(self._seen, now)
        error = self.goals.judge(self._seen, now)
        self.figures.decision(decision, 1e-4)
        self._rows += self._transcript.stepped(self._seen, now, decision, {"decide": 1e-4}, error)
        while not self._drive.stream.due:
            before = self._drive.stream.command
            command = self._drive.tick()
            self.figures.command(command, now)
            self._rows += self._transcript.ticked(command)
            ((_, message),) = self._writer.write(command, before, 1e6 + now)
            self._follow(self._taker.read(message)[-1][1])
        for topic, row in self._rows:
            recorder.put(topic, row)
        self._rows = []
        self.steps += 1
        return str(decision.mode[0])

    def _follow(self, q: np.ndarray) -> None:
        velocity = (q - self._truth.joint_position[0]) * self._rate
        self._truth = RobotState.zeros(1, len(q))
        self._truth.joint_position[0], self._truth.joint_velocity[0] = q, velocity
