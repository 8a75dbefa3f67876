"""rclpy's life cycle: opened without its signal handlers, so that a last, safe command still gets out.

Works with the wheels from PyPI and with a sourced distribution alike; says what to install where there is neither.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, MutableMapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from sim2real.errors import BadInputError, DeploymentError, MissingDependencyError
from sim2real.ros import security
from sim2real.ros.executor import round_executor
from sim2real.ros.transport import without_shared_memory

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile

_IN_WHEELS = {"rclpy", "std_msgs", "sensor_msgs", "geometry_msgs", "nav_msgs", "trajectory_msgs", "diagnostic_msgs",
              "std_srvs", "builtin_interfaces", "rosgraph_msgs"}


def import_ros(module: str) -> Any:
    """A module of ROS 2; raises MissingDependencyError with what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        if package in _IN_WHEELS:
            raise MissingDependencyError(f"ROS 2 is needed and {package} cannot be imported: pip install "
                                         f"'sim2real[ros]', or source a distribution's setup.bash ({error})") from error
        debian = f"ros-$ROS_DISTRO-{package.replace('_', '-')}"
        raise MissingDependencyError(f"the message package {package} is not installed (it is not on PyPI): source a "
                                     f"distribution that has it, apt install {debian} ({error})") from error


@lru_cache(maxsize=64)  # asked for at every message that is made
def message_class(name: str) -> Any:
    """The class of a message type such as ``sensor_msgs/msg/JointState``.

    A robot's profile names it, and may come with a bundle: only a package of messages is imported, nothing else that is
    installed.
    """
    package, _, kind = name.partition("/msg/")
    spec = None if package in sys.modules else importlib.util.find_spec(package)  # looks for it without running it
    if spec is not None and not any((Path(folder) / "msg" / "__init__.py").is_file()
                                    for folder in spec.submodule_search_locations or ()):
        raise MissingDependencyError(f"the Python module {package!r} has no ROS messages; correct 'type' in the ros "
                                     "section")
    module = import_ros(f"{package}.msg")
    if not hasattr(module, kind):
        raise MissingDependencyError(f"package {package} has no message {kind!r}; correct 'type' in the ros section")
    return getattr(module, kind)


def stay_on_this_machine(environment: MutableMapping[str, str]) -> None:
    """Let nodes be discovered from this machine alone, unless the environment says how far."""
    if environment.get("ROS_DISTRO") == "humble":  # knows no ranges yet
        environment.setdefault("ROS_LOCALHOST_ONLY", "1")
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


WITH_PARENT = "SIM2REAL_END_WITH_PARENT"  # environment: ask for a controlled stop when who started us is gone
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class StopSignal:
    """SIGINT and SIGTERM as an event: the first asks for a controlled stop, the third ends at once.

    Where the environment has ``WITH_PARENT``, as launch files set it, the death of the parent process is one, too: a
    launch that is killed would leave a robot behind that drives on.

    Attributes:
        number: The signal that came first, 0 for none.
        count: How many have come.
    """

    def __init__(self) -> None:
        self.number = 0
        self.count = 0
        self._event = threading.Event()
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopSignal:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._old[number] = signal.signal(number, self._handle)
        if os.environ.get(WITH_PARENT):
            with contextlib.suppress(AttributeError):  # no such thing on this system
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.number = self.number or number
        self._event.set()
        if self.count >= 3:  # the stop itself hangs: give up on it
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def set(self) -> None:
        """Ask for a stop without a signal."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` [s]; whether a stop was asked for."""
        return self._event.wait(timeout)


class RosContext:
    """An rclpy context of its own with one node and its executor, spun in the caller's thread.

    Args:
        name: Name of the node.
        arguments: ROS arguments such as ``-r /cf/odom:=/cf231/odom``, without the leading ``--ros-args``.
        domain_id: ROS_DOMAIN_ID; None takes the environment's.
        secure: Raise DeploymentError unless DDS security is enforced.
        rounds: Serve with ``sim2real.ros.executor``, which takes a message in a third of the time that rclpy's needs.

    Attributes:
        node: The node.
        misfits: Topics where somebody's QoS does not fit ours, with a sentence.
    """

    def __init__(self, name: str, arguments: Sequence[str] = (), domain_id: int | None = None, *,
                 secure: bool = False, rounds: bool = False):
        stay_on_this_machine(os.environ)
        if secure:
            security.require(security.environment_problems(arguments, os.environ))
        self.rclpy = import_ros("rclpy")
        self.misfits: dict[str, str] = {}
        if domain_id is not None and not 0 <= domain_id <= 232:
            raise BadInputError(f"expected a ROS domain id between 0 and 232, got {domain_id}")
        signals = importlib.import_module("rclpy.signals")
        self.context = self.rclpy.Context()
        options = ["--ros-args", *arguments] if arguments else []
        try:
            with without_shared_memory(os.environ, self.rclpy.get_rmw_implementation_identifier()):
                # rclpy's own handlers would shut the context down before the last command is out
                self.rclpy.init(args=options, context=self.context, domain_id=domain_id,
                                signal_handler_options=signals.SignalHandlerOptions.NO)
                self.node: Node = self.rclpy.create_node(name, context=self.context)
            if secure:
                self._require_plugins()
        except Exception as error:
            self.context.try_shutdown()
            if isinstance(error, DeploymentError):
                raise
            if secure:
                self._require_plugins()  # says it better, if that is the reason
            raise DeploymentError(f"ROS 2 does not start: {' '.join(str(error).split())}; check the ROS arguments and "
                                  "the network") from error
        self._executor = self.executor(rounds=rounds)
        self._executor.add_node(self.node)
        self._complained: dict[str, float] = {}

    def _require_plugins(self) -> None:
        identifier = self.rclpy.get_rmw_implementation_identifier()
        security.require(security.middleware_problems(identifier, security.loaded_libraries()))

    def executor(self, *, rounds: bool = False) -> Any:
        """A new executor: rclpy's, or with ``rounds`` the one of ``sim2real.ros.executor``."""
        kind = round_executor() if rounds else importlib.import_module("rclpy.executors").SingleThreadedExecutor
        return kind(context=self.context)

    def spin_once(self, timeout: float) -> None:
        """Serve one callback (with ``rounds`` one of each topic), or wait up to ``timeout`` [s] for one."""
        self._executor.spin_once(timeout_sec=timeout)

    def serve(self, seconds: float) -> None:
        """Serve what comes within ``seconds``, and no longer, however much comes."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0:
            self._executor.spin_once(timeout_sec=left)

    def close(self) -> None:
        """Take the node off the network; closing twice is fine."""
        if self.context.ok():
            self._executor.shutdown(timeout_sec=1.0)
            self.node.destroy_node()
            self.context.try_shutdown()

    def __enter__(self) -> RosContext:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def complain(self, about: str, text: str) -> None:
        """Log an error, of the same thing ``about`` at most once a second.

        rclpy's own way takes 0.2 ms whether it logs or not, which is too long in a flood, and goes by the wall clock.
        """
        now = time.monotonic()
        if now - self._complained.get(about, -math.inf) >= 1.0:
            self._complained[about] = now
            self.node.get_logger().error(text)

    def qos(self, reliability: str, *, depth: int = 1, latched: bool = False) -> QoSProfile:
        """Keep-last QoS; "reliable" or "best_effort", for late joiners too with ``latched``."""
        qos = importlib.import_module("rclpy.qos")
        reliable, durable = qos.ReliabilityPolicy, qos.DurabilityPolicy
        return qos.QoSProfile(
            depth=depth, history=qos.HistoryPolicy.KEEP_LAST,
            reliability=reliable.RELIABLE if reliability == "reliable" else reliable.BEST_EFFORT,
            durability=durable.TRANSIENT_LOCAL if latched else durable.VOLATILE)

    def subscription_events(self, topic: str) -> Any:
        """Event callbacks of a subscription: a publisher whose QoS does not fit is logged and kept in ``misfits``."""
        return _qos_events().SubscriptionEventCallbacks(incompatible_qos=self._keep(topic, "the publisher"))

    def publisher_events(self, topic: str) -> Any:
        """The same of a publisher, whose subscribers may want more than it offers."""
        return _qos_events().PublisherEventCallbacks(incompatible_qos=self._keep(topic, "a subscriber"))

    def _keep(self, topic: str, who: str) -> Callable[[Any], None]:
        policy_name = importlib.import_module("rclpy.qos").qos_policy_name_from_kind

        def incompatible(event: Any) -> None:
            self.misfits[topic] = (f"topic {topic}: {who}'s QoS does not fit: {policy_name(event.last_policy_kind)}; "
                                   "correct 'qos' in the ros section, or the driver")
            self.node.get_logger().error(self.misfits[topic])

        return incompatible


def _qos_events() -> Any:
    try:
        return importlib.import_module("rclpy.event_handler")
    except ImportError:  # its name up to Humble
        return importlib.import_module("rclpy.qos_event")
