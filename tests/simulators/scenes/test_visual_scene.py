"""Scenes and poses: names, defaults, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.cameras import CameraModel
from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.simulators.scenes.visual_scene import Light, Poses, Thing, VisualScene

CAMERA = CameraModel.looking_at("eye", [1.0, 0.0, 1.0], [0.0, 0.0, 0.0])
BOX = Thing("box", "box", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


def test_groups_are_the_robot_and_then_things_in_their_order():
    scene = VisualScene((CAMERA,), (BOX, Thing("a", "sphere", (0.1,), group="balls"),
                                    Thing("b", "sphere", (0.1,), group="balls", distractor=True)), load_robot("ur5e"))
    assert scene.groups == ("robot", "box", "balls") and scene.num_distractors == 1
    assert "color_mix.balls" in scene.space and "color_mix.a" not in scene.space and "distractor_count" in scene.space
    assert VisualScene((CAMERA,)).groups == ()


def test_things_are_where_poses_put_them_or_where_the_scene_has_them():
    given = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    place, turn = Poses(2, places={"box": given}).place(BOX)
    np.testing.assert_array_equal(place, given)
    np.testing.assert_array_equal(turn, [[1.0, 0.0, 0.0, 0.0]] * 2)
    place, turn = Poses(2).place(BOX)
    np.testing.assert_array_equal(place, [[1.0, 2.0, 3.0]] * 2)
    whole = np.array([[0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]])
    np.testing.assert_array_equal(Poses(1, places={"box": whole}).place(BOX)[1], whole[:, 3:])


@pytest.mark.parametrize(("make", "line"), [
    (lambda: VisualScene((CAMERA,), (BOX, BOX)), "things of a scene need names of their own; twice: box"),
    (lambda: VisualScene((CAMERA,), (Thing("x", "cone", (1.0,)),)), "thing x: unknown kind 'cone'"),
    (lambda: VisualScene((CAMERA,), (Thing("x", "sphere", (1.0,), pattern="wod"),)), "unknown pattern 'wod'.*wood"),
    (lambda: VisualScene(()), "a scene needs at least one camera"),
    (lambda: VisualScene((CAMERA,), lights=(Light(),) * 5), "expected 1 to 4 lights, got 5"),
    (lambda: VisualScene((CAMERA,)).camera("eyes"), "unknown camera 'eyes'; did you mean eye"),
    (lambda: Poses(2, base=np.zeros((2, 6))).check(VisualScene((CAMERA,))), r"base: expected shape \(2, 7\)"),
    (lambda: Poses(1, cameras={"x": np.zeros((1, 7))}).check(VisualScene((CAMERA,))), "unknown camera 'x'"),
])
def test_mistakes_are_one_line(make, line):
    with pytest.raises(BadInputError, match=line) as error:
        make()
    assert len(str(error.value).splitlines()) == 1
