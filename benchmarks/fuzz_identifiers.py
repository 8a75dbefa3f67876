"""Fuzzed: policy bundles with an identifier in them (``identifier.onnx``)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.fuzz_mutations import changed_tree, damaged
from benchmarks.fuzz_networks import changed_network
from benchmarks.fuzz_targets import Target, load_and_drive, opened, sealed
from sim2real.deployment.identifier import GOLDEN, GoldenSequence
from sim2real.deployment.identifier_network import NETWORK, Identifier
from sim2real.errors import BundleError


@cache
def good_identifying() -> bytes:
    """The bytes of a policy that listens to an identifier."""
    from tests.deployment.hand_identifier import identifying

    return identifying(Path("seed_identifying.s2r")).read_bytes()


def identifier_bytes(rng: np.random.Generator) -> bool:
    """Whole bundles damaged anywhere."""
    return load_and_drive(rng, damaged(rng, good_identifying()))


def identifier_manifest(rng: np.random.Generator) -> bool:
    """Valid JSON with hostile values, sealed; the golden vectors too, now and then."""
    members, raw = opened(good_identifying())
    raw["identifier"] = changed_tree(rng, raw["identifier"])
    if rng.integers(4) == 0:
        golden = changed_tree(rng, json.loads(members[GOLDEN]))
        members[GOLDEN] = json.dumps(golden, default=str).encode("utf-8", "replace")
    return load_and_drive(rng, sealed(members, raw))


def identifier_network(rng: np.random.Generator) -> bool:
    """A hostile network with golden vectors of its own, sealed."""
    members, raw = opened(good_identifying())
    members[NETWORK] = data = changed_network(rng, members[NETWORK])
    try:
        members[GOLDEN] = GoldenSequence.of(Identifier(data)).to_bytes()
    except BundleError:
        raise
    except Exception:  # it loads and cannot run: the old vectors stay, and the loader has to find out
        pass
    return load_and_drive(rng, sealed(members, raw))


KINDS: dict[str, tuple[Target, int]] = {
    "identifier bytes": (identifier_bytes, 400), "identifier manifest": (identifier_manifest, 300),
    "identifier network": (identifier_network, 300),
}
