"""Tasks, by name: ``make_task("reach", robot)``; a task id is ``<robot>-<task>``, such as ``ur5e-reach``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim2real.errors import TaskError, unknown
from sim2real.resources import data_path
from sim2real.tasks.base import EpisodeScore, Task
from sim2real.tasks.excite import Excite
from sim2real.tasks.hover import Hover
from sim2real.tasks.observations import Context, ObservationBuilder, Term
from sim2real.tasks.reach import Reach
from sim2real.tasks.track import Track
from sim2real.tasks.visual_reach import VisualReach

if TYPE_CHECKING:
    from sim2real.robots import RobotDescription

_TASKS: dict[str, type[Task]] = {"reach": Reach, "visual-reach": VisualReach, "excite": Excite, "hover": Hover,
                                 "track": Track}


def list_tasks(kind: str | None = None) -> list[str]:
    """Names of the tasks, of one kind of robot ("arm" or "drone") if given."""
    return [name for name, task in _TASKS.items() if kind in (None, task.kind)]


def make_task(name: str, robot: RobotDescription, options: Mapping[str, Any] | None = None) -> Task:
    """The task ``name`` for ``robot``.

    Args:
        name: "reach", "visual-reach" or "excite" (arms), "hover" or "track" (drones).
        robot: The robot description.
        options: What to change of the task's ``defaults``.

    Raises:
        TaskError: An unknown task or option, or a task that does not fit the robot.
    """
    if not isinstance(name, str) or name not in _TASKS:  # a bundle's manifest may say anything
        raise TaskError(unknown("task", name, _TASKS))
    return _TASKS[name](robot, options)


def load_task(task_id: str, robot: RobotDescription | str | Path | None = None,
              options: Mapping[str, Any] | None = None) -> Task:
    """The task of an id such as ``ur5e-reach``; ``robot`` (a description, a name or a path) takes the id's place, and
    then the task's name alone will do."""
    from sim2real.robots import RobotDescription, load_robot

    if robot is not None and task_id in _TASKS:
        name = task_id
    else:
        named, name = split_task_id(task_id)
        robot = named if robot is None else robot
    return make_task(name, robot if isinstance(robot, RobotDescription) else load_robot(robot), options)


def split_task_id(task_id: str) -> tuple[str, str]:
    """Robot and task of ``ur5e-reach``; the names of both may have dashes of their own."""
    for name in sorted(_TASKS, key=len, reverse=True):  # the longest first: visual-reach before reach
        if task_id.endswith(f"-{name}") and len(task_id) > len(name) + 1:
            return task_id.removesuffix(f"-{name}"), name
    robot, dash, task = task_id.rpartition("-")
    if not dash or not robot:
        raise TaskError(f"expected a task id <robot>-<task> such as ur5e-reach, got {task_id!r}")
    raise TaskError(f"task id {task_id!r}: {unknown('task', task, _TASKS)}")


def task_ids() -> list[str]:
    """Task ids of the package's own robots; reads one line of each robot.yaml only."""
    ids = []
    for path in sorted(data_path("robots").glob("*/robot.yaml")):
        kind = re.search(r"^kind:\s*(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        ids += [f"{path.parent.name}-{task}" for task in list_tasks(kind[1] if kind else "")]
    return ids


__all__ = ["Context", "EpisodeScore", "ObservationBuilder", "Task", "Term", "list_tasks", "load_task", "make_task",
           "split_task_id", "task_ids"]
