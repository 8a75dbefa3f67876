"""Fuzzed: encoders (``encoder.s2r``), and policy bundles with one in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.fuzz_mutations import changed_tree, damaged
from benchmarks.fuzz_networks import changed_network
from benchmarks.fuzz_targets import Target, Unsafe, good_bundle, load_and_drive, opened, sealed
from sim2real.deployment.encoder import GOLDEN, NETWORK, load_encoder, write_encoder
from sim2real.deployment.encoder_manifest import EncoderManifest
from sim2real.deployment.seeing import add_encoder
from sim2real.robots import load_robot

_WORDS = {"labels": ["block_x", "block_y"], "unit": "m"}


@cache
def good_encoder() -> bytes:
    """The bytes of a whole encoder of the UR5e's own camera."""
    from tests.deployment.hand_encoder import build_seeing_encoder

    build_seeing_encoder(Path("seed_encoder.s2r"), load_robot("ur5e"))
    return Path("seed_encoder.s2r").read_bytes()


@cache
def good_seeing() -> bytes:
    """The bytes of a policy with that encoder."""
    Path("seed_policy.s2r").write_bytes(good_bundle("ur5e"))
    Path("seed_encoder.s2r").write_bytes(good_encoder())
    add_encoder("seed_policy.s2r", load_encoder("seed_encoder.s2r"), "seed_seeing.s2r")
    return Path("seed_seeing.s2r").read_bytes()


def load_and_look(rng: np.random.Generator, data: bytes) -> bool:
    """Load the bytes as ``verify`` does, and look at noise with what came of them."""
    Path("fuzzed.s2r").write_bytes(data)
    file = load_encoder("fuzzed.s2r")
    encoder = file.encoder
    pictures = rng.integers(0, 256, (2, encoder.height, encoder.width, 3), dtype=np.uint8)
    try:
        shape = encoder(pictures).shape
    except Exception:  # the process of the camera says so, and the robot holds: tests/ros/vision/test_looking.py
        return True
    if shape != (2, len(file.manifest.encoder.labels)):
        raise Unsafe(f"an encoder gives {shape} for two pictures and {len(file.manifest.encoder.labels)} labels")
    return True


def encoder_bytes(rng: np.random.Generator) -> bool:
    """Whole encoders damaged anywhere, and policies with one."""
    if rng.integers(3) == 0:
        return load_and_drive(rng, damaged(rng, good_seeing()))
    return load_and_look(rng, damaged(rng, good_encoder()))


def encoder_manifest(rng: np.random.Generator) -> bool:
    """Valid JSON with hostile values, sealed; the golden vectors damaged now and then."""
    whole = rng.integers(3) == 0
    members, raw = opened(good_seeing() if whole else good_encoder())
    raw["encoder"] = changed_tree(rng, raw["encoder"])
    if rng.integers(4) == 0:
        members[GOLDEN] = damaged(rng, members[GOLDEN])
    if rng.integers(8) == 0:
        raw = changed_tree(rng, raw)
    raw = raw if isinstance(raw, dict) else {}
    return load_and_drive(rng, sealed(members, raw)) if whole else \
        load_and_look(rng, sealed(members, raw, EncoderManifest))


def encoder_network(rng: np.random.Generator) -> bool:
    """A hostile network, written by this package so that everything else fits."""
    write_encoder("written.s2r", changed_network(rng, opened(good_encoder())[0][NETWORK]), **_WORDS)
    return load_and_look(rng, Path("written.s2r").read_bytes())


KINDS: dict[str, tuple[Target, int]] = {
    "encoder bytes": (encoder_bytes, 600), "encoder manifest": (encoder_manifest, 300),
    "encoder network": (encoder_network, 300),
}
