"""What works on this machine: every check really does the thing, and says how to mend it.

Whatever may crash, hang or be slow to import runs in a process of its own: ``python -m sim2real.doctor PROBE`` prints
one JSON line, {"detail"} or {"error", "module"}.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sim2real.errors import Sim2RealError

GIB = 2**30
TIMEOUT = 60.0  # [s] for one probe; a healthy one takes 3, a cold start on a busy machine 20
_APT_GL = "apt-get install libegl1 libopengl0 libgl1-mesa-dri (as root), or set MUJOCO_GL=osmesa with libosmesa6"
# y = x + x on one float, as an ONNX file
_TINY_ONNX = "CAgSADo1Cg4KAXgKAXgSAXkiA0FkZBIBZ1oPCgF4EgoKCAgBEgQKAggBYg8KAXkSCgoICAESBAoCCAFCBAoAEA0="


@dataclass(frozen=True)
class Check:
    """One row of the report.

    Attributes:
        name: What was tried.
        status: "ok", "warn" (works, but) or "missing" (does not work).
        detail: What was found.
        remedy: How to mend it; empty where nothing needs mending.
        essential: Nothing of sim2real works without it.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""
    essential: bool = False


# ---------------------------------------------------------------------------------------------- in this process
def check_python() -> Check:
    """The interpreter: 3.10 or newer."""
    detail = f"{platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info[:2] == (3, 10):  # pip refuses what is older
        return Check("Python", "warn", detail, "deployment works; the simulators need Python 3.11 or newer", True)
    return Check("Python", "ok", detail, essential=True)


def check_base() -> Check:
    """The libraries of the base installation."""
    return _installed("base", ("numpy", "pyyaml", "pydantic", "rich"), "pip install sim2real", True)


def check_identification() -> Check:
    """The libraries of the extra ``identify``."""
    return _installed("identification", ("scipy", "cma", "sbi", "rosbags"), "pip install 'sim2real[identify]'")


def _installed(name: str, packages: tuple[str, ...], remedy: str, essential: bool = False) -> Check:
    """Whether packages are there, with their versions; importing some of them takes seconds."""
    versions, missing = [], []
    for package in packages:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            missing.append(package)
    gone = f"not installed: {', '.join(missing)}"
    return Check(name, *("missing", gone, remedy) if missing else ("ok", ", ".join(versions), ""), essential)


def check_robots() -> Check:
    """The package's own robot descriptions."""
    try:
        from sim2real.robots import list_robots, load_robot

        names = list_robots()
        for name in names:
            load_robot(name)
    except (ImportError, Sim2RealError) as error:
        return Check("robots", "missing", _short(error), "reinstall sim2real", True)
    if not names:
        return Check("robots", "missing", "none found", "reinstall sim2real", True)
    return Check("robots", "ok", ", ".join(names), essential=True)


def check_compiled() -> Check:
    """The part that is compiled where it can be."""
    from sim2real.compiled import PURE, one_robot

    if one_robot is not None:
        return Check("compiled", "ok", "one robot's arithmetic in C")
    if os.environ.get(PURE):
        return Check("compiled", "warn", f"switched off by {PURE}", "control steps take half as long again")
    return Check("compiled", "warn", "no: control steps take half as long again, and say the same",
                 "install a C compiler and Python's headers (gcc, python3-dev), then sim2real again")


def check_cores() -> Check:
    """Cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores < 2:
        return Check("cores", "warn", "1", "training takes about twice as long as on two cores")
    return Check("cores", "ok", str(cores))


def check_memory() -> Check:
    """Memory that is free for training."""
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        total, free = (int(fields[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return Check("memory", "warn", "unknown", "training needs about 2 GiB")
    detail = f"{free / GIB:.1f} of {total / GIB:.1f} GiB free"
    if free < 2 * GIB:
        return Check("memory", "warn", detail, "training needs about 2 GiB: close other programs")
    return Check("memory", "ok", detail)


def check_disk(folder: Path | str = ".") -> Check:
    """Room for runs in the current folder."""
    free = shutil.disk_usage(folder).free
    detail = f"{free / GIB:.1f} GiB free in the current folder"
    if free < GIB:
        return Check("disk", "warn", detail, "a demo run writes up to 100 MiB, an installation 3 GiB: free some space")
    return Check("disk", "ok", detail)


# ---------------------------------------------------------------------------------------------- probes (child side)
def _probe_engine(engine: str, robot_name: str, num_sims: int) -> str:
    from sim2real.robots import load_robot
    from sim2real.simulators import make_simulator

    robot = load_robot(robot_name)
    with make_simulator(engine, robot, num_sims) as simulator:
        simulator.reset()
        command = simulator.rest_command(simulator.home_state(num_sims))
        simulator.step(command)
        begin = time.perf_counter()
        for _ in range(5):
            simulator.step(command)
        rate = 5 * num_sims * simulator.num_substeps / (time.perf_counter() - begin)
    version = "" if engine == "quadrotor" else f"{metadata.version(engine)}, "
    return f"{version}{num_sims} {robot_name} stepped, {rate:,.0f} substeps/s"


def _probe_gl() -> str:
    import mujoco

    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><light pos='0 0 3'/><geom type='box' size='.3 .3 .3' rgba='1 0 0 1'/></worldbody></mujoco>")
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with mujoco.Renderer(model, 64, 64) as renderer:
        renderer.update_scene(data)
        begin = time.perf_counter()
        picture = renderer.render()
        seconds = time.perf_counter() - begin
        from OpenGL import GL

        name = GL.glGetString(GL.GL_RENDERER).decode()
    if picture.max() == picture.min():
        raise Sim2RealError("the picture came back empty")
    return f"MUJOCO_GL={os.environ['MUJOCO_GL']}, one frame in {1e3 * seconds:.0f} ms on {name.split('(')[0].strip()}"


def _probe_torch() -> str:
    import torch

    device = "cpu"
    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name(0)})"
    threads = torch.get_num_threads()
    weights = torch.ones(8, 8, requires_grad=True)
    (weights @ weights).sum().backward()
    return f"{torch.__version__}, device {device}, {threads} threads (training uses 1: small networks)"


def _probe_onnxruntime() -> str:
    import numpy
    import onnxruntime

    session = onnxruntime.InferenceSession(base64.b64decode(_TINY_ONNX), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": numpy.array([21.0], numpy.float32)})
    if result[0] != 42.0:
        raise Sim2RealError(f"expected 42 from a tiny network, got {result[0]}")
    return f"{onnxruntime.__version__}, a network ran"


PROBES: dict[str, Callable[[], str]] = {
    "mujoco": lambda: _probe_engine("mujoco", "ur5e", 64),
    "pybullet": lambda: _probe_engine("pybullet", "ur5e", 1),
    "quadrotor": lambda: _probe_engine("quadrotor", "crazyflie", 256),
    "gl": _probe_gl,
    "torch": _probe_torch,
    "onnxruntime": _probe_onnxruntime,
}


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


# ---------------------------------------------------------------------------------------------- probes (our side)
def run_probe(module: str, *arguments: str, timeout: float = TIMEOUT, **variables: str) -> dict:
    """Run ``python -m module arguments`` and return its JSON line; a crash or a hang becomes an {"error"}."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    try:
        done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True,
                              timeout=timeout, env={**os.environ, "PYTHONPATH": path, **variables}, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {timeout:g} s"}
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    if done.returncode < 0:
        return {"error": f"crashed with {signal.Signals(-done.returncode).name}"}
    return {"error": f"exit code {done.returncode}: {' '.join(done.stderr.split())[-200:]}"}


def _row(name: str, answer: dict, package: str, install: str, mend: str, *, essential: bool = False) -> Check:
    """The row of a probe's answer: not installed, installed but failing, or fine."""
    if "detail" in answer:
        return Check(name, "ok", answer["detail"], essential=essential)
    absent = (answer.get("module") or "").split(".")[0]
    if absent == package or f"needs the package {package}" in answer["error"]:
        return Check(name, "missing", f"{package} is not installed", install, essential)
    return Check(name, "missing", answer["error"], mend, essential)


def _checks_by_probe() -> list[Callable[[], Check]]:
    """One callable a row; each starts a process."""
    def probe(name, **variables):
        return run_probe("sim2real.doctor", name, OMP_NUM_THREADS="1", **variables)

    bullet = "pip install 'sim2real[pybullet]'"
    if sys.version_info >= (3, 12):
        bullet = "there are no wheels beyond Python 3.11: use that, or evaluate with --engine mujoco"
    return [
        lambda: _row("torch", run_probe("sim2real.doctor", "torch"), "torch",
                     "pip install 'sim2real[train]' -c constraints.txt", "reinstall torch, pinned in constraints.txt"),
        lambda: _row("engine mujoco", probe("mujoco"), "mujoco", "pip install 'sim2real[mujoco]'",
                     "pip install --force-reinstall mujoco"),
        lambda: _row("rendering (EGL)", probe("gl", MUJOCO_GL=os.environ.get("MUJOCO_GL") or "egl"), "mujoco",
                     "pip install 'sim2real[mujoco]'", _APT_GL),
        lambda: _row("ROS 2", run_probe("sim2real.ros.selftest"), "rclpy",
                     "pip install 'sim2real[ros]', or source /opt/ros/DISTRIBUTION/setup.bash",
                     "check RMW_IMPLEMENTATION, ROS_DOMAIN_ID and that a network interface (lo) is up"),
        lambda: _row("engine pybullet", probe("pybullet"), "pybullet", bullet,
                     "pip install --force-reinstall pybullet"),
        lambda: _row("onnxruntime", probe("onnxruntime"), "onnxruntime", "pip install 'sim2real[deploy]'",
                     "pip install --force-reinstall onnxruntime"),
        lambda: _row("engine quadrotor", probe("quadrotor"), "", "reinstall sim2real", "reinstall sim2real",
                     essential=True),
    ]


def run_checks(progress: Callable[[int, str], None] = lambda done, name: None) -> list[Check]:
    """All checks, in the order to read them; probes run two at a time. ``progress(done, name)`` after each probe."""
    probes = _checks_by_probe()
    rows: list[Check] = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        futures = [pool.submit(probe) for probe in probes]
        local = [check_python(), check_cores(), check_memory(), check_disk(), check_base(), check_compiled(),
                 check_robots(), check_identification()]
        for done, future in enumerate(futures, 1):
            rows.append(future.result())
            progress(done, rows[-1].name)
    order = ("engine mujoco", "engine pybullet", "engine quadrotor", "rendering (EGL)", "torch", "onnxruntime", "ROS 2")
    return local + sorted(rows, key=lambda row: order.index(row.name))


def broken(checks: list[Check]) -> list[Check]:
    """Essential checks that do not work."""
    return [check for check in checks if check.essential and check.status == "missing"]


def _main() -> int:
    try:
        answer = {"detail": PROBES[sys.argv[1]]()}
    except Exception as error:  # whatever it is, it is the answer
        answer = {"error": f"{type(error).__name__}: {_short(error)}", "module": getattr(error, "name", None)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if "detail" in answer else 1


if __name__ == "__main__":
    sys.exit(_main())
