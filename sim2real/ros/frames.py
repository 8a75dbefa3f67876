"""Where frames are in one another: the latest transform of each, chained, and the reason where there is none.

As in tf2 every frame has at most one parent; unlike there, nothing is kept or interpolated: only what came last counts.
Times of reception are of the monotonic clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim2real import rotations
from sim2real.errors import DeploymentError

_MOST = 2000  # frames: more are a mistake, or somebody's flood
_DEEPEST = 100  # frames in a chain: more are a circle
_NORM_ERROR = 0.01  # of a quaternion


@dataclass(frozen=True)
class Pose:
    """One frame in another: ``p_there = rotate(quaternion, p_here) + position``; (3,) in [m], (4,) as (w, x, y, z)."""

    position: np.ndarray
    quaternion: np.ndarray

    def after(self, first: Pose) -> Pose:
        """Where ``first``'s frame is in the frame that this one is in."""
        return Pose(rotations.rotate(self.quaternion, first.position) + self.position,
                    rotations.multiply(self.quaternion, first.quaternion))

    def inverse(self) -> Pose:
        """The other way round."""
        back = rotations.conjugate(self.quaternion)
        return Pose(-rotations.rotate(back, self.position), back)


@dataclass(frozen=True)
class _Link:
    parent: str
    pose: Pose  # of the child in its parent
    stamp: float
    received: float  # inf: static


IDENTITY = Pose(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))


class FrameTree:
    """The latest transforms; one thread may add while another one looks.

    Args:
        base: The frame that everything is asked for in.
        max_age: How old a transform that is not static may be in [s].
        also: Other names of the base.
    """

    def __init__(self, base: str, max_age: float, also: Iterable[str] = ()):
        self.base, self.max_age = plain(base), max_age
        self._also = frozenset(map(plain, also))
        self._links: dict[str, _Link] = {}

    @property
    def known(self) -> list[str]:
        """Frames that were placed."""
        return sorted(self._links)

    def is_base(self, frame: str) -> bool:
        """Whether ``frame`` needs no transform; no name at all stands for the base."""
        return plain(frame) in ("", self.base, *self._also)

    def put(self, parent: str, child: str, pose: Pose, received: float, *, stamp: float = 0.0, static: bool = False
            ) -> None:
        """Take in where ``child`` is in ``parent``, received at ``received`` [s].

        One with the stamp [s] of the one before is the same again and does not make it fresher; one with an older
        stamp was overtaken and is left out, unless what is there is stale (its sender's clock began anew).

        Raises:
            DeploymentError: It cannot be one: names, numbers that are not finite, a quaternion without norm 1.
        """
        parent, child = plain(parent), plain(child)
        what = f"the transform of frame {child[:80]!r} in {parent[:80]!r}"
        if not child or not parent or child == parent:
            raise DeploymentError(f"{what} is rejected: expected two different frames; mend who publishes it")
        norm = math.sqrt(float(pose.quaternion @ pose.quaternion))
        if not (np.isfinite(pose.position).all() and abs(norm - 1.0) <= _NORM_ERROR):
            raise DeploymentError(f"{what} is rejected: expected finite numbers and a quaternion of norm 1, got "
                                  f"{pose.position.tolist()} and norm {norm:.4g}; mend who publishes it")
        before = self._links.get(child)
        if before is None and len(self._links) >= _MOST:
            raise DeploymentError(f"{what} is rejected: there are {_MOST} frames already")
        if before is not None and before.parent == parent and not static and stamp > 0.0 and (
                stamp == before.stamp or (stamp < before.stamp and received - before.received <= self.max_age)):
            return
        self._links[child] = _Link(parent, Pose(pose.position, pose.quaternion / norm), stamp,
                                   math.inf if static else received)

    def base_from(self, frame: str, now: float) -> Pose:
        """Where ``frame`` is in the base at ``now`` [s].

        Raises:
            DeploymentError: It is not connected to the base, or a transform on the way is too old; names the frame.
        """
        if self.is_base(frame):
            return IDENTITY
        frame = plain(frame)
        up = self._above(self.base)
        there = {parent: k for k, (parent, _) in enumerate(up)}  # ancestors of the base, 0 for itself
        mine = self._above(frame)
        for k, (ancestor, _) in enumerate(mine):
            if ancestor in there or ancestor in self._also:
                back = up[:there.get(ancestor, 0) + 1]
                return self._product(back, frame, now).inverse().after(self._product(mine[:k + 1], frame, now))
        others = ", ".join(self.known[:10]) or "none"
        raise DeploymentError(f"frame {frame!r}: no transform connects it to {self.base!r}; frames that were placed: "
                              f"{others}; start who publishes it, or correct 'frames' in the ros section")

    def _above(self, frame: str) -> list[tuple[str, _Link | None]]:
        """``frame`` and its ancestors in order, each with the link from the one before."""
        chain: list[tuple[str, _Link | None]] = [(frame, None)]
        while (link := self._links.get(chain[-1][0])) is not None and len(chain) < _DEEPEST:
            chain.append((link.parent, link))
        return chain

    def _product(self, chain: list[tuple[str, _Link | None]], frame: str, now: float) -> Pose:
        """Where the first frame of a chain is in its last one."""
        pose, child = IDENTITY, ""
        for name, link in chain:
            if link is not None:
                age = now - link.received
                if age > self.max_age:
                    raise DeploymentError(f"frame {frame!r}: where {child!r} is in {link.parent!r} is known of "
                                          f"{1e3 * age:.0f} ms ago; {1e3 * self.max_age:g} ms are allowed")
                pose = link.pose.after(pose)
            child = name
        return pose


def plain(frame: str) -> str:
    """A frame's name without the leading slash of ROS 1."""
    return frame.lstrip("/")
