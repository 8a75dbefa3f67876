"""Importing pybullet leaves standard error to the program."""

import subprocess
import sys


def streams(code: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_only_the_programs_own_words():
    code = ("import sys; print('before', file=sys.stderr); from sim2real.simulators.quiet_bullet import pybullet; "
            "print('after', pybullet.DIRECT == 2, file=sys.stderr)")
    assert streams(code) == ("", "before\nafter True\n")


def test_the_banner_is_real():
    assert "build time" in "".join(streams("import pybullet")), "pybullet no longer prints: quiet_bullet can go"
