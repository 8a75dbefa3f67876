"""``python -m sim2real.ros.selftest``: does ROS 2 work here? Used by ``sim2real doctor``; prints one JSON line.

A process of its own, because a broken middleware may crash or hang the interpreter that imports it.
"""

from __future__ import annotations

import json
import os
import sys
import time


def round_trip(timeout: float = 6.0) -> float:
    """Seconds from node creation until a message published here came back to a subscription here."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions
    from std_msgs.msg import String

    from sim2real.errors import DeploymentError

    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    begin = time.monotonic()
    try:
        node = rclpy.create_node(f"sim2real_selftest_{os.getpid()}")
        received: list[str] = []
        topic = f"sim2real_selftest_{os.getpid()}"
        node.create_subscription(String, topic, lambda message: received.append(message.data), 10)
        publisher = node.create_publisher(String, topic, 10)
        while not received:
            if time.monotonic() - begin > timeout:
                raise DeploymentError(f"no message came back within {timeout:g} s")
            publisher.publish(String(data="hello"))
            rclpy.spin_once(node, timeout_sec=0.05)
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
    return time.monotonic() - begin


def distribution() -> str:
    """The sourced ROS 2 distribution, or the wheels and their version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        wheels = version("ros-rclpy")
    except PackageNotFoundError:
        return f"distribution {os.environ.get('ROS_DISTRO', 'unknown')}"
    return f"wheels, rclpy {wheels}"


def main() -> int:
    """Print {"detail"} or {"error", "module"}."""
    try:
        seconds = round_trip()
        answer = {"detail": f"{distribution()}, message to itself after {seconds:.2f} s, "
                            f"{os.environ.get('RMW_IMPLEMENTATION', 'default middleware')}"}
    except Exception as error:  # whatever it is, it is the answer
        answer = {"error": f"{type(error).__name__}: {error}", "module": getattr(error, "name", None)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if "detail" in answer else 1


if __name__ == "__main__":
    sys.exit(main())
