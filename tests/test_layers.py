"""Imports point down only, heavy libraries stay where they belong, and deployment runs without them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "sim2real"

# Bottom first; a module may import from its own row and from rows above it in this list.
LAYERS = [
    ["errors"],
    ["types", "rotations", "rng", "bspline", "units", "resources", "files", "yaml_text", "compiled"],
    ["yaml_model"],
    ["robot_model", "robot_schema", "robot_yaml", "urdf", "kinematics", "simplification", "robot_parts",
     "robot_defaults", "robots"],
    ["cameras", "camera_calibration", "recordings"],
    ["vocabulary", "visual_vocabulary", "image_vocabulary", "parameters"],
    ["simulators"],
    ["randomization"],
    ["tasks"],
    ["deployment"],
    ["envs"],
    ["training"],
    ["adaptation"],
    ["perception"],
    ["evaluation"],
    ["identification"],
    ["ros"],
    ["demo", "doctor", "_gymnasium_plugin"],
    ["cli"],
    ["__main__"],
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# What runs on the robot's computer: these may not even look at the simulators and the randomization.
ON_THE_ROBOT = ("tasks", "deployment")
NOT_ON_THE_ROBOT = ("simulators", "randomization", "envs", "training", "adaptation", "perception", "evaluation",
                    "identification")
LEARNING = {"torch", "stable_baselines3", "sb3_contrib", "tensorboard", "onnx", "onnxscript", "safetensors"}
PHYSICS = {"mujoco", "pybullet", "pybullet_data"}
ROS_MESSAGES = {"rclpy", "std_msgs", "sensor_msgs", "geometry_msgs", "trajectory_msgs", "nav_msgs", "diagnostic_msgs"}
# Library -> the only parts of sim2real that may import it, anywhere in a file.
HOMES = {
    **{name: {"training"} for name in LEARNING},
    "torch": {"training", "adaptation", "perception", "identification", "doctor"},
    "onnx": {"training", "adaptation", "identification"},
    "stable_baselines3": {"training", "envs"},  # envs: the thin adapter
    **{name: {"simulators"} for name in PHYSICS},
    "mujoco": {"simulators", "identification", "doctor"},
    **{name: {"identification"} for name in ("scipy", "cma", "sbi")},
    "rosbags": {"recordings"},
    "gymnasium": {"envs", "training"},
    **{name: {"ros"} for name in ROS_MESSAGES},
}


def source_files() -> list[Path]:
    """Every module of the package, without the copies of a build."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "_data" not in path.parts]


def imports(path: Path) -> list[tuple[str, bool, int]]:
    """(dotted module, whether it is imported when the file is, line) of every import that really runs."""
    found: list[tuple[str, bool, int]] = []

    def visit(node: ast.AST, at_top: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_top, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*path.relative_to(ROOT).parts[:-node.level], *filter(None, [base])])
            if base == "sim2real":
                found.extend((f"sim2real.{alias.name}", at_top, node.lineno) for alias in node.names)
            else:
                found.append((base, at_top, node.lineno))
        inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            visit(child, at_top and not inside)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


def part_of(path: Path) -> str:
    """The package or module right below sim2real that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules_of(*parts: str) -> list[str]:
    """Dotted names of all modules below some parts of the package."""
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
             for path in source_files() if part_of(path) in parts]
    assert names, f"no modules in {parts}"
    return names


def test_every_module_has_its_place():
    unplaced = {part_of(path) for path in source_files()} - set(RANK) - {"__init__"}
    assert not unplaced, f"add them to LAYERS: {sorted(unplaced)}"


@pytest.mark.parametrize("path", source_files(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path):
    part = part_of(path)
    if part == "__init__":
        assert not [name for name, _, _ in imports(path) if name.startswith("sim2real")]
        return
    for name, _, line in imports(path):
        target = name.split(".")[1] if name.startswith("sim2real.") else ""
        if target not in RANK:
            continue  # an outside library, or __version__
        assert RANK[target] <= RANK[part], f"{path.name}:{line}: {part} imports {name}, which stands above it"
        if part in ON_THE_ROBOT:
            assert target not in NOT_ON_THE_ROBOT, f"{path.name}:{line}: {part} runs on the robot without {name}"


@pytest.mark.parametrize("path", source_files(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_heavy_libraries_stay_at_home(path):
    part = part_of(path)
    for name, at_top, line in imports(path):
        library = name.split(".")[0]
        assert part in HOMES.get(library, {part}), f"{path.name}:{line}: {part} imports {library}"
        if library in ROS_MESSAGES or part in ("cli", "doctor"):
            heavy = library in HOMES or library in ("numpy", "matplotlib", "onnxruntime")
            assert not (at_top and heavy), f"{path.name}:{line}: import {library} inside the function that needs it"


def test_layer_rule_sees_an_upward_import(tmp_path, monkeypatch):
    """The checks above can fail: an upward import inside a function is found, one for type checkers is not."""
    folder = tmp_path / "sim2real" / "tasks"
    folder.mkdir(parents=True)
    file = folder / "x.py"
    file.write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"
                    "def f():\n    from ..envs import vector\n    from sim2real import cli\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [(name, top) for name, top, _ in imports(file)] == [
        ("typing", True), ("sim2real.envs", False), ("sim2real.cli", False)]


@pytest.mark.parametrize(("parts", "allowed"), [
    (("tasks", "deployment"), {"numpy", "yaml", "pydantic", "onnxruntime", "mcap"}),
    (("ros",), {"numpy", "yaml", "pydantic", "onnxruntime", "mcap"}),
    (("errors", "robots", "parameters", "kinematics", "randomization"), {"numpy", "yaml", "pydantic"}),
])
def test_importing_a_whole_layer_needs_no_heavy_library(parts, allowed):
    assert not heavy_modules_after(modules_of(*parts)) - allowed


def test_the_engine_without_a_library_and_the_protocol_need_none():
    names = [f"sim2real.simulators{name}" for name in ("", ".base", ".effects", ".quadrotor", ".rotors")]
    assert not heavy_modules_after(names) - {"numpy", "yaml", "pydantic"}


def heavy_modules_after(names: list[str]) -> set[str]:
    """Heavy libraries that a fresh interpreter has loaded after importing these modules."""
    script = ("import sys, importlib, json\n"
              f"for name in {names!r}: importlib.import_module(name)\n"
              "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {*HOMES, "matplotlib", "onnxruntime", "mcap", "rich"} & set(json.loads(done.stdout))


def test_modules_stay_small():
    long = {path.name: count for path in source_files() if (count := len(path.read_text().splitlines())) > 300}
    assert not long, f"more than 300 lines: {long}"
