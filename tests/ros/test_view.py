"""The twin's web page."""

from __future__ import annotations

import urllib.request

import pytest

from sim2real.errors import SimulationError
from sim2real.robots import load_robot
from sim2real.ros.view import Viewer
from sim2real.types import RobotState

pytest.importorskip("pybullet")
pytest.importorskip("PIL")


def frame(stream) -> bytes:
    """The next picture of a stream."""
    length = 0
    while (line := stream.readline().strip()) or not length:
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return stream.read(length)


def test_the_page_shows_the_robot_and_follows_it():
    robot = load_robot("ur5e")
    viewer = Viewer(robot, "pybullet")
    try:
        page = urllib.request.urlopen(viewer.url, timeout=10).read()
        assert b"/stream" in page and b"simulation" in page
        with urllib.request.urlopen(viewer.url + "stream", timeout=10) as stream:
            first = frame(stream)
            assert first.startswith(b"\xff\xd8") and len(first) > 1000  # JPEG
            state = RobotState.zeros(1, 6)
            state.joint_position[0] = robot.home + [1.0, 0.3, 0, 0, 0, 0]
            viewer.update(state)
            assert any(frame(stream) != first for _ in range(20))
    finally:
        viewer.close()


def test_an_engine_that_cannot_draw_is_one_line():
    with pytest.raises(SimulationError, match="--view: unknown engine 'blender'"):
        Viewer(load_robot("ur5e"), "blender")
