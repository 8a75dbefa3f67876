"""The hook that registers the environments when gymnasium is imported; its installation is in test_packaging.py."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def python(script, *options):
    path = f"import sys; sys.path[:0] = {[str(ROOT), *sys.path]!r}\n"
    return subprocess.run([sys.executable, "-S", *options, "-c", path + script], capture_output=True, text=True,
                          check=False)


def test_nothing_is_imported_until_gymnasium_is():
    done = python("import sim2real._gymnasium_plugin\n"
                  "assert not {'gymnasium', 'numpy', 'yaml', 'mujoco'} & set(sys.modules)\n"
                  "import gymnasium\nassert 'sim2real/ur5e-reach-v0' in gymnasium.registry", "-W", "error")
    assert done.returncode == 0, done.stderr


def test_after_gymnasium_it_hooks_nothing():
    done = python("import gymnasium\nbefore = list(sys.meta_path)\nimport sim2real._gymnasium_plugin\n"
                  "assert sys.meta_path == before")
    assert done.returncode == 0, done.stderr


def test_our_own_defect_leaves_gymnasium_alone():
    done = python("import sim2real._gymnasium_plugin, types\n"
                  "sys.modules['sim2real.envs.registration'] = types.ModuleType('broken')\n"
                  "import gymnasium\nprint(gymnasium.__name__)")
    assert done.stdout.strip() == "gymnasium" and "not registered" in done.stderr
