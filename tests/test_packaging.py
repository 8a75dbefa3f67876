"""The wheel and the ament package carry every robot, asset and launch file, and work where they are put."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = ("robots", "assets", "launch")


def data_files() -> list[str]:
    """Every file of the data folders, relative to the repository."""
    return [path.relative_to(ROOT).as_posix() for kind in DATA for path in sorted((ROOT / kind).rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")]


def copy_of_the_tree(folder: Path) -> Path:
    """The files that make the package, as a clone would have them."""
    folder.mkdir(parents=True)
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "package.xml", "README.md", "LICENSE"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder)
    for name in ("sim2real", "resource", *DATA):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_data", "*.so"))
    return folder


def clean_environment(**variables: str) -> dict[str, str]:
    """Our environment, without anything that would let Python find the repository."""
    return {**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **variables}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    tree = copy_of_the_tree(folder / "tree")
    command = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "-w", folder, tree]
    subprocess.run(command, check=True, env=clean_environment())
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel's content, in a folder far from the repository."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target", target, wheel], check=True,
                   env=clean_environment())
    return target


@pytest.fixture(scope="module")
def members(wheel) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_there_is_something_to_package():
    assert {path.split("/")[0] for path in data_files()} >= {"robots", "launch"}


def test_every_data_file_is_inside_the_package_and_in_share(members):
    prefix = next(name for name in members if ".data/data/share/" in name).split("/share/")[0]
    for file in data_files():
        assert f"sim2real/_data/{file}" in members
        assert f"{prefix}/share/sim2real/{file}" in members


def test_ament_finds_the_package(members):
    shared = {name.split("/data/", 1)[1] for name in members if ".data/data/" in name}
    assert "share/ament_index/resource_index/packages/sim2real" in shared
    assert "share/sim2real/package.xml" in shared


def test_every_module_is_in_the_wheel_and_no_test(members):
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "sim2real").rglob("*.py")
               if "_data" not in path.parts}
    assert modules <= members
    assert not [name for name in members if name.startswith(("tests/", "benchmarks/"))]


def test_the_base_is_light_and_deploy_brings_no_simulator(wheel):
    """From the metadata that pip reads; the extras' names are the promise of docs/install.md."""
    requirements = metadata(wheel).get_all("Requires-Dist")

    def names(extra: str | None) -> set[str]:
        rows = [r for r in requirements if ("extra ==" in r) == (extra is not None)]
        if extra:
            rows = [r for r in rows if re.search(rf"""extra == ['"]{extra}['"]""", r)]
        return {re.split(r"[<>=!;\[ ]", r.lower())[0].replace("_", "-") for r in rows}

    assert names(None) == {"numpy", "pyyaml", "pydantic", "rich"}
    heavy = {"torch", "mujoco", "pybullet", "gymnasium", "stable-baselines3"}
    assert names("deploy") >= {"onnxruntime", "mcap"} and not heavy & names("deploy")
    assert not heavy & names("ros") and "ros-rclpy" in names("ros")
    assert names("train") >= heavy - {"pybullet"} and names("pybullet") == {"pybullet"}
    assert {"train", "pybullet", "ros", "deploy", "dev"} <= set(metadata(wheel).get_all("Provides-Extra"))


def test_versions_agree(wheel):
    import sim2real

    assert metadata(wheel)["Version"] == sim2real.__version__
    assert f"<version>{sim2real.__version__}</version>" in (ROOT / "package.xml").read_text()
    assert sim2real.__version__ in (ROOT / "CHANGELOG.md").read_text()


def test_the_installed_wheel_lists_everything_from_an_empty_folder(installed, tmp_path):
    done = subprocess.run([sys.executable, "-m", "sim2real", "list", "--json"], cwd=tmp_path, capture_output=True,
                          text=True, check=False, env=clean_environment(PYTHONPATH=str(installed)))
    assert done.returncode == 0, done.stderr
    folders = {path.name for path in (ROOT / "robots").iterdir() if path.is_dir()}
    assert set(json.loads(done.stdout)["robots"]) == folders


def test_the_installed_wheel_reads_its_own_data(installed, tmp_path):
    script = ("from sim2real.resources import data_path\nfrom sim2real.robots import list_robots, load_robot\n"
              "print(data_path('robots')); print(data_path('launch')); [load_robot(name) for name in list_robots()]")
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True,
                          env=clean_environment(PYTHONPATH=str(installed)))
    assert all(line.startswith(str(installed)) for line in done.stdout.splitlines())


def test_the_command_is_on_the_path(wheel, installed):
    """setup.cfg sends scripts to lib/sim2real for `ros2 run`; pip must not follow it."""
    assert (installed / "bin" / "sim2real").is_file()
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        text = archive.read(name).decode()
    assert "sim2real = sim2real.cli:main" in text
    assert "[gymnasium.envs]" in text


def test_gymnasium_knows_our_environments_without_an_import(installed, tmp_path):
    """What the installed .pth does at interpreter start, done by hand: --target folders do not run .pth files."""
    line = (installed / "sim2real.pth").read_text()
    script = (f"{line}\nimport sys; assert 'gymnasium' not in sys.modules and 'numpy' not in sys.modules\n"
              "import importlib.util; importlib.util.find_spec('gymnasium')\n"
              "import gymnasium; print([k for k in gymnasium.registry if k.startswith('sim2real/')])\n"
              "assert not {'torch', 'mujoco', 'pybullet'} & set(sys.modules)")
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=tmp_path, capture_output=True, text=True,
                          check=False, env=clean_environment(PYTHONPATH=str(installed)))
    assert done.returncode == 0, done.stderr[-1500:]
    assert "sim2real/ur5e-reach-v0" in done.stdout


def test_an_editable_install_gets_the_same_hook(tmp_path):
    tree = copy_of_the_tree(tmp_path / "tree")
    subprocess.run([sys.executable, "-c",
                    "import setuptools.build_meta as b, sys; print(b.build_editable(sys.argv[1]))", str(tmp_path)],
                   cwd=tree, check=True, capture_output=True, env=clean_environment())
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        record = next(archive.read(n).decode() for n in archive.namelist() if n.endswith("RECORD"))
        assert archive.read("sim2real.pth") == b"import sim2real._gymnasium_plugin\n"
        assert archive.testzip() is None
        assert not [n for n in archive.namelist() if "_data" in n]
    assert record.count("sim2real.pth,sha256=") == 1


@pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="no C compiler")
def test_the_wheel_has_what_a_compiler_makes_of_one_robot(members, installed, tmp_path):
    assert [name for name in members if name.startswith("sim2real/compiled/_one_robot.")]
    code = "from sim2real.compiled import one_robot; print(one_robot.__file__)"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
                          env=clean_environment(PYTHONPATH=str(installed)))
    assert done.stdout.startswith(str(installed)) and done.stderr == ""


def test_without_a_compiler_everything_else_is_built(tmp_path):
    tree = copy_of_the_tree(tmp_path / "tree")
    subprocess.run([sys.executable, "setup.py", "-q", "bdist_wheel", "-d", str(tmp_path)], cwd=tree, check=True,
                   capture_output=True, env=clean_environment(CC="false"))
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
    assert "sim2real/compiled/__init__.py" in names and not [name for name in names if "_one_robot" in name]


def test_constraints_pin_torch_and_every_direct_requirement(wheel):
    pins = {re.split(r"==", line)[0].lower().replace("_", "-"): line for line in
            (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")}
    assert pins["torch"] == "torch==2.13.0"
    direct = {re.split(r"[<>=!;\[ ]", r.lower())[0].replace("_", "-") for r in metadata(wheel).get_all("Requires-Dist")}
    assert direct - set(pins) <= {"wheel"}


def colcon() -> str | None:
    """colcon on the path, or where `make test` puts it (a venv of its own: it brings pytest plugins)."""
    return shutil.which("colcon") or shutil.which("colcon", path=str(Path(sys.prefix) / "colcon" / "bin"))


@pytest.mark.skipif(colcon() is None, reason="colcon is not installed; `make test` does it")
def test_colcon_build_puts_the_launch_files_into_share(tmp_path):
    copy_of_the_tree(tmp_path / "src" / "sim2real")
    subprocess.run([colcon(), "build", "--base-paths", "src"], cwd=tmp_path, check=True, capture_output=True,
                   env=clean_environment())
    prefix = tmp_path / "install" / "sim2real"
    for file in data_files():
        assert (prefix / "share" / "sim2real" / file).is_file()
    assert (prefix / "lib" / "sim2real" / "sim2real").is_file()  # `ros2 run sim2real sim2real`
