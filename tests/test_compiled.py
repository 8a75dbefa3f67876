"""One robot's arithmetic in C says what Python says, to the last bit; and is not missed where it is not there."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real import compiled
from sim2real.deployment import braking, few_channels, safety
from sim2real.deployment.capsule_motion import surely
from sim2real.deployment.limits import CommandLimits
from sim2real.robots import load_robot
from sim2real.tasks import make_task, one_arm
from sim2real.tasks.reach import DAMPING

SOURCE = Path(compiled.__file__).with_name("one_robot.c")
TASKS = {name: make_task("reach", load_robot(name)) for name in ("ur5e", "fr3", "so101")}
needed = pytest.mark.skipif(compiled.one_robot is None, reason="no C compiler built sim2real.compiled here")


@needed
def test_it_is_of_the_source_that_lies_here():
    everything = b"".join((SOURCE.parent / name).read_bytes() for name in ("arithmetic.h", "one_robot.c"))
    assert hashlib.sha256(everything).hexdigest() == compiled.one_robot.SOURCE


@needed
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(TASKS)), st.sampled_from([0.0, 1e-9, 1.0, 1e6]))
def test_the_filter_s_step(seed, name, scale):
    rng, robot = np.random.default_rng(seed), TASKS[name].robot
    constants = np.ascontiguousarray(safety._constants(CommandLimits.from_robot(robot), robot.control_period)[:14])
    n = robot.num_joints
    q, v, a, wanted, rate = (rng.normal(size=n) * size for size in (3.0, constants[2], constants[3], scale, scale))
    v[rng.random(n) < 0.3], a[rng.random(n) < 0.3] = 0.0, 0.0
    for stands in (None, rng.random(n) < 0.3):
        last = q, v, a, wanted, rate
        compiled_rows, compiled_tight = few_channels.advance(constants, q + wanted, stands, *last)
        rows, tight = few_channels._advance(constants, q + wanted, stands, *last)
        assert compiled_rows.tobytes() == rows.tobytes() and compiled_tight == tight


@needed
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.floats(-9.0, 3.0), st.booleans())
def test_the_way_to_rest(seed, size, odd):
    rng = np.random.default_rng(seed)
    most, jerk = 10.0**rng.uniform(-9.0, 3.0, (2, 12))
    v, a = rng.normal(size=12) * 10.0**size, rng.uniform(-1.0, 1.0, 12) * most
    if odd:  # whole numbers of steps, and none
        most, v, a = np.ceil(most / jerk) * jerk, np.round(v / jerk) * jerk, np.round(a / jerk) * jerk
    for found, expected in zip(braking.stopping_extent(v, a, most, jerk), braking._stopping_extent(v, a, most, jerk),
                               strict=True):
        assert (found == expected).all()


@needed
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(TASKS)))
def test_the_way_to_a_goal_and_the_joint_step(seed, name):
    rng, task = np.random.default_rng(seed), TASKS[name]
    q = rng.uniform(task.robot.position_low, task.robot.position_high)
    goal, full = rng.uniform(-0.8, 0.8, 3), task.robot.velocity_limit * task.control_period
    answer = one_arm.way_and_step(task.chain, q, goal, full, DAMPING)
    assert answer.tobytes() == one_arm._way_and_step(task.chain, q, goal, full.tolist(), DAMPING).tobytes()


@needed
@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_whether_bounds_hold_for_sure(seed, moving):
    rng, joints = np.random.default_rng(seed), 6
    motion, factors = rng.random((30, joints)), rng.random((4, joints))
    q, known, v, a = rng.normal(size=(4, joints))
    numbers = (q, known, v if moving else None, a if moving else None, 0.1, factors)
    departure = np.abs(q - known)
    if moving:
        departure = departure + safety.stopping_bound(0.1 * v, 0.1**2 * a, factors)
    used = motion @ departure
    assert surely(motion, used + 1e-9, *numbers)
    assert not surely(motion, used - 1e-9 * (np.arange(30) == rng.integers(30)), *numbers)
    for spoiled in (q, known, *((v, a) if moving else ())):
        kept, spoiled[2] = spoiled[2], np.nan
        assert not surely(motion, used + 1e-9, *numbers)
        spoiled[2] = kept


@needed
def test_wrong_sizes_are_refused():
    c, six, out = np.zeros((14, 6)), np.zeros(6), np.zeros((6, 6))
    one = compiled.one_robot
    with pytest.raises(ValueError, match="advance.*expected 84 doubles, got 96 bytes"):
        one.advance(np.zeros(12), six, None, six, six, six, six, six, out)
    with pytest.raises(ValueError, match="buffer 7: expected 36 doubles"):
        one.advance(c, six, None, six, six, six, six, six, np.zeros(6))
    with pytest.raises(ValueError, match="expected 6 flags, got 48"):
        one.advance(c, six, six, six, six, six, six, six, out)
    steps, tool = (part.copy() for part in TASKS["ur5e"].chain.table)
    with pytest.raises(ValueError, match="buffer 5: expected 9 doubles"):
        one.way_and_step(steps, tool, six, six[:3], six, 0.1, np.zeros(8))
    steps[0, 0] = 6
    with pytest.raises(ValueError, match="of joints 0 to 5"):
        one.way_and_step(steps, tool, six, six[:3], six, 0.1, np.zeros(9))
    with pytest.raises(ValueError, match="surely.*buffer 1: expected|surely.*buffer 0: expected 180"):
        one.surely(np.zeros((29, 6)), np.zeros(30), six, six, None, None, 0.1, np.zeros((4, 6)))
    with pytest.raises((BufferError, ValueError)):
        one.surely(np.zeros((30, 12))[:, ::2], np.zeros(30), six, six, None, None, 0.1, np.zeros((4, 6)))


def loaded(folder, *options, **environment):
    """What ``compiled`` finds from ``folder``, and what it warns of."""
    code = "from sim2real.compiled import one_robot; print(one_robot)"
    done = subprocess.run([sys.executable, *options, "-c", code], env={**os.environ, **environment}, cwd=folder,
                          capture_output=True, text=True)
    return done.stdout.strip(), done.stderr


def test_an_environment_variable_switches_it_off(tmp_path):
    assert loaded(tmp_path, SIM2REAL_PURE_PYTHON="1") == ("None", "")


@needed
def test_one_of_another_source_is_not_used(tmp_path):
    shutil.copytree(SOURCE.parent, tmp_path / "sim2real" / "compiled")
    (tmp_path / "sim2real" / "__init__.py").touch()
    assert str(tmp_path) in loaded(tmp_path, "-S")[0]
    (tmp_path / "sim2real" / "compiled" / SOURCE.name).write_text(SOURCE.read_text() + "\n")
    found, said = loaded(tmp_path, "-S")
    assert found == "None" and "built from other sources" in said and "make install" in said
