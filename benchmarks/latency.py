"""What a control step costs, beside what ROS 2 itself costs, and how punctual the loop is.

    python -m benchmarks.latency --json

- step: a measured state in, a set point and a message out, without ROS: envelope, observation, policy (ONNX), filter,
  stream, message, while the robot moves from goal to goal. The network has the size that training makes; its numbers
  are set by hand, which cost the same: it follows the joint step in its observation
- ros: from a JointState that one process publishes to the command that another answers with, through DDS and the policy
  node's own parts, once in each control period, while the joints follow the commands; echo: the same with a bare
  rclpy.spin and a subscriber that publishes at once. By turns, in one run
- late: how late the ticks of a 100 Hz loop on absolute deadlines are; late_fifo: the same with SCHED_FIFO while
  twice as many processes as there are cores are busy, null where the system does not permit SCHED_FIFO
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import types
from pathlib import Path

import numpy as np

ROBOT, STATES, COMMANDS = "ur5e", "/joint_states", "/forward_position_controller/commands"
ARRAY, JOINTS = "std_msgs/msg/Float64MultiArray", "sensor_msgs/msg/JointState"
GOALS = np.array([[0.4, 0.2, 0.4], [0.3, -0.3, 0.5], [0.5, 0.1, 0.3], [0.35, -0.2, 0.35]])
_WARM = 50
_STAY = 50  # steps for each goal
_PRIORITY = 80


def make_bundle(folder: Path) -> Path:
    """A ur5e-reach bundle whose network is set by hand."""
    import torch
    from torch import nn

    from sim2real.deployment.bundle import write_bundle
    from sim2real.tasks import load_task
    from sim2real.tasks.observations import CLIP
    from sim2real.training.config import PPOConfig
    from sim2real.training.export import to_onnx

    task = load_task(f"{ROBOT}-reach")
    builder, joints = task.builder(1), task.action_size
    sizes = [builder.size, *PPOConfig().actor]
    layers = [layer for a, b in zip(sizes, sizes[1:], strict=False) for layer in (nn.Linear(a, b), nn.Tanh())]
    head = nn.Linear(sizes[-1], joints)
    with torch.no_grad():
        for layer in (*layers[::2], head):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.weight[:joints, :joints] = torch.eye(joints)
        layers[0].weight.zero_()
        layers[0].weight[:joints, builder.slice("joint_step")] = 0.1 * torch.eye(joints)
        head.weight *= 4.0
    actor = types.SimpleNamespace(input_size=sizes[0], output_size=joints, clip=CLIP, layers=layers, head=head,
                                  mean=torch.zeros(sizes[0]), scale=torch.ones(sizes[0]))
    write_bundle(folder / "policy.s2r", task, to_onnx(actor), training_ranges={}, created_by="benchmarks")
    return folder / "policy.s2r"


class Answer:
    """A state in, a message out: what the policy node does with one, its waiting left out."""

    def __init__(self, path: Path):
        from sim2real.deployment.bundle import load_bundle
        from sim2real.ros.context import message_class
        from sim2real.ros.drive import Drive
        from sim2real.ros.messages import CommandWriter
        from sim2real.ros.profiles import RosProfile

        self.bundle = load_bundle(path)
        robot, profile = self.bundle.robot, RosProfile.for_robot(self.bundle.robot)
        self.drive = Drive(self.bundle, 1.0 / self.bundle.task.control_period)
        self._writer = CommandWriter(robot, profile, profile.command(), lambda name: message_class(name)())
        self._steps = 0

    def __call__(self, state, now: float):
        """The message for ``state`` at ``now`` [s]."""
        if self._steps % _STAY == 0:
            self.drive.start(state, GOALS[self._steps // _STAY % len(GOALS)], now)
        self._steps += 1
        decision = self.drive.step(state, now)
        self.mode, self.cause = decision.mode[0], decision.cause[0]
        before = self.drive.stream.command
        ((_, message),) = self._writer.write(self.drive.tick(), before, now)
        return message


def measure_step(path: Path, count: int) -> np.ndarray:
    """Durations in [s] of ``count`` answers of a robot that moves.

    Raises:
        RuntimeError: It did not move all the time: nothing was measured.
    """
    from sim2real.types import RobotState

    answer, out = Answer(path), []
    state = RobotState.zeros(1, 6)
    gc.collect()
    gc.disable()
    for k in range(count + _WARM):
        now = 0.04 * k
        state.joint_position[:] = answer.bundle.robot.home if k == 0 else answer.drive.stream.command
        state.time[:] = now
        begin = time.perf_counter()
        answer(state, now)
        out.append(time.perf_counter() - begin)
        if answer.mode != "ACTIVE":
            raise RuntimeError(f"the robot is to move all the time, but it is in {answer.mode}: {answer.cause}")
    gc.enable()
    return np.array(out[_WARM:])


def respond(kind: str, path: Path, domain: int) -> None:
    """The other process: answer every state until its standard input is closed."""
    from sim2real.ros.context import RosContext, message_class
    from sim2real.ros.messages import StateReader
    from sim2real.ros.profiles import RosProfile

    with RosContext(f"answers_{kind}", [], domain, rounds=kind == "ros") as ros:
        publisher = ros.node.create_publisher(message_class(ARRAY), COMMANDS, ros.qos("reliable"))
        if kind == "echo":
            message = message_class(ARRAY)(data=[0.0] * 6)

            def receive(state):
                publisher.publish(message)
        else:
            answer = Answer(path)
            reader = StateReader(answer.bundle.robot, RosProfile.for_robot(answer.bundle.robot))

            def receive(state):
                now = time.monotonic()
                publisher.publish(answer(reader.read(state, now), now))
                if answer.mode != "ACTIVE":
                    raise RuntimeError(f"the robot is to move all the time, but it is in {answer.mode}: {answer.cause}")

        ros.node.create_subscription(message_class(JOINTS), STATES, receive, ros.qos("best_effort"))
        gc.collect()
        gc.freeze()
        # rclpy's spin waits where no signal reaches it, and a killed process would stay in the graph for 20 s
        threading.Thread(target=lambda: (sys.stdin.read(), ros.context.try_shutdown()), daemon=True).start()
        with contextlib.suppress(ros.rclpy.executors.ExternalShutdownException):
            if kind == "echo":
                ros.rclpy.spin(ros.node, executor=ros.executor())
            while True:
                ros.serve(1.0)


def measure_ros(path: Path, domain: int, count: int, rounds: int) -> dict[str, np.ndarray]:
    """Round trips in [s] of ``count`` states in each of ``rounds`` turns, by kind of answer."""
    from sim2real.robots import load_robot
    from sim2real.ros.context import RosContext, message_class
    from sim2real.ros.messages import set_stamp

    robot, trips = load_robot(ROBOT), {"echo": [], "ros": []}
    with RosContext("driver", [], domain) as ros:
        states = ros.node.create_publisher(message_class(JOINTS), STATES, ros.qos("reliable"))
        answers: list[tuple[float, list[float]]] = []
        ros.node.create_subscription(message_class(ARRAY), COMMANDS,
                                     lambda m: answers.append((time.perf_counter(), list(m.data))), ros.qos("reliable"))
        message = message_class(JOINTS)(name=list(robot.joint_names), velocity=[0.0] * 6)
        for _ in range(rounds):
            for kind in trips:
                message.position = robot.home.tolist()
                other = subprocess.Popen([sys.executable, "-m", "benchmarks.latency", "--respond", kind, str(path),
                                          str(domain)], stdin=subprocess.PIPE)
                try:
                    while not (states.get_subscription_count() and ros.node.count_publishers(COMMANDS)):
                        ros.spin_once(0.05)
                    for k in range(count + _WARM):
                        answers.clear()
                        set_stamp(message.header, time.time())
                        begin = time.perf_counter()
                        states.publish(message)
                        while not answers and time.perf_counter() - begin < 0.5:
                            ros.spin_once(0.1)
                        if other.poll() is not None:
                            raise RuntimeError(f"the process that answers ({kind}) has ended")
                        if answers:
                            if k >= _WARM:
                                trips[kind].append(answers[0][0] - begin)
                            if kind == "ros":
                                message.position = answers[0][1]
                        time.sleep(max(begin + robot.control_period - time.perf_counter(), 0.0))
                finally:
                    other.stdin.close()
                    other.wait()
                while ros.node.count_publishers(COMMANDS):
                    ros.spin_once(0.05)
    return {kind: np.array(values) for kind, values in trips.items()}


def measure_late(seconds: float, priority: int = 0) -> np.ndarray:
    """Latenesses in [s] of a 100 Hz loop; with a SCHED_FIFO ``priority`` none where that is not permitted."""
    from sim2real.ros.timing import Deadlines, realtime

    if priority and (refused := realtime(priority)):
        print(f"late_fifo: {refused}", file=sys.stderr)
        return np.zeros(0)
    deadlines, out = Deadlines(0.01), []
    while len(out) < 100 * seconds:
        due = deadlines.next()
        out.append(time.monotonic() - due)
    return np.array(out)


def measure_late_under_load(seconds: float, priority: int) -> np.ndarray:
    """The same with twice as many busy processes as there are cores, in a process of its own."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        loop = subprocess.run([sys.executable, "-m", "benchmarks.latency", "--ticks", str(seconds), str(priority)],
                              stdout=subprocess.PIPE, text=True, check=True)
    finally:
        for process in busy:
            process.kill()
            process.wait()
    return np.array(json.loads(loop.stdout))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--bundle", type=Path, default=None, help="a ur5e-reach bundle (default: one set by hand)")
    parser.add_argument("--count", type=int, default=2000, help="steps, and round trips of each kind in three turns")
    parser.add_argument("--domain-id", type=int, default=100 + os.getpid() % 100)
    parser.add_argument("--respond", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--ticks", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.respond:
        kind, path, domain = args.respond
        with contextlib.suppress(KeyboardInterrupt):
            respond(kind, Path(path), int(domain))
        return 0
    if args.ticks:
        print(json.dumps(measure_late(float(args.ticks[0]), int(args.ticks[1])).tolist()))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = args.bundle or make_bundle(Path(folder))
        step, late = measure_step(path, args.count), measure_late(5.0)
        loaded = measure_late_under_load(5.0, _PRIORITY)
        trips = measure_ros(path, args.domain_id, args.count // 6, 3)
    row = {}
    for name, values, unit, factor in (("step", step, "us", 1e6), ("ros", trips["ros"], "ms", 1e3),
                                       ("echo", trips["echo"], "ms", 1e3), ("late", late, "ms", 1e3),
                                       ("late_fifo", loaded, "ms", 1e3)):
        for word, quantile in (("p50", 0.5), ("p99", 0.99)):
            known = len(values) > 0
            row[f"{name}_{word}_{unit}"] = round(factor * float(np.quantile(values, quantile)), 3) if known else None
    print(json.dumps(row) if args.json else "\n".join(f"{key:17} {value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
