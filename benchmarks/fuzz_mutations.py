"""Ways to damage bytes, trees of data and words; all of a random generator, so that each can be repeated."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

NUMBERS = [0.0, -0.0, 1.0, -1.0, 1e-320, 1e-12, 1e6, 1e18, 1e300, 1.7e308, -1.7e308, 3.4e38, 4e38, float("nan"),
           float("inf"), float("-inf"), 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64, -2**63, 10**400, 0.3, 57.3, 400]
WORDS = ["", " ", "\x00", "nan", "inf", "-1", "1e999", "../../etc/passwd", "/etc/passwd", "file:///etc/passwd",
         "${HOME}", "$(touch executed)", "__import__('os').system('touch executed')",
         "!!python/object/apply:os.system [touch executed]",
         "cos\nsystem\n(S'touch executed'\ntR.", "\u202e", "\ud7ff", "ä" * 300, "a" * 100_000, "{0.__class__}", "%s%n",
         "<!ENTITY x SYSTEM 'file:///etc/passwd'>", "&x;", "1 deg", "-5 Hz", "0 s", "1e30 rad/s"]
FLOATS = [value for value in NUMBERS if isinstance(value, float)]


def pick(rng: np.random.Generator, values: Any) -> Any:
    """One of several."""
    return values[int(rng.integers(len(values)))]


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """The bytes cut off, with bits flipped, or with parts overwritten, repeated, removed, inserted or swapped."""
    out = bytearray(data)
    for _ in range(int(rng.choice([1, 1, 1, 2, 4, 16]))):
        if not out:
            break
        at = int(rng.integers(len(out)))
        size = int(min(rng.choice([1, 1, 2, 4, 8, 64, 1024]), len(out) - at))
        way = int(rng.integers(8))
        if way == 0:
            del out[at:]
        elif way in (1, 2):
            out[at] ^= 1 << int(rng.integers(8))
        elif way == 3:
            out[at:at + size] = rng.bytes(size)
        elif way == 4:  # a length field that lies
            out[at:at + size] = pick(rng, [b"\xff", b"\x00", b"\x7f", b"\x80"]) * size
        elif way == 5:
            out[at:at] = out[at:at + size]
        elif way == 6:
            del out[at:at + size]
        else:
            out[at:at] = rng.bytes(size)
    return bytes(out)


def hostile(rng: np.random.Generator, value: Any = None) -> Any:
    """Something else in the place of ``value``, often of its own kind."""
    way = int(rng.integers(10))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and way < 7:
        scaled = [value * factor for factor in (1e6, 1.0 + 1e-9, 1e-6, 0.5)] if abs(value) < 1e300 else []
        return pick(rng, [*NUMBERS, *scaled, -value, value * 2])
    if isinstance(value, str) and way < 6:
        return pick(rng, [*WORDS, value + " ", value.upper(), value[:-1], value * 50])
    if isinstance(value, list) and way < 6:
        return pick(rng, [[], value[:-1], value + value[-1:], value[::-1], value * 100, [value], [hostile(rng)] * 7])
    return pick(rng, [None, True, False, [], {}, [[]], [[[[0]]]], {"a": 1}, *NUMBERS, *WORDS])


def places(tree: Any) -> list[tuple[Any, Any]]:
    """(container, key) of everything inside a tree of lists and mappings."""
    found = []
    stack = [tree]
    while stack:
        node = stack.pop()
        keys = node.keys() if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in list(keys):
            found.append((node, key))
            stack.append(node[key])
    return found


def changed_tree(rng: np.random.Generator, tree: Any, times: int | None = None) -> Any:
    """The tree with a few values replaced, removed, added or exchanged."""
    tree = copy.deepcopy(tree)
    for _ in range(times or int(rng.choice([1, 1, 1, 2, 3, 8]))):
        all_places = places(tree)
        if not all_places:
            break
        node, key = pick(rng, all_places)
        way = int(rng.integers(10))
        if way == 0:
            del node[key]
        elif way == 1 and isinstance(node, dict):
            node[pick(rng, WORDS)] = hostile(rng)
        elif way == 2:
            other, its = pick(rng, all_places)
            if its in (other.keys() if isinstance(other, dict) else range(len(other))):
                node[key] = copy.deepcopy(other[its])
        else:
            node[key] = hostile(rng, node[key])
    return tree
