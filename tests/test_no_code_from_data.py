"""Nothing that is read becomes code: no pickle, no eval, no loader that makes objects, no shell in the package.

What runs is looked at in tests/benchmarks/test_fuzz.py and tests/faults/test_files.py; this is what stands written.
"""

from __future__ import annotations

import ast

import pytest

from tests.test_layers import PACKAGE, source_files

MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "code", "codeop", "runpy"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.load_all",
         "yaml.full_load", "yaml.unsafe_load", "numpy.load", "np.load", "torch.load", "subprocess.getoutput"}
ALLOWED = {
    "adaptation/sources.py": {"np.load"}, "perception/dataset.py": {"np.load"},  # with allow_pickle=False
    "recordings/tables.py": {"np.load"},  # with allow_pickle=False
    "training/checkpoints.py": {"pickle", "torch.load"},  # names an error of torch's; with weights_only
    "yaml_text.py": {"yaml.load"},  # with a loader of its own, on SafeLoader
    "ros/log.py": {"marshal"}, "ros/log_pipe.py": {"marshal"}, "ros/log_process.py": {"marshal"},  # one Python's pipe
}


def found_in(text: str) -> set[str]:
    """Forbidden modules and calls in a module's text."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module.split(".")[0]} & MODULES
        elif isinstance(node, ast.Call):
            found |= {ast.unparse(node.func)} & CALLS
            if any(keyword.arg == "shell" or keyword.arg == "allow_pickle" for keyword in node.keywords):
                found.add(ast.unparse(node.func))
    return found


@pytest.mark.parametrize("path", source_files(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_makes_code_of_data(path):
    name = path.relative_to(PACKAGE).as_posix()
    assert found_in(path.read_text(encoding="utf-8")) <= ALLOWED.get(name, set())


def test_what_is_allowed_is_as_it_is_said():
    checkpoints = (PACKAGE / "training" / "checkpoints.py").read_text(encoding="utf-8")
    assert checkpoints.count("torch.load(") == checkpoints.count("weights_only=True") == 1
    assert "pickle.load" not in checkpoints
    for name, count in (("adaptation/sources.py", 2), ("perception/dataset.py", 1), ("recordings/tables.py", 1)):
        text = (PACKAGE / name).read_text(encoding="utf-8")
        assert text.count("np.load(") == text.count("allow_pickle=False") == text.count("allow_pickle") == count
    for name, words in ALLOWED.items():
        assert found_in((PACKAGE / name).read_text(encoding="utf-8")) == words, f"{name}: take it out of ALLOWED"


@pytest.mark.parametrize("text", ["import pickle", "from dill import load", "eval('1')", "np.load(x)",
                                  "yaml.load(x, Loader=y)", "subprocess.run(x, shell=True)",
                                  "def f():\n import marshal", "numpy.fromfile(x, allow_pickle=True)"])
def test_it_would_be_seen(text):
    assert found_in(text)
