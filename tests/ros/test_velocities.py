"""Below a velocity interface the positions of the commands stay where the velocities lead, and no velocity jumps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.reckoning import Reckoning
from sim2real.deployment.replay import Transcript, replay
from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.ros.drive import Drive
from tests.ros.hand_policies import write_policy
from tests.ros.velocity_driver import VelocityDriver

UR5E = load_robot("ur5e")
LIMITS = CommandLimits.from_robot(UR5E)
NOWHERE = replace(LIMITS, low=np.full(6, -np.inf), high=np.full(6, np.inf))  # bounds of rates alone
LEFT, RIGHT = np.array([0.05, 0.55, 0.3]), np.array([0.05, -0.55, 0.3])
TICK = 0.002


@pytest.fixture(scope="module")
def reach(tmp_path_factory):
    return load_bundle(write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach"))


class Run:
    """A drive, a driver that takes its velocities, and a transcript; ``reckons``: whether it looks where they lead."""

    def __init__(self, bundle, *, reckons=True, drawn=0.6, **driver):
        self.drive, self.transcript = Drive(bundle, 500.0), Transcript()
        self.driver = VelocityDriver(UR5E.home, **driver)
        self.reckoning = Reckoning(UR5E, TICK, drawn=drawn) if reckons else None
        self.rows, self.ways, self.commands, self.off = self.transcript.made(500.0), [], [], []
        self.now = 10.0
        self.start(RIGHT)
        self.reckoning and self.reckoning.start(self.drive.stream.command)

    def start(self, goal):
        state = self.driver.measured(self.now)
        self.drive.start(state, goal, self.now)
        self.rows += self.transcript.started(state, goal, self.now)

    def period(self, skips=lambda tick: 0.0):
        """A control period in whose ticks ``skips`` times of a tick go by without a command; its decision."""
        state = self.driver.measured(self.now)
        if self.reckoning is not None:
            offset = self.reckoning.offset(state, self.drive.stream.command, self.now)
            moved = self.drive.rebase(offset)
            self.reckoning.moved(moved)
            self.rows += self.transcript.rebased(offset)
        self.off.append(self.drive.stream.command - self.driver.q)
        decision = self.drive.step(state, self.now)
        self.rows += self.transcript.stepped(state, self.now, decision)
        for tick in range(self.drive.stream.ticks):
            before = self.drive.stream.command
            command = self.drive.tick()
            self.rows += self.transcript.ticked(command)
            self.driver.take((command - before) / TICK, self.now)
            if self.reckoning is not None:
                self.reckoning.sent(command - before, self.now)
            self.ways.append(command - before)
            self.commands.append(command)
            self.now += TICK * (1.0 + skips(tick))
        return decision

    def violations(self):
        """Of what leaves: velocities, accelerations and jerks; and of the commands' positions."""
        rates = np.concatenate([np.zeros((3, 6)), np.cumsum(self.ways, axis=0)])
        commands = np.array(self.commands)
        outside = (commands < LIMITS.low - 1e-9) | (commands > LIMITS.high + 1e-9)
        return count_violations(rates[:, None], NOWHERE, TICK) + int(outside.sum())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.002, 0.02, 0.1]), st.sampled_from([1.0, 10.0, 45.0]))
def test_whatever_ticks_are_skipped_the_commands_are_where_the_driver_is(reach, seed, share, longest):
    rng = np.random.default_rng(seed)
    run = Run(reach, drawn=np.inf)
    for _ in range(50):
        decision = run.period(lambda tick: rng.uniform(0.0, longest) if rng.random() < share else 0.0)
        assert decision.mode[0] == "ACTIVE", decision.cause
    assert run.violations() == 0
    assert np.abs(run.off).max() < 1e-9 < 1e-2 < np.abs(run.driver.q - UR5E.home).max()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1e-3, 0.1, 1.0, 10.0]))
def test_whatever_they_are_moved_by_no_bound_is_left(reach, seed, size):
    """Of what is sent, and of the positions at the driver's rate; rates go on as if nothing had been moved."""
    rng = np.random.default_rng(seed)
    run = Run(reach, reckons=False)
    for k in range(40):
        if k == 20:
            run.start(LEFT)
        if rng.random() < 0.4:
            stream, before = run.drive.stream, run.drive.stream.command
            rates = stream.velocity, stream.acceleration
            offset = rng.uniform(-size, size, 6)
            moved = run.drive.rebase(offset)
            np.testing.assert_allclose(stream.command - before, moved, atol=1e-12)
            np.testing.assert_allclose((stream.velocity, stream.acceleration), rates, atol=1e-8)
            assert (np.abs(moved) <= np.abs(offset) + 1e-12).all() and (moved * offset >= 0.0).all()
            run.driver.q = run.driver.q + moved
        run.period()
    assert run.violations() == 0


def test_what_was_moved_once_is_given_back_bit_for_bit_by_a_replay(reach):
    rng = np.random.default_rng(3)
    run = Run(reach, scale=1.05, delay=0.02)
    for k in range(60):
        if k == 40:
            run.start(LEFT)
        run.period(lambda tick: rng.uniform(0.0, 20.0) if rng.random() < 0.03 else 0.0)
    rows = [(topic, {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in row.items()})
            for topic, row in run.rows]
    found = replay(rows, lambda rate: Drive(reach, rate))
    assert (found.steps, found.equal, found.skipped) == (60, 60 * 21, 0)
    moved = [row for _, row in rows if row.get("call") == "rebase"]
    assert len(moved) == 60
    moved[30]["offset"][1] += 1e-9
    assert replay(rows, lambda rate: Drive(reach, rate)).different > 500


def shuttle(run, periods, skips=lambda tick: 0.0, turn=60):
    """From one side to the other and back; the decisions' causes of a stop."""
    for k in range(periods):
        if k % turn == 0:
            run.start(LEFT if k // turn % 2 else RIGHT)
        decision = run.period(skips)
        if decision.mode[0] == "STOP":
            return str(decision.cause[0])
    return ""


@pytest.mark.parametrize("driver", [
    {"drift": 0.006}, {"scale": 1.03, "delay": 0.03}, {"scale": 0.95, "delay": 0.1},
    {"scale": 1.03, "drift": -0.004, "delay": 0.06}, {"delay": 0.15}])
def test_errors_of_the_driver_do_not_add_up(reach, driver):
    run = Run(reach, **driver)
    assert shuttle(run, 900) == "" and run.violations() == 0
    early, late = np.abs(run.off[:240]).max(), np.abs(run.off[660:]).max()
    assert late < 0.1 and late < 1.1 * early


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.15])
def test_a_dead_time_is_learnt_and_taken_for_no_error(reach, delay):
    run = Run(reach, delay=delay)
    assert shuttle(run, 600) == ""
    assert run.reckoning.delay == pytest.approx(delay, abs=0.005)
    assert np.abs(run.off[480:]).max() < 0.005


def test_without_reckoning_they_do(reach):
    assert "does not follow" in shuttle(Run(reach, reckons=False, drift=0.015), 900)
    skips = np.random.default_rng(0)
    run = Run(reach, reckons=False)
    assert "off where it was told to be" in shuttle(
        run, 900, lambda tick: 20.0 if run.ways[-1][0] > 1e-3 and skips.random() < 0.02 else 0.0)
    skips = np.random.default_rng(0)
    run = Run(reach)
    assert shuttle(run, 900, lambda tick: 20.0 if run.ways[-1][0] > 1e-3 and skips.random() < 0.02 else 0.0) == ""


@pytest.mark.parametrize("joint", [0, 1])
@pytest.mark.parametrize("speed", [1.0, 0.1, 0.03])
def test_a_blocked_joint_still_stops_the_robot(reach, joint, speed):
    run = Run(reach, blocked=joint)
    run.drive.set_speed(speed)
    assert f"{UR5E.joint_names[joint]} does not follow" in shuttle(run, 900, turn=900)


def test_misuse_is_said(reach, tmp_path):
    with pytest.raises(BadInputError, match="rebased before it was started"):
        Drive(reach, 500.0).rebase(np.zeros(6))
    for offset in (np.full(6, np.nan), np.zeros(5)):
        with pytest.raises(BadInputError, match=r"expected a finite offset of shape \(1, 6\)"):
            Run(reach).drive.rebase(offset)
    hover = load_bundle(write_policy(tmp_path / "hover.s2r", "crazyflie", "hover"))
    drive, state = Drive(hover, 100.0), VelocityDriver(np.zeros(0)).measured(0.0)
    drive.start(state, np.array([0.0, 0.0, 1.0, 0.0]), 0.0)
    with pytest.raises(BadInputError, match="a drone's commands cannot be rebased"):
        drive.rebase(np.zeros(4))
