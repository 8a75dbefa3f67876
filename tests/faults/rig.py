"""The rig of the fault table: real nodes, a recorder at the driver's topic in the test's process, and its judgement.

    @pytest.mark.fault(2, "states frozen")
    def test_frozen_states(rig, reach_bundle):
        rig.twin({"since": "command", "at": 1.0, "for": 0.3, "fault": "freeze"})
        rig.deploy(reach_bundle)
        rig.after(1.0, 0.8)                      # record until 0.8 s after the fault's beginning
        verdict = rig.verdict(rig.begun(1.0))    # reports the row; assertions come after it
        assert verdict.state == "HOLD" and verdict.over_bounds == 0.0 and not verdict.resumed
"""

from __future__ import annotations

import importlib
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sim2real.ros.context import RosContext
from tests.faults.recorder import Recorder
from tests.ros.played_driver import PlayedDriver
from tests.ros.ros_processes import Processes

FAR = [f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55, -0.55, 0.55, -0.55, 0.55)]  # from one side to the other
GRAVITY = ("ACTIVE", "HOLD", "STOP", "FAULT", "REFUSE")  # of what is reached, the gravest last
NODE = "/sim2real_policy"
_TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4}  # of lifecycle_msgs/Transition
_MODES = {"APPROACH": "ACTIVE", "ENDED": "STOP"}  # words of ~/status that stand for others here


@dataclass(frozen=True)
class Verdict:
    """What came of an injected fault.

    Attributes:
        state: The gravest that was reached since the injection: ACTIVE, HOLD, STOP, FAULT; REFUSE: it never moved.
        rest_s: From the injection until commands and joints stood still for good in [s]; None where they do not.
        over_bounds: How far the stream left a bound at worst, 0.0 where inside (judge.over_bounds).
        resumed: Whether anything moved again after the runner had stopped for good and was at rest.
        lost: Messages that did not reach the recorder; differences over such gaps are not judged.
    """

    state: str
    rest_s: float | None
    over_bounds: float
    resumed: bool
    lost: int


class Rig(Recorder):
    """One robot's driver, real or played, what commands it, and everything that is heard of them.

    Args:
        processes: Where nodes are started.
        ros: The recorder's own context, spun by whatever waits here.
        folder: For faults files.
        report: Takes the row (the fixture ``fault_row``).
        robot: Name of the robot, or path of its robot.yaml.
        interface: Command interface; default: the profile's first.
    """

    def __init__(self, processes: Processes, ros: RosContext, folder: Path, report: Callable[..., None],
                 robot: str | Path = "ur5e", interface: str | None = None):
        super().__init__(ros, robot, interface)
        self.processes, self._folder, self._report = processes, folder, report
        self._name, self._interface = str(robot), ["--interface", interface] if interface else []
        self._nodes: list[subprocess.Popen] = []
        self._driver: PlayedDriver | None = None
        self._reported = False
        self._clients: dict[str, Any] = {}
        for service in ("arm", "activate"):  # known to the node as early as can be: answers to a stranger are lost
            self._client(service)

    # ------------------------------------------------------------------ nodes
    def twin(self, *faults: dict[str, Any], arguments: tuple[object, ...] = (), **variables: str) -> subprocess.Popen:
        """Start ``sim2real twin`` with these entries of a faults file; nominal, with the engine that starts fastest."""
        engine = "mujoco" if self.robot.kind == "arm" else "quadrotor"
        more: list[object] = self._interface if self.robot.kind == "arm" else []
        if faults:
            file = self._folder / "faults.yaml"
            file.write_text(yaml.safe_dump(list(faults)))
            more = [*more, "--faults", file]
        return self.processes.start("twin", self._name, "--engine", engine, "--nominal", *more, *arguments, **variables)

    def driver(self, edit: Callable[[Any, int], Any] | None = None, **options: Any) -> PlayedDriver:
        """Play the driver here in place of a twin (a UR5e's with forward_position)."""
        self._driver = PlayedDriver(self.processes.domain, edit, **options)
        return self._driver

    def guard(self, *arguments: object) -> subprocess.Popen:
        """Start ``sim2real guard``."""
        return self.processes.start("guard", "--robot", self._name, *self._interface, "--json", *arguments)

    def deploy(self, bundle: Path, *arguments: object, goals: list[str] | None = None, arm: str = "person",
               **variables: str) -> subprocess.Popen:
        """Start ``sim2real deploy BUNDLE``; an arm goes from one side to the other unless ``goals`` say what else.

        Args:
            arm: "person": wait until the node is configured, then arm and activate it by its services; it lives on
                after a FAULT, and nothing is sent before the recorder hears it. "flag": with ``--arm``, which may drive
                before the recorder has found it, and ends with a FAULT. "": leave that to the test.
        """
        goals = (FAR if self.robot.kind == "arm" else ["--goal=0,0,1"]) if goals is None else goals
        node = self.processes.start("deploy", bundle, "--robot", self._name, *self._interface, *goals,
                                    "--goal-timeout", "60", "--wait", "30", *(["--arm"] if arm == "flag" else []),
                                    "--json", *arguments, **variables)
        self._nodes.append(node)
        if arm == "person":
            self.arm()
        return node

    def arm(self) -> None:
        """Be the person: arm and activate the node once its gates are green."""
        told = len(self.status)
        self.until(lambda: self._gone() or any(row["state"] in ("INACTIVE", "FAULT") for _, row in self.status[told:]),
                   what="a configured node")
        assert not self._gone(), self._ended()
        self.until(lambda: self.states, what="a state at the recorder")  # which may be found 3 s after the node was
        end = time.monotonic() + 20.0
        while not (armed := self.call("arm"))[0]:
            assert time.monotonic() < end, f"it cannot be armed: {armed[1]}"
        done, why = self.call("activate")
        assert done, f"it does not become active {why}"

    def call(self, service: str) -> tuple[bool, str]:
        """Call ~/arm, ~/disarm or a transition (configure, activate, deactivate, cleanup): (done, why not)."""
        known = len(self._clients)
        client, request = self._client(service)
        self.until(client.service_is_ready, what=f"the service {client.srv_name}")
        if len(self._clients) > known:  # ready says that we know the server; its answers are lost until it knows us
            self.spin(0.5)
        future = client.call_async(request)
        self.until(lambda: future.done() or self._gone(), what=f"an answer of {client.srv_name}")
        assert future.done(), self._ended()
        return future.result().success, getattr(future.result(), "message", "")

    def _client(self, service: str) -> tuple[Any, Any]:
        """A service's client, made once, and a request."""
        if service in _TRANSITIONS:
            kind, name = importlib.import_module("lifecycle_msgs.srv").ChangeState, f"{NODE}/change_state"
        else:
            kind, name = importlib.import_module("std_srvs.srv").Trigger, f"{NODE}/{service}"
        if name not in self._clients:
            self._clients[name] = self.ros.node.create_client(kind, name)
        request = kind.Request()
        if service in _TRANSITIONS:
            request.transition.id = _TRANSITIONS[service]
        return self._clients[name], request

    # ------------------------------------------------------------------ waiting
    def until(self, condition: Callable[[], Any], timeout: float = 40.0, what: str = "it") -> None:
        """Record until ``condition()``; fails after ``timeout`` [s]."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                known = self.ros.node.count_publishers(self.profile.state.topic)
                raise AssertionError(f"{what} did not happen within {timeout:g} s; last status: {self.status[-1:]}; "
                                     f"{self.states} states came of {known} publishers; {self._ended()}")
            self.hear()
            self.ros.spin_once(0.005)

    def spin(self, seconds: float) -> None:
        """Record for ``seconds``."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, seconds + 1.0)

    def moving(self, speed: float = 0.3) -> float:
        """Record until the robot is measured that fast in [rad/s] or [m/s]; returns when it was."""
        heard = len(self.speeds)
        self.until(lambda: self._gone() or any(fast > speed for _, fast in self.speeds[heard:]),
                   what=f"a speed of {speed:g}")
        assert not self._gone(), self._ended()
        return time.monotonic()

    def reaches(self, word: str, since: float, timeout: float = 20.0) -> None:
        """Record until ~/status last said ``word`` (a state or a mode), in what came after ``since``."""
        self.until(lambda: word in self.modes(since)[-2:], timeout, f"{word} after {self.modes(since)}")

    def begun(self, at: float) -> float:
        """When a fault with ``since: command, at: AT`` begins: that long after the first command."""
        self.until(lambda: self._raw_commands or self._gone(), what="a first command")
        assert self._raw_commands, self._ended()
        first = self.samples[0]
        assert first.number == 1, f"the recorder missed {first.number - 1} commands; let a person arm the node"
        return first.time + at

    def after(self, at: float, seconds: float) -> None:
        """Record until ``seconds`` after the beginning of such a fault."""
        end = self.begun(at) + seconds
        self.until(lambda: time.monotonic() >= end, timeout=at + seconds + 5.0)

    def finished(self, process: subprocess.Popen, timeout: float = 30.0) -> tuple[int, str, str]:
        """Record until a process has ended: (exit code, stdout, stderr)."""
        self.until(lambda: process.poll() is not None, timeout, "the end of a process")
        out, err = process.communicate()
        return process.returncode, out, err

    def end(self, process: subprocess.Popen, number: int = signal.SIGINT, timeout: float = 30.0
            ) -> tuple[int, str, str]:
        """Send a signal and record until the process has ended."""
        process.send_signal(number)
        return self.finished(process, timeout)

    def _gone(self) -> bool:
        return bool(self._nodes) and self._nodes[-1].poll() is not None

    def _ended(self) -> str:
        """What became of the last deploy, for a test that fails; one that runs is ended."""
        if not self._nodes:
            return "deploy was not started"
        if not self._gone():
            return f"deploy ran: {self.processes.end(self._nodes[-1])[2].strip()}"
        return f"deploy ended with {self._nodes[-1].returncode}: {self._nodes[-1].communicate()[1].strip()}"

    # ------------------------------------------------------------------ the judgement
    def state(self, since: float = 0.0) -> str:
        """The gravest state that was reached since then; REFUSE where deploy ended in error and nothing was sent."""
        if self._gone() and self._nodes[-1].returncode and not self._raw_commands:
            return "REFUSE"
        words = {_MODES.get(word, word) for word in self.modes(since)} & set(GRAVITY)
        if not words:
            return "REFUSE" if not self._raw_commands else "ACTIVE"
        return max(words, key=GRAVITY.index)

    def verdict(self, since: float, *, measured: bool = True, **known: Any) -> Verdict:
        """Judge everything since the injection at ``since`` and report the row; ``known`` is taken as given."""
        found = {"state": self.state(since), "rest_s": self.rest_s(since, measured=measured),
                 "over_bounds": self.over_bounds(), "resumed": self.resumed(since), **known}
        self._report(**found)
        self._reported = True
        return Verdict(**found, lost=self.lost)

    def close(self) -> None:
        """Report what is known where the test did not come so far; end a played driver, and the recorder."""
        if not self._reported:
            self._report(self.state(), None, self.over_bounds() if self._raw_commands else 0.0)
        if self._driver is not None:
            self._driver.close()
        super().close()
