"""Bundles that several test files share."""

from __future__ import annotations

import pytest

from sim2real.deployment.bundle import load_bundle
from tests.deployment.tiny_policy import build


@pytest.fixture(scope="session")
def arm_path(tmp_path_factory):
    """Path of a bundle for ur5e-reach."""
    return build(tmp_path_factory.mktemp("bundle") / "arm.s2r", seed=3, git_commit="abc")


@pytest.fixture(scope="session")
def arm_bundle(arm_path):
    """That bundle, loaded."""
    return load_bundle(arm_path)


@pytest.fixture(scope="session")
def drone_bundle(tmp_path_factory):
    """A bundle for crazyflie-hover."""
    return load_bundle(build(tmp_path_factory.mktemp("bundle") / "drone.s2r", "crazyflie-hover"))
