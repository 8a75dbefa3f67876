"""An arm reaches blocks that it sees: `visual-reach` on the PyBullet twin, through ROS 2 images.

    python -m benchmarks.visual_reach --encoder encoder.s2r --policy runs/reach/policy.s2r --json

`sim2real twin --scene table` draws an arm at a table with PyBullet's TinyRenderer and publishes the images as a
camera's driver does; `sim2real deploy` runs the policy with the encoder in its bundle on them. The block is moved to a
random place, and after `--seconds` the twin's own truth is asked: how far is the tool from the point above the block
that it is to be at (mean of the last half second)? The policy's process knows nothing of the truth.

Without `--policy` a hand-written law reaches, without `--encoder` the red pixels' centre tells where the block is: no
learning, and no other colours in the scene. A twin's parameters and defects are drawn from `--seed`.

Where the runner stopped by itself (`stops`), as on a machine that is too busy, it is started anew; the goal counts as
it ended. Exit code 1 where less than 80 % of the goals were reached within 3 cm.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sim2real.cli.output import progress_bar
from sim2real.deployment.bundle import load_bundle, write_bundle
from sim2real.deployment.encoder import load_encoder
from sim2real.deployment.seeing import add_encoder
from sim2real.errors import DeploymentError
from sim2real.recordings.log_reader import LogReader
from sim2real.robots import RobotDescription, load_robot
from sim2real.ros.context import RosContext, message_class
from sim2real.tasks import make_task
from tests.deployment.hand_encoder import build_seeing_encoder
from tests.ros.hand_policies import columns, linear_onnx
from tests.ros.ros_processes import Processes

MUST = 0.8  # share within 3 cm
_LAST = 0.5  # [s] that a goal's error is the mean of


def hand_written(path: Path, robot: RobotDescription) -> Path:
    """A bundle of a proportional law: most of the joint step that closes the way, less what is still under way."""
    task = make_task("reach", robot)
    where, weight = columns(task), np.zeros((task.builder(1).size, task.action_size))
    # an action is half a full step; "lead" is seen in full steps, too
    weight[where["joint_step"]] = 2.0 * 0.6 * np.eye(task.action_size)
    weight[where["lead"]] = -2.0 * np.eye(task.action_size)
    write_bundle(path, task, linear_onnx(weight), training_ranges={}, created_by="benchmarks")
    return path


class Bench:
    """A twin at its table, a policy that sees, and a listener to the truth.

    Args:
        ros: An open context.
        processes: Where both are started.
        bundle: Path of the policy with an encoder.
        folder: For logs.
        seed: Of twin and places.
        robot: The robot.
    """

    def __init__(self, ros: RosContext, processes: Processes, bundle: Path, folder: Path, seed: int,
                 robot: RobotDescription):
        self._ros, self._processes, self._bundle, self._folder = ros, processes, bundle, folder
        self._task, self._robot = load_bundle(bundle).task, robot.name
        self._block: np.ndarray | None = None
        self._errors: list[tuple[float, float]] = []
        self._state = ""
        self.stops: list[str] = []
        self.logs: list[Path] = []
        base = f"/{robot.name}_twin"
        hear = ros.node.create_subscription
        hear(message_class("geometry_msgs/msg/PoseStamped"), f"{base}/block", self._hear_block, ros.qos("reliable"))
        hear(message_class("geometry_msgs/msg/PointStamped"), f"{base}/tool", self._hear_tool, ros.qos("reliable"))
        hear(message_class("std_msgs/msg/String"), "/sim2real_policy/status", self._hear_status, ros.qos("reliable"))
        self._point = message_class("geometry_msgs/msg/Point")
        self._place = ros.node.create_publisher(self._point, f"{base}/place_block", ros.qos("reliable"))
        self._twin = processes.start("twin", robot.name, "--engine", "pybullet", "--scene", "table", "--cameras",
                                     "--seed", seed, "--json")
        self._node: subprocess.Popen | None = None
        self._until(lambda: self._block is not None and self._place.get_subscription_count(), "the twin's first word")

    def _hear_block(self, message) -> None:
        p = message.pose.position
        self._block = np.array([p.x, p.y, p.z])

    def _hear_tool(self, message) -> None:
        if self._block is not None:
            p = message.point
            goal = self._block + [0.0, 0.0, self._task.hover]
            self._errors.append((time.monotonic(), float(np.linalg.norm(goal - [p.x, p.y, p.z]))))

    def _hear_status(self, message) -> None:
        self._state = json.loads(message.data)["state"]

    def start(self) -> None:
        """Let the policy drive."""
        log, self._state = self._folder / f"run{len(self.logs)}.mcap", ""
        self.logs.append(log)
        self._node = self._processes.start("deploy", self._bundle, "--robot", self._robot, "--arm", "--wait", "30",
                                           "--log", log, "--json")

    def goal(self, seconds: float) -> dict:
        """Move the block, and after a while say how far the tool is from where it should be."""
        if self._node is None or self._node.poll() is not None:
            if self._node is not None:
                self.stops.append(self._node.communicate()[1].strip().splitlines()[-1])
            self.start()
            self._until(lambda: self._state == "ACTIVE" or self._node.poll() is not None, "the policy's start")
        before = self._block
        self._place.publish(self._point(x=float("nan")))
        self._until(lambda: not np.array_equal(before, self._block), "the block's new place")
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > end, "", seconds + 1.0)
        recent = [error for at, error in self._errors if at > end - _LAST]
        return {"block": [round(float(x), 4) for x in self._block], "error_m": float(np.mean(recent))}

    def close(self) -> dict:
        """End both; what the logs say of the estimates."""
        if self._node is not None and self._node.poll() is None:
            Processes.end(self._node, signal.SIGINT)
        Processes.end(self._twin, signal.SIGINT)
        rows = [row for log in self.logs for _, topic, row in LogReader(log) if topic == "/estimate"]
        latency, took = ([row[name] for row in rows] for name in ("latency", "took"))
        used = [row["reason"] == "" for row in rows]
        return {"predictions": len(rows), "used": float(np.mean(used)) if rows else 0.0,
                "latency_p50_ms": 1e3 * float(np.median(latency)), "latency_p99_ms": 1e3 * float(
                    np.quantile(latency, 0.99)), "encoder_p50_ms": 1e3 * float(np.median(took))}

    def _until(self, condition, what: str, timeout: float = 60.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise DeploymentError(f"{what} did not happen within {timeout:g} s; is the machine busy?")
            self._ros.spin_once(0.02)


def summary(rows: list[dict]) -> dict:
    """What all goals come to."""
    errors = np.array([row["error_m"] for row in rows])
    return {"goals": len(rows), "within_3cm": float((errors <= 0.03).mean()),
            "within_2cm": float((errors <= 0.02).mean()), "median_m": float(np.median(errors)),
            "worst_m": float(errors.max())}


def main(argv: list[str] | None = None) -> int:
    """Run all goals and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visual_reach", description=__doc__.split("\n\n")[0])
    parser.add_argument("--encoder", metavar="FILE.s2r", help="default: a hand-made one of red pixels")
    parser.add_argument("--policy", metavar="FILE.s2r", help="bundle of the task reach; default: a hand-written law")
    parser.add_argument("--goals", type=int, default=50, metavar="N")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="for each goal")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--domain-id", type=int, default=213)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        policy = Path(args.policy) if args.policy else hand_written(folder / "reach.s2r", load_robot("ur5e"))
        robot = load_robot(load_bundle(policy).robot.name)  # as it is here: its cameras may be newer than the policy
        encoder = load_encoder(args.encoder or build_seeing_encoder(folder / "encoder.s2r", robot))
        add_encoder(policy, encoder, folder / "seeing.s2r")
        processes = Processes(args.domain_id, folder)
        rows: list[dict] = []
        try:
            with RosContext("visual_reach", [], args.domain_id) as ros, progress_bar("goals", args.goals) as done:
                bench = Bench(ros, processes, folder / "seeing.s2r", folder, args.seed, robot)
                while len(rows) < args.goals:
                    rows.append(bench.goal(args.seconds))
                    done(len(rows))
                estimates = bench.close()
        finally:
            processes.close()
    row = {**summary(rows), "stops": len(bench.stops), "causes": sorted(set(bench.stops)), **estimates,
           "encoder": args.encoder or "by hand", "policy": args.policy or "by hand", "seed": args.seed,
           "load": os.getloadavg()[1], "rows": rows}
    print(json.dumps(row) if args.json else table(row))
    return int(row["within_3cm"] < MUST)


def table(row: dict) -> str:
    """The same for people."""
    return "\n".join([
        f"{row['goals']} goals: {row['within_3cm']:.0%} within 3 cm, {row['within_2cm']:.0%} within 2 cm, "
        f"median {1e3 * row['median_m']:.1f} mm, worst {1e3 * row['worst_m']:.1f} mm",
        f"estimate known {row['latency_p50_ms']:.1f} ms after the image (p99 {row['latency_p99_ms']:.1f}), encoder "
        f"{row['encoder_p50_ms']:.1f} ms; {row['used']:.0%} of {row['predictions']} predictions used",
        f"the runner stopped by itself {row['stops']} times {row['causes'] or ''}; load {row['load']:.1f}"])


if __name__ == "__main__":
    sys.exit(main())
