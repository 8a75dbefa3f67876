"""The soak of real processes over DDS: who runs, what they weigh, and whether they noticed every fault."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from pathlib import Path

import yaml

from benchmarks.soak_steps import Sample, draw_goals, sample
from benchmarks.survival import recorder_of
from sim2real.errors import DeploymentError
from sim2real.robots import load_robot
from sim2real.ros.context import RosContext, import_ros, message_class
from sim2real.ros.profiles import RosProfile
from tests.ros.ros_processes import Processes

_SETTLE = 1.0  # [s] after a freeze's end in which it may still be noticed: a busy machine tells late
_ACTIVATE = 3  # lifecycle_msgs/Transition
_RESTART = 30.0  # [s] in which a stopped node has to be active again


class Soak:
    """Twin, guard and policy as processes of their own.

    Args:
        folder: For what they write.
        robot: robot.yaml.
        bundle: The policy.
        faults: (begin after the first command, duration) of freezes in [s].
        domain: ROS domain.
    """

    def __init__(self, folder: Path, robot: Path, bundle: Path, faults: list[tuple[float, float]], domain: int):
        self._faults, self._folder = faults, folder
        file, goals = folder / "faults.yaml", folder / "goals.yaml"
        goals.write_text(json.dumps(draw_goals().tolist()))
        file.write_text(yaml.safe_dump([{"since": "command", "at": at, "for": duration, "fault": "freeze"}
                                        for at, duration in faults]) or "[]")
        self._ros = RosContext("soak", [], domain)
        self._processes = Processes(domain, folder)
        self._status: list[tuple[float, str, str]] = []
        self._first_command, self._commands, self._revived = float("nan"), 0, 0
        self._other_faults: set[str] = set()
        self._listen(robot)
        start = self._processes.start
        self._nodes: dict[str, subprocess.Popen] = {
            "twin": start("twin", robot, "--engine", "mujoco", "--nominal", "--json",
                          *(["--faults", file] if faults else [])),
            "guard": start("guard", "--robot", robot),
            # parts of 4 MiB: one fills within the warm-up, and with it the index that the recorder keeps of a part
            "deploy": start("deploy", bundle, "--robot", robot, "--goals", goals, "--require-guard",
                            "--wait", "60", "--json", "--log", folder / "run.mcap", "--log-size", "4")}

    def run(self, seconds: float) -> tuple[dict, dict[str, list[Sample]]]:
        """Drive for ``seconds``; what came of it, and samples by process.

        Raises:
            DeploymentError: A process ended, or could not be brought to drive again; with the last words of all.
        """
        try:
            return self._run(seconds)
        except DeploymentError as error:
            words = []
            for name in ("deploy", "guard", "twin"):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    words.append(f"{name}: {' '.join(self._processes.end(self._nodes[name])[2].split())[-300:]}")
            raise DeploymentError(f"{error}; {'; '.join(words)}") from error

    def _run(self, seconds: float) -> tuple[dict, dict[str, list[Sample]]]:
        self._until(lambda: self._status and self._status[-1][1] == "INACTIVE", 90.0, "a configured policy")
        self._revive()
        self._until(lambda: self._commands, 20.0, "a command")
        pids = {name: node.pid for name, node in self._nodes.items()}
        pids["recorder"] = recorder_of(pids["deploy"])
        samples: dict[str, list[Sample]] = {name: [] for name in pids}
        begin, end = time.monotonic(), time.monotonic() + seconds
        due, faulty = begin, None
        while (now := time.monotonic()) < end:
            self._ros.spin_once(0.05)
            if now >= due:
                due += 1.0
                for name, pid in pids.items():
                    samples[name].append(sample(pid, now - begin))
            faulty = (faulty or now) if self._status[-1][1] == "FAULT" else None
            if faulty and now - faulty > 1.0 and not self._frozen(now):  # a person looks first
                self._revive()
                faulty = None
            for name, node in self._nodes.items():
                if node.poll() is not None:
                    raise DeploymentError(f"{name} ended by itself")
        return self._end(begin), samples

    def _end(self, begin: float) -> dict:
        said = {}
        for name in ("deploy", "guard", "twin"):
            code, out, err = self._processes.end(self._nodes[name])
            lines = [line for line in out.splitlines() if line.startswith("{")]
            said[name] = json.loads(lines[-1]) if lines else {}
            said[name]["log"] = re.findall(r"log: (\d+) rows", err)
        missed = [at for at, duration in self._faults if not self._noticed(at, duration)]
        policy = said["deploy"]
        begun = said["twin"].get("faults", 0)
        return {"missed": len(missed) + max(len(self._faults) - begun, 0), "begun": begun, "stops": self._revived - 1,
                "commands": self._commands, "goals": policy.get("goals"), "reached": policy.get("reached"),
                "limit_violations": policy.get("limit_violations"), "skipped": policy.get("skipped"),
                "other_holds": self._other_holds(),
                "other_faults": sorted(self._other_faults), "log_rows_dropped": sum(map(int, policy["log"])),
                "log_mib": sum(part.stat().st_size for part in self._folder.glob("run*.mcap")) / 2**20}

    def close(self) -> None:
        """End what still runs."""
        self._processes.close()
        self._ros.close()

    # ------------------------------------------------------------------ listening and speaking
    def _listen(self, robot: Path) -> None:
        profile = RosProfile.for_robot(load_robot(str(robot)))
        command = profile.command()

        def tell(message) -> None:
            row = json.loads(message.data)
            self._status.append((time.monotonic(), row["state"], row["mode"]))
            if row["state"] == "FAULT" and not self._frozen(time.monotonic()):
                self._other_faults.add(row["cause"])

        def count(_) -> None:
            self._commands += 1
            if self._commands == 1:
                self._first_command = time.monotonic()

        node = self._ros.node
        node.create_subscription(message_class("std_msgs/msg/String"), "/sim2real_policy/status", tell,
                                 self._ros.qos("reliable", depth=100))
        node.create_subscription(message_class(command.type), command.topic, count,
                                 self._ros.qos("reliable", depth=1000), raw=True)
        self._arm = node.create_client(import_ros("std_srvs.srv").Trigger, "/sim2real_policy/arm")
        self._change = node.create_client(import_ros("lifecycle_msgs.srv").ChangeState,
                                          "/sim2real_policy/change_state")

    def _revive(self) -> None:
        """Arm and activate, as a person would."""
        end = time.monotonic() + _RESTART
        while True:
            request = self._change.srv_type.Request()
            request.transition.id = _ACTIVATE
            armed = self._call(self._arm, self._arm.srv_type.Request())
            if armed.success and self._call(self._change, request).success:
                self._revived += 1
                return
            if time.monotonic() > end:
                raise DeploymentError(f"the policy cannot be activated within {_RESTART:g} s: {armed.message}")

    def _call(self, client, request):
        self._until(client.service_is_ready, 10.0, client.srv_name)
        future = client.call_async(request)
        self._until(future.done, 10.0, client.srv_name)
        return future.result()

    def _until(self, condition, timeout: float, what: str) -> None:
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise DeploymentError(f"{what} did not come within {timeout:g} s")
            self._ros.spin_once(0.02)

    # ------------------------------------------------------------------ the judgement
    def _window(self, at: float, duration: float) -> tuple[float, float]:
        return self._first_command + at, self._first_command + at + duration + _SETTLE

    def _frozen(self, now: float) -> bool:
        return any(begin <= now <= end for begin, end in (self._window(*fault) for fault in self._faults))

    def _noticed(self, at: float, duration: float) -> bool:
        begin, end = self._window(at, duration)
        words = {word for t, *both in self._status if begin <= t <= end for word in both}
        return bool(words & ({"STOP", "FAULT"} if duration > 0.5 else {"HOLD", "STOP", "FAULT"}))

    def _other_holds(self) -> int:
        """How often it held without a fault of ours, as on a machine that is too busy."""
        held = [t for t, _, mode in self._status if mode == "HOLD" and not self._frozen(t)]
        return sum(b - a > 1.0 for a, b in zip([-10.0, *held], held, strict=False))
