"""The command line: one module a verb, imported only when that verb runs.

A verb's module has ``NAME``, ``HELP``, ``configure(parser)`` and ``run(args) -> exit code``. Exit codes: 0 done,
1 the world failed, 2 bad input, 130 interrupted; errors are one line on standard error. ``SIM2REAL_DEBUG=1`` shows
where an error came from.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from sim2real import __version__
from sim2real.errors import Sim2RealError, unknown

# Kept here, not read from the modules, so that help imports none of them.
VERBS = {
    "list": "robots, tasks, engines, parameters and faults that there are",
    "doctor": "what works on this machine, and how to mend what does not",
    "show": "draw randomized frames of a scene as one picture",
    "train": "train a policy in simulation, randomized by default",
    "perceive": "train an encoder that sees where a block is, on rendered images alone",
    "adapt": "align simulated with real images: an encoder (.s2r) that sees both alike",
    "evaluate": "run a bundle or an encoder zero-shot on twins and report success, errors and failures",
    "export": "turn a training run into a policy bundle (.s2r)",
    "verify": "check a bundle's hashes, golden vectors and robot; also an encoder's",
    "twin": "simulate a robot's driver as a ROS 2 node",
    "deploy": "run a policy bundle as a ROS 2 node",
    "guard": "stop the robot when the policy's process dies or hangs",
    "security": "write the SROS2 policy of a robot's runner, guard, twin and operator",
    "replay": "run a log's inputs through its bundle again and compare every command",
    "excite": "plan a safe, informative motion of an arm for its identification, or check one",
    "logs": "read logs of robots, and say what is wrong with them",
    "identify": "fit parameters to logs of a robot, and hand back narrower ranges",
    "loop": "close the loop sim -> robot -> identification -> sim on a twin",
    "demo": "the whole job: train, export, evaluate on twins, run over ROS 2",
}
# Third-party module -> the extra that brings it; what is not here belongs to the base.
EXTRAS = {
    "torch": "train", "stable_baselines3": "train", "tensorboard": "train", "onnx": "train", "mujoco": "mujoco",
    "gymnasium": "mujoco", "pybullet": "pybullet", "pybullet_data": "pybullet", "rclpy": "ros",
    "onnxruntime": "deploy", "mcap": "deploy", "matplotlib": "plots", "PIL": "plots", "cv2": "cameras",
    "scipy": "identify", "cma": "identify", "sbi": "identify", "rosbags": "identify",
}
# Verbs that need more than the one module that happened to be missing first.
VERB_EXTRAS = {"train": "train", "loop": "all", "perceive": "all", "export": "train", "demo": "all",
               "adapt": "train,plots,cameras", "excite": "all"}
_EXAMPLES = """examples:
  sim2real doctor
  sim2real train ur5e-reach --seed 1
  sim2real evaluate policy.s2r --engine pybullet --episodes 200
  sim2real deploy policy.s2r --robot ur5e
"""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line that says where to read on."""

    def error(self, message: str) -> None:
        self.exit(2, f"{self.prog}: error: {one_line(message)}; see {self.prog} --help\n")


def one_line(text: object) -> str:
    """The text without line breaks and runs of blanks."""
    return " ".join(str(text).split())


def verb_parser(verb: str) -> tuple[argparse.ArgumentParser, ModuleType]:
    """The parser of one verb, and its module."""
    module = importlib.import_module(f"sim2real.cli.{verb}")
    parser = _Parser(prog=f"sim2real {verb}", description=VERBS[verb],
                     formatter_class=argparse.RawDescriptionHelpFormatter)
    module.configure(parser)
    return parser, module


def main_parser() -> argparse.ArgumentParser:
    """The parser of what stands before the verb."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {text}" for name, text in VERBS.items())
    parser = _Parser(
        prog="sim2real", usage="sim2real VERB [options]", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Train a policy in one simulator, prove it in another, run it on the real robot over ROS 2.",
        epilog=f"verbs:\n{verbs}\n\n{_EXAMPLES}\nsim2real VERB --help explains a verb.")
    parser.add_argument("--version", action="version", version=f"sim2real {__version__}")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    argv = [*(sys.argv[1:] if argv is None else argv)]  # not list(): once imported, that is our verb's module here
    try:
        code = _dispatch(argv)
        if sys.stdout is not None:  # closed by the caller
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _fail("interrupted", 130, None)
    except BrokenPipeError:  # the reader (head, less) went away: not worth a word
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Sim2RealError as error:
        return _fail(one_line(error), error.exit_code, error)
    except ModuleNotFoundError as error:
        return _fail(_missing_module(error, argv[0]), 1, error)
    except OSError as error:
        return _fail(_os_error(error), 1, error)
    except MemoryError as error:
        return _fail("out of memory; use fewer simulations", 1, error)
    except Exception as error:
        text = one_line(error) or "no message"
        return _fail(f"unexpected {type(error).__name__}: {text}; SIM2REAL_DEBUG=1 shows where", 1, error)


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0].startswith("-"):
        parser = main_parser()
        parser.parse_args(argv)
        parser.print_help()
        return 0 if argv else 2
    verb = argv[0]
    if verb == "help":
        return _dispatch([*argv[1:2], "--help"])
    if verb not in VERBS:
        return _fail(f"{unknown('verb', verb, VERBS)}; see sim2real --help", 2, None)
    parser, module = verb_parser(verb)
    return int(module.run(parser.parse_args(argv[1:])) or 0)


def _fail(message: str, code: int, error: BaseException | None) -> int:
    """Say what failed in one line; with SIM2REAL_DEBUG=1 also where."""
    if error is not None and os.environ.get("SIM2REAL_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    print(f"sim2real: error: {message}", file=sys.stderr)
    return code


def _missing_module(error: ModuleNotFoundError, verb: str) -> str:
    package = (error.name or "").split(".")[0]
    if package in EXTRAS:
        extra = VERB_EXTRAS.get(verb, EXTRAS[package])
        return f"this needs the package {package}: pip install 'sim2real[{extra}]'"
    return f"this needs the Python module {error.name}, which is not installed; sim2real doctor says what is"


def _os_error(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}; free some space and run the command again"
    return f"{error.strerror or one_line(error)}{where}"
