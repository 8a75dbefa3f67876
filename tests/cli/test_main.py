"""The command line's frame: help, versions, unknown verbs, exit codes, and how little it imports."""

import errno
import importlib
import json
import subprocess
import sys
import types

import pytest

import sim2real
from sim2real import cli
from sim2real.errors import BadInputError, DeploymentError

HEAVY = ("numpy", "yaml", "pydantic", "rich", "torch", "mujoco", "pybullet", "gymnasium", "rclpy", "onnxruntime")


@pytest.fixture
def verb(monkeypatch):
    """Make a verb ``probe`` that runs the given function."""
    def install(run):
        module = types.SimpleNamespace(NAME="probe", HELP="", run=run,
                                       configure=lambda parser: parser.add_argument("--number", type=int))
        monkeypatch.setitem(cli.VERBS, "probe", "")
        monkeypatch.setitem(sys.modules, "sim2real.cli.probe", module)

    return install


def test_help_names_every_verb(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in cli.VERBS)
    assert len(out.splitlines()) <= 40


def test_nothing_said_is_bad_input_and_shows_help(capsys):
    assert cli.main([]) == 2
    assert "verbs:" in capsys.readouterr().out


def test_version(run_cli):
    assert run_cli("--version") == (0, f"sim2real {sim2real.__version__}\n", "")


@pytest.mark.parametrize("name", sorted(cli.VERBS))
def test_each_verb_is_a_module_with_help_on_a_screen(name, capsys):
    parser, module = cli.verb_parser(name)
    assert module.NAME == name
    assert module.HELP and "\n" not in module.HELP
    text = parser.format_help()
    assert len(text.splitlines()) <= 60
    assert parser.description and parser.prog == f"sim2real {name}"


@pytest.mark.parametrize(("given", "hint"), [("evalute", "did you mean evaluate"), ("zzz", "known: adapt, demo")])
def test_unknown_verb(given, hint, capsys):
    assert cli.main([given]) == 2
    err = capsys.readouterr().err
    assert hint in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["--number", "three"], ["--nonsense"], ["--number"]])
def test_bad_arguments_are_one_line_and_exit_2(verb, arguments, capsys):
    verb(lambda args: 0)
    with pytest.raises(SystemExit) as stop:
        cli.main(["probe", *arguments])
    err = capsys.readouterr().err
    assert stop.value.code == 2
    assert len(err.splitlines()) == 1 and "sim2real probe --help" in err


def _raise(error):
    raise error


@pytest.mark.parametrize(("error", "code", "text"), [
    (BadInputError("no robot 'x'\n  anywhere"), 2, "no robot 'x' anywhere"),
    (DeploymentError("no driver"), 1, "no driver"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (OSError(errno.ENOSPC, "No space left on device", "/runs/model.pt"), 1, "the disk is full: /runs/model.pt"),
    (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "Permission denied: /x"),
    (ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"), 1, "pip install 'sim2real[train]'"),
    (ModuleNotFoundError("No module named 'nowhere'", name="nowhere"), 1, "nowhere"),
    (ZeroDivisionError("division by zero"), 1, "unexpected ZeroDivisionError: division by zero"),
    (MemoryError(), 1, "out of memory"),
])
def test_an_error_is_one_line_with_its_exit_code(verb, error, code, text, capsys, monkeypatch):
    monkeypatch.delenv("SIM2REAL_DEBUG", raising=False)
    verb(lambda args: _raise(error))
    assert cli.main(["probe"]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("sim2real: error: ") and text in captured.err
    assert len(captured.err.splitlines()) == 1 and captured.out == ""


def test_a_verb_that_needs_several_packages_names_the_extra_with_all_of_them():
    error = ModuleNotFoundError("No module named 'gymnasium'", name="gymnasium")
    assert "'sim2real[mujoco]'" in cli._missing_module(error, "evaluate")
    assert "'sim2real[train]'" in cli._missing_module(error, "train")
    assert "'sim2real[all]'" in cli._missing_module(error, "demo")


def test_debug_shows_where_it_came_from(verb, capsys, monkeypatch):
    monkeypatch.setenv("SIM2REAL_DEBUG", "1")
    verb(lambda args: _raise(ZeroDivisionError("division by zero")))
    assert cli.main(["probe"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_verbs_exit_code_is_passed_on(verb):
    verb(lambda args: args.number)
    assert cli.main(["probe", "--number", "3"]) == 3


def test_a_reader_that_goes_away_is_not_an_error(root):
    command = f"{sys.executable} -m sim2real --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] in ("0", "141")
    assert done.stderr == ""


@pytest.mark.parametrize("code", ["import sim2real", "from sim2real.cli import main\ntry: main(['--help'])\n"
                                  "except SystemExit: pass", "from sim2real.cli import main; main(['nonsense'])"])
def test_importing_and_help_load_nothing_heavy(code, root):
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert not set(HEAVY) & set(loaded)
    assert len([name for name in loaded if name.startswith("sim2real")]) <= 6


@pytest.mark.parametrize("name", sorted(cli.VERBS))
def test_a_verbs_module_imports_nothing_heavy_by_itself(name, root):
    script = f"import sim2real.cli.{name}, sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(done.stdout))


def test_a_verb_named_like_a_builtin_does_not_break_the_next_call(capsys):
    cli.verb_parser("list")
    assert cli.main(["nonsense"]) == 2


def test_python_m_is_the_same_command():
    assert importlib.import_module("sim2real.__main__").main is cli.main


def test_extras_named_in_hints_exist(root):
    setup = (root / "setup.py").read_text()
    assert all(f'"{extra}":' in setup for extra in set(cli.EXTRAS.values()))
