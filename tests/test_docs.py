"""Every command and snippet of the documentation is one that exists: commands are parsed, Python is run.

A fence after the line ``<!-- no-run -->`` is only parsed (it needs a robot, a trained policy or minutes). One after
``<!-- file: NAME -->`` is put into that file for the Python of its page.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim2real import cli
from sim2real.ros import launching

ROOT = Path(__file__).resolve().parents[1]
PAGES = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if path.is_file()]


@dataclass(frozen=True)
class Snippet:
    """A fenced block and where it stands."""

    page: str
    line: int
    language: str
    text: str
    run: bool
    file: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def snippets_of(path: Path) -> list[Snippet]:
    """All fenced blocks of a page."""
    found, lines, start = [], path.read_text(encoding="utf-8").splitlines(), None
    for number, line in enumerate(lines):
        if not line.lstrip().startswith("```"):
            continue
        if start is None:
            start = number
            continue
        language = lines[start].strip().strip("`").split()[:1]
        before = next((text for text in reversed(lines[:start]) if text.strip()), "")
        indent = len(lines[start]) - len(lines[start].lstrip())
        text = "\n".join(row[indent:] for row in lines[start + 1:number])
        found.append(Snippet(path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name, start + 1,
                             language[0] if language else "", text, "<!-- no-run -->" not in before,
                             "".join(re.findall(r"<!-- file: (\S+) -->", before))))
        start = None
    assert start is None, f"{path.name}:{start + 1}: a fence that is never closed"
    return found


def commands_of(text: str) -> list[list[str]]:
    """The commands of a shell snippet as words: continued lines joined, pipes and lists split."""
    commands = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line.strip().removeprefix("$ "), comments=True)
        command: list[str] = []
        for word in [*words, ";"]:
            if word in ("|", "&&", "||", ";", "&", ">", ">>", "2>"):
                commands.append(command)
                command = [] if word not in (">", ">>", "2>") else ["#file"]
            else:
                command.append(word)
    return [command for command in commands if command]


def complaint(words: list[str]) -> str:
    """What is wrong with one command, or nothing."""
    while words and re.fullmatch(r"[A-Z_][A-Z0-9_]*=.*", words[0]):
        words = words[1:]
    if words and words[0].endswith("bin/sim2real"):
        words = ["sim2real", *words[1:]]
    if words[:3] == ["python", "-m", "sim2real"]:
        words = words[2:]
    if words[:1] == ["sim2real"]:
        return complaint_about_verb(words[1:])
    if words[:1] == ["make"]:
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        unknown = [word for word in words[1:] if "=" not in word and not word.startswith("-") and word not in targets]
        return f"no target {unknown} in the Makefile" if unknown else ""
    if words[:2] == ["pip", "install"]:
        extras = set(re.findall(r'"(\w+)": ', (ROOT / "setup.py").read_text()))
        named = {extra for word in words for found in re.findall(r"(?:sim2real|\.)\[(.+?)\]", word)
                 for extra in found.split(",")}
        return f"no extra {named - extras} in setup.py" if named - extras else ""
    if words[:2] == ["python", "-m"] and words[2].startswith("benchmarks"):
        return "" if (ROOT / (words[2].replace(".", "/") + ".py")).is_file() else f"no module {words[2]}"
    if words[:3] == ["ros2", "launch", "sim2real"]:
        return complaint_about_launch(words[3], words[4:])
    return ""


def complaint_about_launch(file: str, arguments: list[str]) -> str:
    if not (ROOT / "launch" / file).is_file():
        return f"no launch file {file}"
    sides = {"ROBOT_SIDE": launching.ROBOT_SIDE, "POLICY": launching.POLICY}
    text = (ROOT / "launch" / file).read_text(encoding="utf-8")
    known = {name for side, names in sides.items() if f"launching.{side}" in text for name in names}
    named = {word.partition(":=")[0] for word in arguments if ":=" in word}
    return f"no argument {', '.join(sorted(named - known))} of {file}" if named - known else ""


def complaint_about_verb(words: list[str]) -> str:
    if not words or words[0] in ("--help", "--version", "VERB"):
        return ""
    if words[0] not in cli.VERBS:
        return f"no verb {words[0]}"
    parser, _ = cli.verb_parser(words[0])
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            parser.parse_args(words[1:])
    except SystemExit as stop:
        return "" if stop.code == 0 else errors.getvalue().strip()
    return ""


def _of(*languages: str) -> list[Snippet]:
    return [snippet for page in PAGES for snippet in snippets_of(page) if snippet.language in languages]


@pytest.mark.parametrize("snippet", _of("bash", "sh", "console", "shell"), ids=str)
def test_commands_exist(snippet):
    problems = [problem for words in commands_of(snippet.text) if (problem := complaint(words))]
    assert not problems, f"{snippet}: {problems}"


@pytest.mark.parametrize("snippet", _of("python"), ids=str)
def test_python_runs(snippet, tmp_path):
    code = compile(snippet.text, str(snippet), "exec")
    if not snippet.run:
        return
    assert code.co_code
    for other in snippets_of(ROOT / snippet.page):
        if other.file:
            (tmp_path / other.file).write_text(other.text)
    done = subprocess.run([sys.executable, "-c", snippet.text], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, f"{snippet}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("snippet", _of("yaml"), ids=str)
def test_yaml_is_yaml(snippet):
    import yaml

    assert yaml.safe_load(snippet.text) is not None


@pytest.mark.parametrize("snippet", [s for s in _of("yaml") if "fault:" in s.text], ids=str)
def test_lists_of_faults_are_taken(snippet, tmp_path):
    from sim2real.robots import load_robot
    from sim2real.ros.faults import load_faults
    from sim2real.ros.profiles import RosProfile

    (tmp_path / "faults.yaml").write_text(snippet.text)
    robot = load_robot("ur5e")
    assert load_faults(tmp_path / "faults.yaml", robot, RosProfile.for_robot(robot))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"", text)
    broken = [link for pair in links for link in pair
              if link and "://" not in link and not (page.parent / link).exists()]
    assert not broken


def test_a_wrong_command_is_noticed():
    """The checks above can fail."""
    assert commands_of("A=1 sim2real doctor \\\n  --json | head  # why\nls") == [
        ["A=1", "sim2real", "doctor", "--json"], ["head"], ["ls"]]
    assert complaint(["A=1", "sim2real", "doctor", "--json"]) == ""
    assert "no verb" in complaint(["sim2real", "fly"])
    assert "--loud" in complaint(["sim2real", "doctor", "--loud"])
    assert "no target" in complaint(["make", "coffee"])
    assert "no extra" in complaint(["pip", "install", "sim2real[coffee]"])
    assert "no launch file" in complaint(["ros2", "launch", "sim2real", "coffee.launch.py"])
    assert "no argument bundle" in complaint(["ros2", "launch", "sim2real", "deploy.launch.py", "bundle:=x.s2r"])
    assert complaint(["ros2", "launch", "sim2real", "sim_to_twin.launch.py", "policy:=x.s2r", "hardware:=real"]) == ""
    assert complaint(["pip", "install", "sim2real[deploy,ros]"]) == ""


def test_snippets_are_found_with_their_language_and_marker(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("x\n<!-- file: a.yaml -->\n```yaml\nb: 1\n```\n<!-- no-run -->\n\n```python\nf(\n```\n")
    assert [(s.line, s.language, s.text, s.run, s.file) for s in snippets_of(page)] == [
        (3, "yaml", "b: 1", True, "a.yaml"), (8, "python", "f(", False, "")]
