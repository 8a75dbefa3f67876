"""Units that are wrong by a factor, found by what the robot can do at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim2real.errors import BadInputError
from sim2real.recordings.recording import Recording
from sim2real.robots import RobotDescription

_BEYOND = 1.5  # times a limit: sensors and controllers overshoot, but not by so much
_FACTORS = {"rad": ("degrees", 180 / np.pi), "m": ("millimetres", 1e3), "N": ("grams", 1e3 / 9.81)}


def check_units(recording: Recording, robot: RobotDescription) -> None:
    """Compare a recording with what the robot can do.

    Raises:
        BadInputError: A channel that is in another unit by its values; names it and the likely unit.
    """
    for name, unit, most in _limits(robot):
        values = recording.channels.get(name)
        if values is None or not np.isfinite(values).any():
            continue
        largest = float(np.nanquantile(np.abs(values), 0.99))
        if largest > _BEYOND * most:
            why = f"its values reach {largest:.4g}, the robot's limit is {most:.4g} {unit}"
            raise _wrong(recording, name, unit, why)
    for joint in robot.joints:
        _compare(recording, f"command.{joint.name}", f"position.{joint.name}", np.ptp, "rad")
    for joint in robot.joints:
        _compare_rate(recording, joint.name)


def _limits(robot: RobotDescription) -> Iterator[tuple[str, str, float]]:
    """(channel, unit, largest value) of what the description limits."""
    for joint in robot.joints:
        reach = float(np.abs(joint.position).max())
        yield f"position.{joint.name}", "rad", reach
        yield f"command.{joint.name}", "rad", reach
        yield f"velocity.{joint.name}", "rad/s", 2.0 * joint.velocity
    if robot.rotors is not None:
        yield "command_thrust", "N", robot.rotors.max_thrust
        for axis, most in zip("xyz", robot.rotors.max_rate, strict=True):
            yield f"command_rate.{axis}", "rad/s", 2.0 * float(most)
            yield f"angular_velocity.{axis}", "rad/s", 5.0 * float(most)
        for part in "wxyz":
            yield f"quaternion.{part}", "1", 1.0


def _compare(recording: Recording, one: str, other: str, size, unit: str) -> None:
    """A set point and what follows it move by about as much, or one of the two is in another unit."""
    if one not in recording.channels or other not in recording.channels:
        return
    spans = [float(size(np.nanquantile(recording.channels[name], [0.02, 0.98]))) for name in (one, other)]
    _judge(recording, one, other, spans, unit)


def _compare_rate(recording: Recording, joint: str) -> None:
    """A velocity is what its position's differences say."""
    position, velocity = (recording.channels.get(f"{quantity}.{joint}") for quantity in ("position", "velocity"))
    if position is None or velocity is None or recording.rate == 0.0:
        return
    steps = max(1, round(0.05 * recording.rate))  # noise of single rows is no velocity
    rate = (position[steps:] - position[:-steps]) * recording.rate / steps
    if not np.isfinite(rate).any() or not np.isfinite(velocity).any():
        return
    spans = [float(np.nanquantile(np.abs(values), 0.9)) for values in (velocity, rate)]
    _judge(recording, f"velocity.{joint}", f"position.{joint}", spans, "rad")


def _judge(recording: Recording, one: str, other: str, spans: list[float], unit: str) -> None:
    if min(spans) <= 1e-3:
        return
    name, factor = _FACTORS[unit]
    ratio = spans[0] / spans[1]
    for wrong, fit in ((one, ratio / factor), (other, factor * ratio)):
        if 0.6 < fit < 1.6:
            raise _wrong(recording, wrong, unit, f"it moves {max(ratio, 1 / ratio):.3g} times as much as "
                                                 f"{other if wrong == one else one}")


def _wrong(recording: Recording, channel: str, unit: str, why: str) -> BadInputError:
    base = unit.split("/")[0]
    name = _FACTORS.get(base, ("another unit", 1.0))[0]
    return BadInputError(f"{recording.name}: {channel} is not in {unit}: {why}; it looks like {name}: give its unit in "
                         "the channel map (--channels)")
