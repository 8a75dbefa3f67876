"""sim2real as a pip package and as a ROS 2 ament_python package.

``robots/``, ``assets/`` and ``launch/`` stay at the top of the repository. A wheel carries them twice: inside the
package (``sim2real/_data``), where ``sim2real.resources`` finds them in any installation, and under ``share/sim2real``,
where ``ros2 launch`` looks.
"""

import base64
import hashlib
import re
import shutil
import sys
import zipfile
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.editable_wheel import editable_wheel
except ImportError:  # setuptools < 64 (ROS 2 Humble): pip then runs `setup.py develop`, which has no wheel to complete
    editable_wheel = None

ROOT = Path(__file__).resolve().parent
NAME = "sim2real"
DATA = ("robots", "assets", "launch")
VERSION = re.search(r'__version__ = "(.+?)"', (ROOT / NAME / "__init__.py").read_text(encoding="utf-8")).group(1)
# Registers the environments when gymnasium is imported; gymnasium 1.0 no longer reads entry points by itself.
PTH_NAME, PTH_LINE = "sim2real.pth", "import sim2real._gymnasium_plugin\n"

MUJOCO = ["mujoco>=4.0", "gymnasium>=1.0"]
DEPLOY = ["onnxruntime>=1.17", "mcap>=1.1"]
TRAIN = [*MUJOCO, "torch>=2.4", "stable-baselines3>=2.4", "tensorboard>=2.14", "onnx>=1.16",
         "onnxruntime>=1.17"]
PYBULLET = ["pybullet>=3.2.6"]  # wheels up to Python 3.11; for later ones pip builds it, which needs g++ and minutes
ROS = [f'{package}; python_version < "3.14"' for package in (
    "ros-rclpy[fastrtps]>=9.1", "ros-std-msgs", "ros-sensor-msgs", "ros-geometry-msgs", "ros-trajectory-msgs",
    "ros-diagnostic-msgs", "ros-std-srvs", "ros-nav-msgs")]
IDENTIFY = ["mujoco[sysid]>=4.0", "scipy>=1.10", "cma>=3.3", "rosbags>=0.10", "sbi>=0.23", "matplotlib>=3.8", *TRAIN]
CAMERAS = ["opencv-python-headless>=4.8"]
PLOTS = ["matplotlib>=3.8", "pillow>=10"]
DEV = ["pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.90", "ruff>=0.6", "setuptools>=68", "wheel>=0.42", "h5py>=3.10",
       *PLOTS, *CAMERAS]


def extension() -> Extension:
    """One robot's arithmetic in C. Optional: without a compiler Python does the same, more slowly.

    Its answers are Python's to the last bit, so nothing may be contracted or merged. It says which source it is of.
    """
    sources = [f"{NAME}/compiled/{file}" for file in ("arithmetic.h", "one_robot.c")]
    digest = hashlib.sha256(b"".join((ROOT / source).read_bytes() for source in sources)).hexdigest()
    strict = [] if sys.platform == "win32" else ["-O2", "-ffp-contract=off", "-fno-builtin-sin", "-fno-builtin-cos"]
    return Extension(f"{NAME}.compiled._one_robot", sources[1:], depends=sources, optional=True,
                     define_macros=[("SOURCE", f'"{digest}"')], extra_compile_args=strict)


def data_files_of(kind: str) -> list[Path]:
    """Files below one data folder, relative to the repository, without caches and hidden files."""
    files = (path.relative_to(ROOT) for path in sorted((ROOT / kind).rglob("*")) if path.is_file())
    return [f for f in files if not any(part.startswith(".") or part == "__pycache__" for part in f.parts)]


def ament_data_files() -> list[tuple[str, list[str]]]:
    """What ROS 2 looks for under the installation prefix; folders that a source tree lacks are left out."""
    entries: dict[str, list[str]] = {}
    if (ROOT / "resource" / NAME).is_file():
        entries["share/ament_index/resource_index/packages"] = [f"resource/{NAME}"]
    if (ROOT / "package.xml").is_file():
        entries[f"share/{NAME}"] = ["package.xml"]
    for kind in DATA:
        for file in data_files_of(kind):
            entries.setdefault(f"share/{NAME}/{file.parent.as_posix()}", []).append(file.as_posix())
    return list(entries.items())


class BuildWithData(build_py):
    """Copies the data folders into the package as it is built; an editable install reads them where they lie."""

    def data_outputs(self) -> dict[Path, Path]:
        """Built file -> its source."""
        inside = Path(self.build_lib) / NAME / "_data"
        return {inside / file: ROOT / file for kind in DATA for file in data_files_of(kind)}

    def run(self):
        super().run()
        if getattr(self, "editable_mode", False):
            return
        shutil.rmtree(Path(self.build_lib) / NAME / "_data", ignore_errors=True)
        for target, source in self.data_outputs().items():
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))
        (Path(self.build_lib) / PTH_NAME).write_text(PTH_LINE, encoding="utf-8")

    def get_outputs(self, include_bytecode=1):
        outputs = super().get_outputs(include_bytecode)
        if getattr(self, "editable_mode", False):
            return outputs
        return [*outputs, *map(str, self.data_outputs()), str(Path(self.build_lib) / PTH_NAME)]


def add_to_wheel(wheel: Path, name: str, content: bytes) -> None:
    """Put one more file into a wheel and its RECORD."""
    with zipfile.ZipFile(wheel) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        for info, data in members:
            if info.filename.endswith(".dist-info/RECORD"):
                data = f"{name},sha256={digest},{len(content)}\n".encode() + data
            archive.writestr(info, data)


commands = {"build_py": BuildWithData}
if editable_wheel is not None:
    class EditableWithHook(editable_wheel):
        """`pip install -e` gets the same .pth file as a wheel."""

        def run(self):
            super().run()
            for wheel in Path(self.dist_dir).glob(f"{NAME}-*.whl"):
                add_to_wheel(wheel, PTH_NAME, PTH_LINE.encode())

    commands["editable_wheel"] = EditableWithHook

setup(
    name=NAME,
    version=VERSION,
    description="Train a policy in one simulator, prove it in another, run it on the real arm or drone over ROS 2",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").is_file() else "",
    long_description_content_type="text/markdown",
    author="the sim2real authors",
    license="MIT",
    python_requires=">=3.10",
    ext_modules=[extension()],
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    cmdclass=commands,
    data_files=ament_data_files(),
    zip_safe=False,
    install_requires=["numpy>=1.24", "pyyaml>=6", "pydantic>=2.5", "rich>=13"],
    extras_require={
        "mujoco": MUJOCO, "train": TRAIN, "pybullet": PYBULLET, "ros": ROS, "deploy": DEPLOY, "plots": PLOTS,
        "cameras": CAMERAS, "identify": IDENTIFY, "dev": DEV,
        "all": [*TRAIN, *PYBULLET, *ROS, *DEPLOY, *PLOTS, *CAMERAS, *IDENTIFY],
    },
    entry_points={
        "console_scripts": [f"{NAME} = {NAME}.cli:main"],
        "gymnasium.envs": [f"{NAME} = {NAME}.envs.registration:register"],
    },
)
