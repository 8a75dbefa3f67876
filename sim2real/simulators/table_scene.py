"""An arm on a table with one block in front of it, as a camera opposite sees them: what ``visual-reach`` happens in.

The table's top is the plane z = 0 that the arm stands on.
"""

from __future__ import annotations

from sim2real.cameras import CameraModel
from sim2real.robots import RobotDescription
from sim2real.simulators.visual_scene import Light, Thing, VisualScene

BLOCK = "block"
BLOCK_SIZE = 0.05  # [m]
_HEIGHT = 0.74  # [m] of the table's top over the floor
_WOOD, _RED = (0.80, 0.66, 0.46, 1.0), (0.80, 0.12, 0.10, 1.0)


def table_scene(robot: RobotDescription, *cameras: CameraModel) -> VisualScene:
    """``robot`` and a red block on a table, seen by ``cameras``; the block is placed by ``Poses``."""
    reach = robot.goal.radius[1]
    centre = (0.6 * reach, 0.0, 0.0)
    things = (
        Thing("floor", "box", (12.0, 12.0, 0.02), (0.0, 0.0, -_HEIGHT - 0.01), rgba=(0.55, 0.55, 0.58, 1.0)),
        Thing("table", "box", (2.4 * reach, 3.2 * reach, 0.04), (0.5 * reach, 0.0, -0.02), rgba=_WOOD),
        Thing(BLOCK, "box", (BLOCK_SIZE,) * 3, (*centre[:2], 0.5 * BLOCK_SIZE), rgba=_RED))
    return VisualScene(cameras, things, robot, lights=(Light((1.0, -1.5, 3.0), centre),), centre=centre,
                       extent=3.0 * reach, distractor_region=((0.2 * reach, 1.2 * reach), (-reach, reach), 0.0))
