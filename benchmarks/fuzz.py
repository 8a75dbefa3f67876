"""10 000 damaged, hostile and random inputs: nothing crashes, nothing is executed, no command is unsafe.

    python -m benchmarks.fuzz --json
    python -m benchmarks.fuzz --count 300 --seed 5
    python -m benchmarks.fuzz --only "bundle network" --first 412 --count 1       # one finding again

Every kind of input (``fuzz_targets``, ``fuzz_messages``, ``fuzz_files``) runs in child processes, so that a crash of C
code is counted and the rest goes on. A child has a limit of memory and a hook that hears of everything the interpreter
executes, opens or connects to. An input counts as

- refused: a ``Sim2RealError`` of one line
- accepted: no error, and every command that it led to was finite and inside the bounds at the driver's rate
- crash: any other exception, a signal, no end within 30 s, or more memory than the limit
- unsafe: a command outside the bounds, or a network let through that should not be
- executed: code, processes, sockets, or files outside the child's folder

Each input depends on (seed, kind, number) alone; messages also on what came before them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import subprocess
import sys
import sysconfig
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODULES = ("benchmarks.fuzz_targets", "benchmarks.fuzz_messages", "benchmarks.fuzz_files",
           "benchmarks.fuzz_encoders", "benchmarks.fuzz_identifiers")
COUNT = 10_000
OUTCOMES = ("refused", "accepted", "crash", "unsafe", "executed")
_PATIENCE = 30.0  # [s] for one input
_START = 120.0  # [s] for a child to load its libraries
_MEMORY = 2 << 30  # bytes beyond what a child has when it begins
_LONGEST = 5000  # characters of a message
_WARM = 10  # inputs of a kind that load what is loaded late, before the hook listens


# ------------------------------------------------------------------------------------------------- the child
def kinds(modules: tuple[str, ...]) -> dict[str, tuple[Callable[..., bool], int]]:
    """Targets and shares by name."""
    import importlib

    return {name: kind for module in modules for name, kind in importlib.import_module(module).KINDS.items()}


class Hook:
    """Hears what the interpreter does: ``heard`` is what an input must not make it do."""

    _ALWAYS = ("pickle.find_class", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn",
               "subprocess.Popen", "pty.spawn", "ctypes.dlopen", "socket.connect", "socket.bind", "urllib.Request",
               "os.kill")
    _ON_FILES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate")

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.listening = False
        paths = sysconfig.get_paths()
        self._ours = tuple(map(os.path.realpath, {ROOT, paths["stdlib"], paths["purelib"], sys.prefix,
                                                  sys.base_prefix}))
        self._free = (os.path.realpath("."), *self._ours, "/proc/", "/sys/", "/dev/", "/usr/")
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple) -> None:
        if not self.listening:
            return
        if event.startswith(self._ALWAYS):
            self.heard.append(f"{event} {arguments!r}"[:200])
        elif event == "exec" and not self._of_a_module(arguments[0].co_filename):
            self.heard.append(f"exec {arguments[0].co_filename} {arguments[0].co_name}"[:200])
        elif event in self._ON_FILES or (event == "open" and isinstance(arguments[0], (str, bytes))):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            reads = event == "open" and not any(letter in (arguments[1] or "") for letter in "wax+")
            if not path.startswith(self._free if reads else self._free[:1]):
                self.heard.append(f"{event} {path}"[:200])

    def _of_a_module(self, file: str) -> bool:
        """Whether code is that of a module that is imported late, or made by it, and not of data."""
        if file.startswith("<frozen") or os.path.realpath(file).startswith(self._ours):
            return True
        frame: Any = sys._getframe(2)
        while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        return frame is not None


def child(plan: list[tuple[str, int, int]], seed: int, modules: tuple[str, ...], memory: int, warm: int) -> None:
    """Run inputs ``first`` to ``first + count - 1`` of each kind; one JSON line when each begins and when it ends."""
    import numpy as np

    def generator(kind: str, number: int) -> np.random.Generator:
        return np.random.default_rng([seed, zlib.crc32(kind.encode()), number])

    def say(**row: Any) -> None:
        os.write(output, json.dumps(row).encode() + b"\n")

    output = os.dup(1)
    os.dup2(2, 1)  # libraries that print must not disturb
    targets, hook = kinds(modules), Hook()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    for kind, first, count in plan:
        target = targets[kind][0]
        for number in range(warm):  # what is imported late is so before the hook listens
            judge(target, generator(kind, 2**31 + number), None)
            say(kind=kind)
        for number in range(first, first + count):
            say(kind=kind, begin=number)
            outcome, what = judge(target, generator(kind, number), hook)
            say(kind=kind, end=number, outcome=outcome, what=what)


def judge(target: Callable[..., bool], rng: Any, hook: Hook | None) -> tuple[str, str]:
    """What came of one input, and why where it should not have."""
    from benchmarks.fuzz_targets import Unsafe
    from sim2real.errors import Sim2RealError

    if hook is not None:
        hook.heard.clear()
        hook.listening = True
    try:
        outcome, what = ("accepted", "") if target(rng) else ("refused", "")
    except Sim2RealError as error:
        outcome, what = "refused", ""
        if "\n" in str(error) or len(str(error)) > _LONGEST:
            outcome = "crash"
            what = f"its message has line breaks or {len(str(error))} characters: {str(error)[:100]!r}"
    except Unsafe as error:
        outcome, what = "unsafe", str(error)
    except MemoryError as error:
        outcome, what = "crash", f"memory: {error} at {_where(error)}"
    except Exception as error:
        outcome, what = "crash", f"{type(error).__name__}: {' '.join(str(error).split())[:300]} at {_where(error)}"
    if hook is not None:
        hook.listening = False
        if hook.heard or Path("executed").exists():
            outcome, what = "executed", "; ".join(hook.heard) or "a canary was written"
            Path("executed").unlink(missing_ok=True)
    return outcome, what


def _where(error: BaseException) -> str:
    """The last place of ours that an exception came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-3:])


# ------------------------------------------------------------------------------------------------- the parent
def run_plan(plan: list[tuple[str, int, int]], seed: int, modules: tuple[str, ...] = MODULES, *,
             patience: float = _PATIENCE, memory: int = _MEMORY, warm: int = _WARM,
             progress: Callable[[str], None] = lambda _: None
             ) -> tuple[dict[str, dict[str, int]], list[dict[str, Any]]]:
    """Counts of outcomes by kind, and what was found, of ``count`` inputs of each kind from number ``first`` on."""
    rows = {kind: dict.fromkeys(OUTCOMES, 0) for kind, _, _ in plan}
    findings: list[dict[str, Any]] = []

    def note(kind: str, number: int, outcome: str, what: str) -> None:
        rows[kind][outcome] += 1
        if what:
            findings.append({"kind": kind, "number": number, "outcome": outcome, "what": what})

    while plan:
        done = _Child(plan, seed, modules, patience, memory, warm).run(note, progress)
        plan = _rest(plan, *done) if done else []
    return rows, findings


def _rest(plan: list[tuple[str, int, int]], kind: str, number: int) -> list[tuple[str, int, int]]:
    """What is left of a plan after input ``number`` of a kind."""
    at = next(i for i, entry in enumerate(plan) if entry[0] == kind)
    _, first, count = plan[at]
    left = first + count - number - 1
    return [*([(kind, number + 1, left)] if left else []), *plan[at + 1:]]


class _Child:
    """A process that works on a plan, and its patient parent."""

    def __init__(self, plan: list[tuple[str, int, int]], seed: int, modules: tuple[str, ...], patience: float,
                 memory: int, warm: int):
        self._command = [sys.executable, "-m", "benchmarks.fuzz", "--child", json.dumps(plan), "--seed", str(seed),
                         "--modules", ",".join(modules), "--memory", str(memory), "--warm", str(warm)]
        self._patience = patience

    def run(self, note: Callable[[str, int, str, str], None], progress: Callable[[str], None]
            ) -> tuple[str, int] | None:
        """Kind and number of the input that ended the process, None where it came to the plan's end."""
        with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "errors", "w+b") as errors:
            process = subprocess.Popen(self._command, cwd=folder, stdout=subprocess.PIPE, stderr=errors,
                                       env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
            running, late = self._listen(process, note, progress)
            code = process.wait()
            errors.seek(0)
            last = " ".join(errors.read().decode(errors="replace")[-2000:].split())[-300:]
        if running is not None:
            note(*running, "crash", f"no end within {self._patience:g} s" if late else
                 f"the process ended with {code}: {last}")
        elif code != 0:
            raise RuntimeError(f"the child that fuzzes ended with {code}, by no input's fault: {last}")
        return running

    def _listen(self, process: subprocess.Popen, note: Callable[[str, int, str, str], None],
                progress: Callable[[str], None]) -> tuple[tuple[str, int] | None, bool]:
        """What was running when the process ended, and whether it was too late."""
        assert process.stdout is not None
        running, late, buffer, told, heard = None, False, b"", "", time.monotonic()
        while True:
            wait = (self._patience if running else _START) - (time.monotonic() - heard)
            if not late and (wait <= 0.0 or not select.select([process.stdout], [], [], wait)[0]):
                late = True
                process.kill()
            data = os.read(process.stdout.fileno(), 1 << 16)
            if not data:
                process.stdout.close()
                return running, late
            *lines, buffer = (buffer + data).split(b"\n")
            heard = time.monotonic()
            for row in map(json.loads, lines):
                running = (row["kind"], row["begin"]) if "begin" in row else None
                if "end" in row:
                    note(row["kind"], row["end"], row["outcome"], row["what"])
                if row["kind"] != told:
                    told = row["kind"]
                    progress(told)


def run(count: int, seed: int, only: str | None = None, first: int = 0, *, warm: int = _WARM,
        progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """The whole table: ``count`` inputs, shared among the kinds, or all of the kind ``only``."""
    begin = time.monotonic()
    shares = {only: 1} if only else {name: share for name, (_, share) in kinds(MODULES).items()}
    whole = sum(shares.values())
    plan = [(name, first, max(1, round(count * share / whole))) for name, share in shares.items()]
    rows, findings = run_plan(plan, seed, warm=warm, progress=progress)
    sums = {outcome: sum(row[outcome] for row in rows.values()) for outcome in OUTCOMES}
    return {"total": sum(sums.values()), "seed": seed, "seconds": round(time.monotonic() - begin, 1), **sums,
            "passed": not any(sums[outcome] for outcome in OUTCOMES[2:]), "kinds": rows, "findings": findings}


def main() -> int:
    """Run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=COUNT, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--only", metavar="KIND", help="one kind of input")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first input")
    parser.add_argument("--json", action="store_true")
    for name, kind, default in (("--child", str, None), ("--modules", str, ""), ("--memory", int, _MEMORY),
                                ("--warm", int, _WARM)):
        parser.add_argument(name, type=kind, default=default, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(json.loads(args.child), args.seed, tuple(args.modules.split(",")), args.memory, args.warm)
        return 0
    if args.only and args.only not in kinds(MODULES):
        parser.error(f"unknown kind {args.only!r}; known: {', '.join(kinds(MODULES))}")
    table = run(args.count, args.seed, args.only, args.first, warm=args.warm,
                progress=lambda kind: print(f"{time.strftime('%H:%M:%S')} {kind}", file=sys.stderr, flush=True))
    if args.json:
        print(json.dumps(table))
        return 0 if table["passed"] else 1
    for name, row in table["kinds"].items():
        print(f"{name:<18}" + "".join(f"{row[outcome]:>7} {outcome}" for outcome in OUTCOMES))
    for finding in table["findings"]:
        print(f"{finding['kind']} {finding['number']}: {finding['outcome']}: {finding['what']}")
    print(f"{table['total']} inputs in {table['seconds']:g} s: {table['crash']} crashes, {table['unsafe']} unsafe, "
          f"{table['executed']} executed")
    return 0 if table["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
