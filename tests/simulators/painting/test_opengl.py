import ctypes.util

import numpy as np
import pytest

from sim2real.errors import BadInputError, MissingDependencyError
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
from sim2real.simulators.painting.opengl import missing_opengl
from tests.simulators.test_mujoco import run_python


@pytest.fixture(scope="module")
def sim():
    sim = make_simulator("mujoco", load_robot("ur5e"), 3)
    yield sim
    sim.close()


@pytest.fixture
def picture(sim):
    def take(**options):
        try:
            return sim.render("overview", **options)
        except MissingDependencyError as error:
            pytest.skip(str(error))
    return take


def test_each_simulation_has_its_own_picture(sim, picture):
    sim.reset()
    command = np.tile(sim.robot.home, (3, 1))
    command[2, 0] += 1.0
    for _ in range(20):
        sim.step(command)
    pictures = picture(size=(60, 80))
    assert pictures.shape == (3, 60, 80, 3)
    assert pictures.dtype == np.uint8
    assert pictures.std() > 5.0
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert np.abs(pictures[0].astype(int) - pictures[2]).max() > 50
    np.testing.assert_array_equal(picture(ids=np.array([2]), size=(60, 80))[0], pictures[2])


def test_pictures_do_not_touch_the_simulation(sim, picture):
    before = sim.batch.state.copy()
    picture(size=(48, 64))
    np.testing.assert_array_equal(sim.batch.state, before)


def test_bad_requests(sim):
    with pytest.raises(BadInputError, match="picture of at most"):
        sim.render("overview", size=(5000, 4000))
    with pytest.raises((BadInputError, MissingDependencyError), match="unknown camera 'overvieww'|OpenGL"):
        sim.render("overvieww")


def test_a_machine_without_opengl_gets_one_clear_line():
    """MUJOCO_GL=disabled is what a machine without any OpenGL looks like."""
    out = run_python("""
from sim2real.errors import MissingDependencyError
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
sim = make_simulator("mujoco", load_robot("ur5e"))
try:
    sim.render("overview")
except MissingDependencyError as error:
    print(error)
""", MUJOCO_GL="disabled")
    assert "libegl1" in out
    assert len(out.strip().splitlines()) == 1


@pytest.mark.parametrize("content", ["", "raise OSError('a broken library')"])
def test_triton_is_imported_before_opengl_whatever_it_does(tmp_path, picture, content):
    picture(size=(48, 64))  # or this machine cannot draw
    (tmp_path / "triton.py").write_text(f"import sys\nsys.stdout.write('triton, OpenGL {{}};'.format('OpenGL.EGL' in "
                                        f"sys.modules))\n{content}")
    out = run_python(f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
with make_simulator("mujoco", load_robot("ur5e")) as sim:
    print(sim.render("overview", size=(48, 64)).shape)
""")
    assert out.startswith("triton, ") and out.strip().endswith("(1, 48, 64, 3)")


def test_osmesa_draws_too():
    if ctypes.util.find_library("OSMesa") is None:
        pytest.skip("libOSMesa is not installed (Debian package libosmesa6)")
    out = run_python("""
from sim2real.robots import load_robot
from sim2real.simulators import make_simulator
with make_simulator("mujoco", load_robot("ur5e")) as sim:
    frame = sim.render("overview", size=(48, 64))
    print(frame.shape, frame.std() > 5, sim.render("overview", kind="depth", size=(48, 64)).min() > 0.5)
""", MUJOCO_GL="osmesa", PYOPENGL_PLATFORM="osmesa")  # EGL, once used in this process, has left its own there
    assert out.split(")")[1].split() == ["True", "True"] and out.startswith("(1, 48, 64, 3")


def test_osmesa_without_its_library_is_one_line():
    error = OSError("a\nb")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUJOCO_GL", "osmesa")
        text = str(missing_opengl(error))
    assert "libosmesa6" in text and len(text.splitlines()) == 1
