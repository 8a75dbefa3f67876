"""Tells gymnasium about the environments: ``sim2real/<robot>-<task>-v0`` and, for any robot, ``sim2real/<task>-v0``.

It runs whenever gymnasium is imported, so it imports no engine and parses no robot.
"""

from __future__ import annotations

from sim2real.tasks import list_tasks, task_ids

NAMESPACE, VERSION = "sim2real", 0


def register() -> None:
    """Register every environment that gymnasium does not know yet."""
    import gymnasium

    for task in [*task_ids(), *list_tasks()]:
        env_id = f"{NAMESPACE}/{task}-v{VERSION}"
        if env_id not in gymnasium.registry:
            gymnasium.register(env_id, entry_point="sim2real.envs.single:Sim2RealEnv",
                               vector_entry_point="sim2real.envs.vector:Sim2RealVectorEnv", kwargs={"task": task})
