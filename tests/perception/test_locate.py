import numpy as np
import pytest

from sim2real.errors import BadInputError, RobotDescriptionError, TaskError
from sim2real.perception.locate import Locate, robot_of, summary
from sim2real.robots import load_robot


def test_the_camera_is_the_descriptions():
    task = Locate.of(load_robot("ur5e"))
    assert task.scene.cameras[0].name == "front" and task.size == (96, 72)
    entry = task.camera_entry()
    assert (entry["width"], entry["height"]) == (128, 96) and entry["fx"] == pytest.approx(115.88225)


@pytest.mark.parametrize("camera", ["front", "close"])
def test_the_whole_region_is_in_the_picture(camera):
    task = Locate.of(load_robot("ur5e"), camera)
    x_low, x_high, y_low, y_high = task.placing.region
    pixels = task.scene.cameras[0].project(np.array([[x, y, 0.03] for x in (x_low, x_high) for y in (y_low, y_high)]))
    assert (pixels > 3).all() and (pixels < np.array(task.size) - 3).all()


def test_a_robot_without_cameras_is_seen_from_the_front():
    task = Locate.of(load_robot("fr3"))
    assert task.scene.cameras[0].name == "front"
    assert Locate.of(load_robot("fr3"), "overview").scene.cameras[0].name == "overview"


@pytest.mark.parametrize(("robot", "options", "text"), [
    ("ur5e", {"camera": "fornt"}, "unknown camera 'fornt'; did you mean front"),
    ("ur5e", {"width": 31}, "expected a width of 32 to 128 pixels, which camera front has, got 31"),
    ("ur5e", {"width": 129}, "got 129"),
    ("crazyflie", {}, "needs an arm"),
])
def test_what_cannot_be_seen(robot, options, text):
    with pytest.raises(BadInputError, match=text):
        Locate.of(load_robot(robot), **options)


def test_tasks_by_name():
    assert robot_of("ur5e-locate").name == "ur5e"
    for task, robot in (("ur5e-reach", None), ("locate", None), ("ur5e-locate", "x.urdf"), ("", None)):
        with pytest.raises(TaskError, match="expected a task such as ur5e-locate"):
            robot_of(task, robot)
    with pytest.raises(RobotDescriptionError):
        robot_of("ur6e-locate")


def test_summary_by_hand():
    prediction, labels = np.array([[0.3, 0.4], [0.0, 0.1], [1.0, 1.0]]), np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    found = summary(prediction, labels)  # distances 0.5, 0.1 and 0
    assert found["error_mean_m"] == pytest.approx(0.2) and found["error_median_m"] == pytest.approx(0.1)
    assert found["error_p95_m"] == pytest.approx(0.1 + 0.9 * 0.4)
