"""What a runner decides, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ACTIVE, HOLD, STOP = "ACTIVE", "HOLD", "STOP"
HOLD_AGE = 0.1  # [s]: MoveIt Servo's limit for a stale command
STOP_AGE = 0.5  # [s]: diff_drive_controller's timeout


@dataclass(frozen=True)
class Decision:
    """What one step of the runner says, for n robots.

    Attributes:
        command: Arms: joint positions [rad]; drones: thrust [N] and body rates [rad/s], shape (n, C). Always finite
            and inside the limits.
        mode: "ACTIVE": the policy's command. "HOLD": braking or at rest, ends by itself when the cause is gone.
            "STOP": the same, until ``Runner.reset``. Shape (n,).
        cause: Why a robot is not active, one sentence, "" if it is, shape (n,).
        age: Age of the state in [s], shape (n,); nan where its stamp is not finite.
        clipped: Whether the safety filter changed the command, shape (n,).
        saturated: Whether the policy's action was outside [-1, 1] and was clipped, shape (n,).
        estimate: The identifier's mean and deviation of each parameter in unit coordinates, (n, K) each; None where the
            bundle has no identifier, or it has seen nothing.
    """

    command: np.ndarray
    mode: np.ndarray
    cause: np.ndarray
    age: np.ndarray
    clipped: np.ndarray
    saturated: np.ndarray
    estimate: tuple[np.ndarray, np.ndarray] | None = None
