"""The guard command's arguments, and how little it loads; the node is tested in tests/ros."""

import json
import subprocess
import sys

import pytest

from sim2real.cli import main
from sim2real.deployment.heartbeat import default_folder

HEAVY = ("torch", "onnxruntime", "mujoco", "pybullet", "gymnasium", "cv2", "mcap", "matplotlib")


@pytest.mark.parametrize(("arguments", "line"), [
    (("--robot", "ur5x"), "unknown robot 'ur5x'; did you mean ur5e"),
    (("--robot", "ur5e", "--interface", "forward_speed"), "unknown command interface 'forward_speed'"),
    (("--robot", "ur5e", "--timeout", "5"), "expected --timeout between 0.03 and 1 s, got 5"),
    (("--robot", "ur5e", "--timeout", "nan"), "expected --timeout between 0.03 and 1 s, got nan"),
    (("--robot", "ur5e", "--duration", "0"), "expected --duration over zero, got 0"),
    (("--robot", "ur5e", "--domain-id", "300"), "expected a ROS domain id between 0 and 232, got 300"),
])
def test_bad_input_is_one_line(arguments, line, capsys):
    assert main(["guard", *arguments]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1


def test_the_robot_must_be_named(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["guard"])
    assert stop.value.code == 2 and "--robot" in capsys.readouterr().err


def test_it_is_small(root):
    """A process that has to be there when everything else fails loads nothing that it does not need."""
    script = ("import sys, json, sim2real.cli.guard, sim2real.ros.guard_node, sim2real.robots\n"
              "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))")
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(done.stdout))


@pytest.mark.ros
def test_with_nothing_to_guard_it_ends_well(run_cli):
    page = default_folder() / "sim2real-so101-223-left.beat"
    try:
        code, out, err = run_cli("guard", "--robot", "so101", "--domain-id", "223", "--duration", "0.3", "--json",
                                 "--ros-args", "-r", "__ns:=/left")
        assert page.exists()  # by robot, domain and namespace
    finally:
        page.unlink(missing_ok=True)
    assert (code, err) == (0, "")
    row = json.loads(out)
    assert (row["robot"], row["taken_over"], row["mode"], row["cause"]) == ("so101", False, "WAITING", "")
    assert row["beats"] >= 20 and row["detection_s"] is None
