"""A UR5e's driver that a test plays itself, for what no twin can send."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sim2real.robots import load_robot
from sim2real.ros.context import RosContext, message_class

ARRAY, JOINTS = "std_msgs/msg/Float64MultiArray", "sensor_msgs/msg/JointState"
STATES, COMMANDS = "/joint_states", "/forward_position_controller/commands"
RUNNING, SCALING = "/io_and_status_controller/robot_program_running", "/speed_scaling_state_broadcaster/speed_scaling"


class PlayedDriver:
    """Publishes joint states and what the driver says besides, in a thread and a ROS context of its own.

    Args:
        domain: ROS domain.
        edit: What goes out in place of a message: ``edit(message, k)`` of the k-th; default: the message itself.
        follow: Whether the joints are where the last command wants them; otherwise they never move.
        rate: Messages a second.
        qos: Reliability that the states are offered with.
        latched: Whether ``robot_program_running`` is kept for those who come later, as the driver does.
        keep_commands: Whether it wants publishers of commands to keep them for it, which none does.

    Attributes:
        commands: What came on the command topic, oldest first.
        begun: When the first message left [s].
    """

    def __init__(self, domain: int, edit: Callable[[Any, int], Iterable[Any]] | None = None, *, follow: bool = False,
                 rate: float = 500.0, qos: str = "reliable", latched: bool = True, keep_commands: bool = False):
        self.commands: list[list[float]] = []
        self.begun = float("nan")
        self._robot, self._edit, self._follow, self._period = load_robot("ur5e"), edit, follow, 1.0 / rate
        self._ros = RosContext("driver", [], domain)
        node = self._ros.node
        self._kind = message_class(JOINTS)
        self._states = node.create_publisher(self._kind, STATES, self._ros.qos(qos))
        node.create_subscription(message_class(ARRAY), COMMANDS, lambda m: self.commands.append(list(m.data)),
                                 self._ros.qos("reliable", depth=5000, latched=keep_commands))
        well = message_class("std_msgs/msg/Bool")  # what the driver says besides, or no gate would open
        self._running = node.create_publisher(well, RUNNING, self._ros.qos("reliable", latched=latched))
        self._running.publish(well(data=True))
        self._percent = message_class("std_msgs/msg/Float64")(data=100.0)
        self._scaling = node.create_publisher(type(self._percent), SCALING, self._ros.qos("reliable"))
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        q, velocity, k = self._robot.home, np.linspace(-0.01, 0.01, 6), 0
        self.begun = time.monotonic()
        while not self._ending.is_set():
            if self._follow and self.commands:
                now = np.array(self.commands[-1])
                q, velocity = now, np.clip((now - q) / self._period, -3.0, 3.0)
            message = self._kind(name=list(self._robot.joint_names), position=q.tolist(), velocity=velocity.tolist())
            message.header.stamp = self._ros.node.get_clock().now().to_msg()
            for each in [message] if self._edit is None else self._edit(message, k):
                self._states.publish(each)
            self._scaling.publish(self._percent)
            k += 1
            end = self.begun + k * self._period
            self._ros.spin_once(0.0005)
            while time.monotonic() < end:
                self._ros.spin_once(0.001)
            if time.monotonic() > end + 0.1:  # a busy machine: no burst afterwards
                self.begun = time.monotonic() - k * self._period
        end = time.monotonic() + 0.1
        while time.monotonic() < end:  # what is still on its way
            self._ros.spin_once(0.001)

    def close(self) -> None:
        """Be gone; closing twice is fine."""
        self._ending.set()
        self._thread.join()
        self._ros.close()


def permuted(seed: int) -> Callable[[Any, int], list[Any]]:
    """Joints in another order in every message."""
    random = np.random.default_rng(seed)

    def edit(message: Any, k: int) -> list[Any]:
        order = random.permutation(len(message.name))
        for field in ("name", "position", "velocity"):
            values = getattr(message, field)
            setattr(message, field, [values[i] for i in order])
        return [message]
    return edit
