"""The policy node's outside: ROS 2's life cycle, ``~/arm`` and ``~/disarm``, parameters, ``/diagnostics``.

Services are served by an executor and a thread of their own, so that a transition may take its time (bringing a robot
to rest) while states still come in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sim2real.errors import BadInputError
from sim2real.ros.context import RosContext, import_ros, message_class

LEVELS = ("OK", "WARN", "ERROR", "STALE")  # of diagnostic_msgs/DiagnosticStatus, by number


class Managed(Protocol):
    """What is managed. Each method returns why it was refused, "" where it was done."""

    def configure(self) -> str: ...
    def activate(self) -> str: ...
    def deactivate(self) -> str: ...
    def cleanup(self) -> str: ...
    def arm(self) -> str: ...
    def disarm(self) -> str: ...
    def set_parameters(self, values: Mapping[str, Any]) -> str: ...


class ManagedNode:
    """A lifecycle node in the context of ``ros``.

    Args:
        ros: An open context.
        name: Name of the node, to which ``~`` refers.
        managed: What it manages.
        parameters: Names and values of its parameters, which ROS arguments may replace; who sets some, then and
            later, asks ``managed.set_parameters``.

    Raises:
        BadInputError: The managed refuses what the ROS arguments say.
    """

    def __init__(self, ros: RosContext, name: str, managed: Managed, parameters: Mapping[str, float]):
        self._managed = managed
        self.node = _node_class()(name, managed, context=ros.context)
        given = {key: self.node.declare_parameter(key, value).value for key, value in parameters.items()}
        if refused := managed.set_parameters(given):
            self.node.destroy_node()
            raise BadInputError(f"ROS parameters: {refused}")
        self.node.add_on_set_parameters_callback(self._set_parameters)
        trigger = import_ros("std_srvs.srv").Trigger
        for service, done in (("arm", managed.arm), ("disarm", managed.disarm)):
            self.node.create_service(trigger, f"~/{service}", _answer(done))
        self._array = message_class("diagnostic_msgs/msg/DiagnosticArray")
        self._status = message_class("diagnostic_msgs/msg/DiagnosticStatus")
        self._pair = message_class("diagnostic_msgs/msg/KeyValue")
        self._diagnostics = self.node.create_publisher(self._array, "/diagnostics", ros.qos("reliable", depth=10))
        self._executor = ros.executor(rounds=True)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="services", daemon=True)

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    @property
    def state(self) -> str:
        """"unconfigured", "inactive", "active" or "finalized"."""
        return self.node.label

    def change(self, transition: str) -> str:
        """Make the transition "configure", "activate", "deactivate", "cleanup" or "shutdown"; why not, or ""."""
        return self.node.change(transition)

    def diagnose(self, level: int, message: str, figures: Mapping[str, object]) -> None:
        """Publish one status on ``/diagnostics``: 0 OK, 1 WARN, 2 ERROR, 3 STALE."""
        pairs = [self._pair(key=key, value=str(value)) for key, value in figures.items()]
        status = self._status(level=bytes([level]), name=f"{self.node.get_name()}: control loop", message=message,
                              hardware_id="sim2real", values=pairs)
        array = self._array(status=[status])
        array.header.stamp = self.node.get_clock().now().to_msg()
        self._diagnostics.publish(array)

    def close(self) -> None:
        """Serve no more; closing twice is fine."""
        if not self._ending.is_set():
            self._ending.set()
            if self._thread.is_alive():
                self._thread.join(timeout=5.0)
            self._executor.shutdown(timeout_sec=1.0)
            self.node.destroy_node()

    def _serve(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.1)

    def _set_parameters(self, parameters: list[Any]) -> Any:
        result = import_ros("rcl_interfaces.msg").SetParametersResult
        refused = self._managed.set_parameters({p.name: p.value for p in parameters})
        return result(successful=not refused, reason=refused)


class Aside:
    """Does one thing at a time in a thread of its own, so that the caller can go on taking messages in.

    Attributes:
        refused: Why the last one was refused, "" where it was done.
    """

    def __init__(self) -> None:
        self.refused = ""
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether one is being done."""
        return self._thread is not None and self._thread.is_alive()

    def do(self, work: Callable[[], str]) -> None:
        """Begin ``work``."""
        def keep() -> None:
            self.refused = work()

        self._thread = threading.Thread(target=keep, name="transition", daemon=True)
        self._thread.start()


def _answer(done: Callable[[], str]) -> Callable[[Any, Any], Any]:
    """A Trigger service's callback of what says why it was refused."""
    def callback(request: Any, response: Any) -> Any:
        response.message = done()
        response.success = not response.message
        return response

    return callback


def _node_class() -> type:
    """The class of the node, made once rclpy is there to inherit from."""
    lifecycle = import_ros("rclpy.lifecycle")
    outcome = lifecycle.TransitionCallbackReturn

    class PolicyLifecycle(lifecycle.LifecycleNode):  # type: ignore[misc, name-defined]
        def __init__(self, name: str, managed: Managed, **options: Any):
            self._managed, self._reason, self._asked_here = managed, "", False
            self._changing = threading.RLock()  # transitions come by service and from the node itself
            super().__init__(name, **options)

        @property
        def label(self) -> str:
            return self._state_machine.current_state[1]

        def change(self, transition: str) -> str:
            with self._changing:
                self._reason, self._asked_here = "", True
                try:
                    done = getattr(self, f"trigger_{transition}")() == outcome.SUCCESS
                except Exception as error:  # rclpy's own: no such transition from this state
                    return f"{transition} is not possible from {self.label}: {' '.join(str(error).split())}"
                finally:
                    self._asked_here = False
                return "" if done else self._reason or f"{transition} failed"

        def _do(self, work: Callable[[], str]) -> Any:
            with self._changing:
                self._reason = work()
                if self._reason and not self._asked_here:  # a service's answer has no room for words
                    self.get_logger().error(self._reason)
            return outcome.FAILURE if self._reason else outcome.SUCCESS

        def on_configure(self, state: Any) -> Any:
            return self._do(self._managed.configure)

        def on_activate(self, state: Any) -> Any:
            return self._do(self._managed.activate)

        def on_deactivate(self, state: Any) -> Any:
            return self._do(self._managed.deactivate)

        def on_cleanup(self, state: Any) -> Any:
            return self._do(self._managed.cleanup)

        def on_shutdown(self, state: Any) -> Any:
            return self._do(self._managed.deactivate)

    return PolicyLifecycle
