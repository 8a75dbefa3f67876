"""The launch files: what they name exists; where ROS 2's ``launch`` is installed, they load and describe themselves."""

from __future__ import annotations

import ast
import importlib.util
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from sim2real.resources import data_path
from sim2real.ros import launching

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
HAVE_LAUNCH = importlib.util.find_spec("launch") is not None and importlib.util.find_spec("launch_ros") is not None \
    and importlib.util.find_spec("launch.actions") is not None


def test_the_three_launch_files_are_found_as_data():
    names = {"twin.launch.py", "deploy.launch.py", "sim_to_twin.launch.py"}
    assert {file.name for file in FILES} >= names
    assert names <= {file.name for file in data_path("launch").iterdir()}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_names_in_a_launch_file_exist(file):
    tree = ast.parse(file.read_text())
    assert any(isinstance(node, ast.FunctionDef) and node.name == "generate_launch_description" for node in tree.body)
    used = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name) and node.value.id == "launching"]
    assert used and all(hasattr(launching, name) for name in used)
    # the examples in its docstring: files, arguments and choices
    known = launching.DEPLOY if file.name == "deploy.launch.py" else {**launching.ROBOT_SIDE, **launching.POLICY}
    for line in re.findall(r"ros2 launch sim2real (\S+) ((?:.|\\\n)*?)(?=\nros2|$)", ast.get_docstring(tree)):
        assert (ROOT / "launch" / line[0]).is_file()
        given = dict(re.findall(r"(\w+):=(\S+)", re.sub(r'"[^"]*"', "x", line[1])))
        assert given and set(given) <= set(known)
        for name, value in given.items():
            assert known[name][2] is None or value in known[name][2]


def test_nodes_are_of_this_package_and_its_console_script():
    tree = ast.parse(Path(launching.__file__).read_text())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Node"]
    (node,) = nodes
    given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    assert (given["package"], given["executable"]) == ("sim2real", "sim2real")
    script = r'f"\{NAME\} = \{NAME\}\.cli:main"|"sim2real = sim2real\.cli:main"'
    assert re.search(script, (ROOT / "setup.py").read_text())
    assert "install_scripts=$base/lib/sim2real" in (ROOT / "setup.cfg").read_text()


def test_package_xml_names_what_the_code_imports():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.findtext("name") == "sim2real"
    assert package.findtext("export/build_type") == "ament_python"
    depends = {node.text for node in package.findall("exec_depend")}
    assert {"rclpy", "std_msgs", "sensor_msgs", "geometry_msgs", "nav_msgs", "trajectory_msgs", "launch",
            "launch_ros"} <= depends
    assert (ROOT / "resource" / "sim2real").is_file()


@pytest.mark.skipif(not HAVE_LAUNCH, reason="launch and launch_ros come with a ROS 2 distribution")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_launch_file_loads_and_describes_its_arguments(file):
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    from launch import LaunchContext

    description = PythonLaunchDescriptionSource(str(file)).get_launch_description(LaunchContext())
    arguments = description.get_launch_arguments()
    assert arguments and all(argument.description.strip() for argument in arguments)
    choices = {argument.name: argument.choices for argument in arguments}
    assert "robot" in choices
    assert choices["hardware"] == (["running", "twin", "real"] if file.name == "deploy.launch.py" else ["twin", "real"])


@pytest.mark.skipif(not HAVE_LAUNCH, reason="launch and launch_ros come with a ROS 2 distribution")
def test_hardware_switches_between_twin_and_driver():
    from launch.actions import IncludeLaunchDescription
    from launch_ros.actions import Node

    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations.update({name: row[0] for name, row in launching.ROBOT_SIDE.items()})
    (twin,) = launching.robot_side(context)
    assert isinstance(twin, Node)
    context.launch_configurations["hardware"] = "real"
    (driver,) = launching.robot_side(context)
    assert isinstance(driver, IncludeLaunchDescription)
    assert dict(driver.launch_arguments)["ur_type"] == "ur5e"
    context.launch_configurations["hardware"] = "running"
    assert launching.robot_side(context) == []
