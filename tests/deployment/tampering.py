"""Files as an attacker or a bad disk leaves them."""

from __future__ import annotations

import hashlib
import json
import os
import pickle

import numpy as np

from sim2real.deployment.archive import pack, unpack
from sim2real.deployment.manifest import Manifest


def resealed(source, target, change, kind=Manifest):
    """``target``: the file ``source`` that ``change(members, manifest)`` altered and sealed again, as somebody does who
    knows how; ``kind`` is that of its manifest."""
    members = unpack(source.read_bytes())
    raw = json.loads(members.pop("manifest.json"))
    change(members, raw)
    raw["members"] = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    target.write_bytes(pack({"manifest.json": kind.model_validate(raw).sealed().to_bytes(), **members}))
    return target


def damaged(data, count=200):
    """``count`` versions of ``data``: cut off, with a bit flipped, or with 50 bytes of noise in it."""
    rng = np.random.default_rng(0)
    for i in range(count):
        changed = bytearray(data)
        if i % 4 == 0:
            changed = changed[:int(rng.integers(len(data)))]
        elif i % 4 == 3:
            at = int(rng.integers(len(data) - 100))
            changed[at:at + 50] = rng.bytes(50)
        else:
            changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        yield bytes(changed)


class _Bomb:
    def __init__(self, canary):
        self._canary = str(canary)

    def __reduce__(self):
        return os.system, (f"touch {self._canary}",)


def bomb(canary):
    """A pickle that leaves the file ``canary`` behind if anybody opens it."""
    return pickle.dumps(_Bomb(canary))
