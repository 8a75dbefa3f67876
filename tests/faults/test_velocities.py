"""Ticks that are skipped below a velocity interface, where the driver goes on meanwhile."""

from __future__ import annotations

import json
import signal
import time

import pytest

GOALS = [f"--goal=0.05,{y},0.3" for y in (-0.55, 0.55, -0.55, 0.55)]
PAUSE = 0.03  # [s]: ticks go by, but HOLD waits for 0.1 s
FAST = 0.5  # [rad/s]


@pytest.mark.fault(41, "CPU overloaded")
def test_skipped_ticks_do_not_lead_the_arm_away_from_its_commands(make_rig, reach_bundle):
    """Pauses whenever the first joint goes one way: what they add would never cancel out."""
    rig = make_rig(interface="forward_velocity")
    rig.twin()
    rig.guard("--timeout", 0.5)  # a busy machine may stretch a pause, which is not what is asked here
    node = rig.deploy(reach_bundle, "--require-guard", goals=GOALS)
    since, pauses, led = rig.moving(), 0, 0.0
    while node.poll() is None and {"FAULT", "INACTIVE"}.isdisjoint(rig.modes(since)):
        rig.spin(0.02)
        if (speed := rig.samples[-1].command[0]) > FAST:
            node.send_signal(signal.SIGSTOP)
            time.sleep(PAUSE)
            node.send_signal(signal.SIGCONT)
            pauses, led = pauses + 1, led + PAUSE * speed
    verdict = rig.verdict(since, rest_s=None)
    assert verdict.state in ("ACTIVE", "HOLD", "STOP") and verdict.over_bounds == 0.0, rig.causes(since)
    assert led > 0.35, (pauses, led)  # several times what tracking calls usual
    code, out, err = rig.end(node)
    row = json.loads(out)
    assert (code, row["reached"], row["limit_violations"]) == (0, len(GOALS), 0), err
