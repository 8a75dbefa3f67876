"""An executor without a queue of its own: each round asks anew what is ready, and takes one message of each topic.

rclpy's own executor builds its wait set from nothing for every callback, which costs three times as much a message.
rclpy's events executor is as fast as this one, but queues an event for every message that comes, and looks neither at a
deadline nor at a signal until all are worked off: 49 s after a flood of 200 000. Here the middleware's queues are all
that a flood can fill, and they keep the newest messages, as many as the subscription's QoS says.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from functools import lru_cache
from typing import Any

_KINDS = ("subscription", "timer", "client", "service")


def _native() -> Any:
    return importlib.import_module("rclpy.impl.implementation_singleton").rclpy_implementation


class Waiter:
    """Waits for what the nodes have now; as long as it is open, nothing of that is destroyed.

    Args:
        context: rclpy's context.
        nodes: The nodes; a guard condition of theirs is not waited for.
        wake: Guard condition that ends the waiting.
    """

    def __init__(self, context: Any, nodes: list[Any], wake: Any):
        native = _native()
        self._open = contextlib.ExitStack()
        self._wake = wake.handle
        self._open.enter_context(self._wake)
        self._waitables: list[Any] = []
        self._handles: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
        self._subscriptions: dict[int, Any] = {}
        for node in nodes:
            for waitable in node.waitables:
                with contextlib.suppress(native.InvalidHandle):  # it has just been destroyed
                    self._open.enter_context(waitable)
                    self._waitables.append(waitable)
            for kind, entity in ((each, entity) for each in _KINDS for entity in getattr(node, f"{each}s")):
                with contextlib.suppress(native.InvalidHandle):
                    self._open.enter_context(entity.handle)
                    self._handles[kind].append(entity.handle)
                    if kind == "subscription":
                        self._subscriptions[entity.handle.pointer] = entity
        numbers = [waitable.get_num_entities() for waitable in self._waitables]
        counts = [len(self._handles.get(kind, ())) + (kind == "guard_condition")
                  + sum(getattr(number, f"num_{kind}s") for number in numbers)
                  for kind in ("subscription", "guard_condition", "timer", "client", "service", "event")]
        self._set = native.WaitSet(*counts, context.handle)

    def wait(self, timeout: float | None) -> tuple[list[Any], bool]:
        """Wait up to ``timeout`` [s]: subscriptions that have a message, and whether anything else is ready."""
        wait_set = self._set
        wait_set.clear_entities()
        for kind, handles in self._handles.items():
            add = getattr(wait_set, f"add_{kind}")
            for handle in handles:
                add(handle)
        wait_set.add_guard_condition(self._wake)
        for waitable in self._waitables:
            waitable.add_to_wait_set(wait_set)
        wait_set.wait(-1 if timeout is None else max(int(1e9 * timeout), 0))
        ready = [self._subscriptions[pointer] for pointer in wait_set.get_ready_entities("subscription")
                 if pointer in self._subscriptions]
        return ready, (any(wait_set.get_ready_entities(kind) for kind in (*_KINDS[1:], "guard_condition"))
                       or any(waitable.is_ready(wait_set) for waitable in self._waitables))

    def close(self) -> None:
        """Wait no more."""
        self._open.close()


@lru_cache(maxsize=1)
def round_executor() -> type:
    """The class of the executor, made once rclpy is there to inherit from."""
    executors, gone = importlib.import_module("rclpy.executors"), _native().InvalidHandle

    class RoundExecutor(executors.SingleThreadedExecutor):  # type: ignore[misc, name-defined]
        """Serves subscriptions, whose callbacks take a message alone; rclpy's executor serves what else is ready."""

        def __init__(self, *, context: Any):
            self._changed, self._waiter = True, None  # first: making the base may wake
            self._turn = threading.Lock()
            super().__init__(context=context)

        def wake(self) -> None:
            self._changed = True  # nodes wake it when they have got or lost something
            super().wake()

        def add_node(self, node: Any) -> bool:
            self._changed = True
            return super().add_node(node)

        def remove_node(self, node: Any) -> None:
            self._changed = True
            super().remove_node(node)

        def spin_once(self, timeout_sec: float | None = None) -> None:
            """Serve what is ready within ``timeout_sec`` [s], one message of each topic."""
            with self._turn:
                if self._is_shutdown:
                    return
                if self._changed:
                    self._changed = False
                    self._close_waiter()
                    self._waiter = Waiter(self.context, self.get_nodes(), self._guard)
                subscriptions, others = self._waiter.wait(0.0 if self._tasks else timeout_sec)
            if not self.context.ok():
                raise executors.ExternalShutdownException
            for subscription in subscriptions:
                taken = None
                with contextlib.suppress(gone), subscription.handle:
                    taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
                if taken is not None:
                    subscription.callback(taken[0])
            if others or self._tasks:  # tasks: what futures call when they are done
                super().spin_once(0.0)

        def shutdown(self, timeout_sec: float | None = None) -> bool:
            done = super().shutdown(timeout_sec)
            if self._turn.acquire(timeout=-1.0 if timeout_sec is None else timeout_sec):
                self._close_waiter()
                self._turn.release()
            return done

        def _close_waiter(self) -> None:
            if self._waiter is not None:
                self._waiter.close()
                self._waiter = None

    return RoundExecutor
