"""Targets that do what fuzzing has to find, one each; the harness is tested on them."""

import ctypes
import os
import pickle
import socket
import time

from benchmarks.fuzz_targets import Bomb, Stream, Unsafe, good_bundle, load_bundle
from sim2real.errors import BadInputError


def refuses(rng):
    raise BadInputError("expected less, got more; give less")


class Rambling(BadInputError):
    """Has more than one line."""

    def __str__(self):
        return "two\nlines"


def rambles(rng):
    raise Rambling


def unpickles(rng):
    return bool(pickle.loads(pickle.dumps(Bomb())))


def executes(rng):
    exec("x = 1")


def shells(rng):
    return os.system("true") == 0


def connects(rng):
    socket.socket().connect_ex(("127.0.0.1", 9))


def reads(rng):
    with open("/etc/hostname") as file:
        return bool(file.read())


def writes(rng):
    with open("../outside", "w") as file:
        return bool(file.write("x"))


def writes_here(rng):
    with open("inside", "w") as file:
        return bool(file.write("x"))


def raises(rng):
    raise KeyError("nobody caught this")


def dies(rng):
    if rng.integers(2):
        os.abort()
    return True


def faults(rng):
    ctypes.string_at(0)


def hangs(rng):
    time.sleep(60.0)


def swells(rng):
    return len(bytes(1 << 30)) > 0


def jumps(rng):
    """A stream whose judge sees a command that was tampered with."""
    with open("planted.s2r", "wb") as file:
        file.write(good_bundle("ur5e"))
    stream = Stream(load_bundle("planted.s2r"))
    tick = stream.drive.tick
    stream.drive.tick = lambda: tick() + 1e-4 * rng.standard_normal()
    stream.step(stream.near_home(rng, 0.0))
    return True


def lets_through(rng):
    raise Unsafe("a network with external data was let through")


KINDS = {target.__name__: (target, 1) for target in (
    refuses, rambles, unpickles, executes, shells, connects, reads, writes, writes_here, raises, dies, faults, hangs,
    swells, jumps, lets_through)}
