"""Where an activation begins, at what the states agree on, and where skipped ticks lead; without ROS."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hand_policies import write_policy
from velocity_driver import VelocityDriver

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.limits import CommandLimits
from sim2real.deployment.replay import replay
from sim2real.ros.control_loop import ControlLoop
from sim2real.ros.drive import Drive
from sim2real.ros.figures import Figures
from sim2real.ros.goals import GoalSequence
from sim2real.types import RobotState

PAN, ELBOW = 0, 2


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach"))


def loop_on(bundle, spiked, goals=((0.4, 0.1, 0.4),), **options):
    """A loop whose states, 500 a second, are at home but for the elbow where ``spiked`` says so of their time."""
    sent, begin = [], time.monotonic()

    def latest():
        now = time.monotonic()
        stamp = now - (now - begin) % 0.002
        state = RobotState.zeros(1, 6)
        state.joint_position[0] = bundle.robot.home
        state.joint_position[0, ELBOW] += 1.0 * spiked(stamp - begin)
        state.time[:] = stamp
        return state

    loop = ControlLoop(bundle, GoalSequence(bundle.task, [np.array(goal) for goal in goals]), latest,
                       lambda command, before: sent.append(command), rate=500.0, follow=False, unlock=False,
                       figures=Figures(CommandLimits.from_robot(bundle.robot), 0.002), **options)
    return loop, sent


def test_a_spike_that_comes_first_is_not_where_commands_begin(bundle):
    loop, sent = loop_on(bundle, lambda t: t < 0.05)
    loop.start()
    end = time.monotonic() + 5.0
    while not sent and time.monotonic() < end:
        time.sleep(0.005)
    loop.stop("enough")
    loop.join()
    assert sent and not loop.fault and loop.failure is None
    assert sent[0] == pytest.approx(bundle.robot.home, abs=1e-3)


def test_states_that_never_agree_are_a_fault_and_nothing_is_sent(bundle):
    loop, sent = loop_on(bundle, lambda t: int(t / 0.02) % 2)
    loop.start()
    loop.join()
    assert not sent and loop.failure is None
    assert "contradict each other" in loop.fault and "elbow_joint jumped by" in loop.fault


def test_a_failure_of_the_loop_itself_is_a_fault(bundle):
    loop, _ = loop_on(bundle, lambda t: False)
    loop._publish = lambda command, before: 1 / 0
    loop.start()
    loop.join()
    assert isinstance(loop.failure, ZeroDivisionError) and loop.fault == "the control loop failed: division by zero"


def test_it_looks_at_the_stop_signal_itself(bundle):
    """The thread that takes messages in may be busy with them; nobody calls ``stop`` here."""
    asked = []
    loop, sent = loop_on(bundle, lambda t: False, asked=lambda: bool(asked))
    loop.start()
    end = time.monotonic() + 5.0
    while not (sent and np.abs(sent[-1] - sent[0]).max() > 0.02) and time.monotonic() < end:
        time.sleep(0.005)
    asked.append(time.monotonic())
    loop.join()
    assert time.monotonic() - asked[0] < 1.0 and loop.mode == "STOP" and not loop.fault
    assert sent[-1] == pytest.approx(sent[-2], abs=1e-9)  # at rest


def test_a_loop_that_waits_for_a_goal_ends_when_it_is_asked_to(bundle):
    loop, sent = loop_on(bundle, lambda t: False, goals=(), asked=lambda: True)
    loop.start()
    loop.join()
    assert not sent and not loop.fault and loop.failure is None


def plain(row):
    """As a log gives it back."""
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in row.items()}


def driven(bundle, quantity, stall):
    """A loop below which a driver keeps each velocity up; ``stall`` [s] for which a decision may hold ticks up."""
    driver, decisions, led = VelocityDriver(bundle.robot.home), 0, 0.0
    lock = threading.Lock()  # of the driver

    def latest():
        nonlocal decisions, led
        decisions += 1
        with lock:
            state = driver.measured(time.monotonic())
        if decisions % 3 == 0 and (speed := state.joint_velocity[0, PAN]) < -0.3:  # the same way each time
            led += stall * speed
            time.sleep(stall)
        return state

    def send(command, before):
        with lock:
            driver.take((command - before) / 0.002, time.monotonic())

    rows, goals = [], GoalSequence(bundle.task, [np.array([0.05, y, 0.3]) for y in (-0.55, 0.55, -0.55, 0.55)])
    loop = ControlLoop(bundle, goals, latest, send, rate=500.0, quantity=quantity, follow=False, unlock=False,
                       figures=Figures(CommandLimits.from_robot(bundle.robot), 0.002),
                       recorder=SimpleNamespace(put=lambda topic, row: rows.append((topic, plain(row)))))
    loop.start()
    loop.join()
    assert loop.failure is None
    return loop, driver, goals, rows, led


def test_below_a_velocity_interface_skipped_ticks_count_as_where_they_led(bundle):
    loop, driver, goals, rows, led = driven(bundle, "velocity", 0.03)
    assert led < -0.3 and loop.figures.skipped > 100
    assert not loop.fault and goals.reached == 4 and loop.figures.violations == 0
    np.testing.assert_allclose(loop._drive.stream.command, driver.q, atol=1e-3)
    found = replay(rows, lambda rate: Drive(bundle, rate))
    assert found.compared > 2000 and (found.different, found.skipped) == (0, 0)
    assert sum(row.get("call") == "rebase" for _, row in rows) == found.steps


def test_a_loop_that_takes_it_for_a_position_interface_is_led_astray(bundle):
    loop, _, goals, rows, _ = driven(bundle, "position", 0.03)
    assert "off where it was told to be" in loop.fault and goals.reached < 4
    assert not any(row.get("call") == "rebase" for _, row in rows)
