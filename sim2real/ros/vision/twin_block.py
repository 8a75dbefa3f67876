"""The block on a twin's table: where it stands, who moves it, and the truth about it, for those who judge.

Nothing here is a driver's: ``~/block`` (geometry_msgs/PoseStamped) and ``~/tool`` (geometry_msgs/PointStamped) say what
is true in the simulation, in the base frame; ``~/place_block`` (geometry_msgs/Point) moves the block to x, y, or
somewhere else where they are not finite.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim2real import rng
from sim2real.errors import BadInputError
from sim2real.kinematics import Chain
from sim2real.robots import RobotDescription
from sim2real.ros.context import RosContext, message_class
from sim2real.ros.messages import set_stamp
from sim2real.ros.twin_cameras import TwinCameras
from sim2real.tasks import make_task
from sim2real.types import RobotState

THING = "block"  # of simulators.scenes


class TwinBlock:
    """Places the block, shows it to the cameras and tells of it.

    Args:
        ros: The twin's context.
        robot: An arm.
        cameras: Of the twin, with the scene table.
        seed: Of random places.
        place: (x, y) in [m] to begin with; None: a random one.
        every: Time in [s] after which it is moved to another random place; None: only when told.

    Raises:
        BadInputError: A place outside the area of the task visual-reach.
    """

    def __init__(self, ros: RosContext, robot: RobotDescription, cameras: TwinCameras, *, seed: int = 0,
                 place: tuple[float, float] | None = None, every: float | None = None):
        self._task, self._chain = make_task("visual-reach", robot), Chain.from_robot(robot)
        self._ros, self._cameras, self._seed, self._every = ros, cameras, seed, every
        self._frame, self._drawn = robot.model.root, 0
        self._moved = float("nan")
        kinds = [message_class(f"geometry_msgs/msg/{kind}") for kind in ("PoseStamped", "PointStamped", "Point")]
        self._pose, self._point, _ = kinds
        self._block = ros.node.create_publisher(self._pose, "~/block", ros.qos("reliable"))
        self._tool = ros.node.create_publisher(self._point, "~/tool", ros.qos("reliable"))
        ros.node.create_subscription(kinds[2], "~/place_block", self._receive, ros.qos("reliable", depth=10))
        self.pose = self._random() if place is None else self._at(*place)

    def tick(self, state: RobotState, stamp: float, now: float) -> None:
        """Tell the truth ``state``, stamped ``stamp`` [s]; to be called a few times a second, ``now`` [s] monotonic."""
        if not math.isfinite(self._moved):
            self._move(self.pose, now)
        elif self._every is not None and now - self._moved >= self._every:
            self._move(self._random(), now)
        self._cameras.place(THING, self.pose)  # again and again: a line may be lost where the other process is slow
        block, tool = self._pose(), self._point()
        for message in (block, tool):
            set_stamp(message.header, stamp)
            message.header.frame_id = self._frame
        p, o = block.pose.position, block.pose.orientation
        p.x, p.y, p.z, o.w, o.x, o.y, o.z = map(float, self.pose)
        at = self._chain.forward(state.joint_position)[0][0]
        tool.point.x, tool.point.y, tool.point.z = map(float, at)
        self._block.publish(block)
        self._tool.publish(tool)

    def _receive(self, message: Any) -> None:
        try:
            finite = math.isfinite(message.x) and math.isfinite(message.y)
            self.pose = self._at(message.x, message.y) if finite else self._random()
            self._moved = float("nan")  # shown with the next tick
        except BadInputError as error:
            self._ros.node.get_logger().error(str(error))

    def _move(self, pose: np.ndarray, now: float) -> None:
        self.pose, self._moved = pose, now

    def _at(self, x: float, y: float, turn: float = 0.0) -> np.ndarray:
        """Position and quaternion (7,) of the block upright on the table at (x, y), turned by ``turn`` [rad]."""
        low, high = self._task.area[::2], self._task.area[1::2]
        if not ((low <= [x, y]) & ([x, y] <= high)).all():
            raise BadInputError(f"the block can stand at x from {low[0]:g} to {high[0]:g} m and y from {low[1]:g} to "
                                f"{high[1]:g} m, got {x:g}, {y:g}")
        return np.array([x, y, self._task.block_z, math.cos(0.5 * turn), 0.0, 0.0, math.sin(0.5 * turn)])

    def _random(self) -> np.ndarray:
        u = rng.uniform(self._seed, np.zeros(1, int), self._drawn, "goal", 3)[0]
        self._drawn += 1
        x, y, _ = self._task.sample_goal(u[None, :2])[0]
        return self._at(x, y, (u[2] - 0.5) * 0.5 * math.pi)
