"""Fuzzing: nothing crashes, is executed or moves a robot unsafely; the harness finds each of these where planted."""

import numpy as np
import pytest

from benchmarks import fuzz
from benchmarks.fuzz_mutations import changed_tree, damaged

PLANTED = ("tests.benchmarks.planted",)
# kind -> (outcome of every one of its inputs, words about it)
FOUND = {
    "refuses": ("refused", None), "writes_here": ("accepted", None), "rambles": ("crash", "line breaks"),
    "unpickles": ("executed", "pickle.find_class"), "executes": ("executed", "exec <string>"),
    "shells": ("executed", "os.system"), "connects": ("executed", "socket.connect"),
    "reads": ("executed", "open /etc"), "writes": ("executed", "outside"), "raises": ("crash", "KeyError"),
    "faults": ("crash", "the process ended with -11"), "hangs": ("crash", "no end within 0.5 s"),
    "swells": ("crash", "memory"),
    "jumps": ("unsafe", "outside the bounds"), "lets_through": ("unsafe", "external data"),
}


def test_the_harness_finds_what_is_planted():
    """One child after the other: those that die or hang are followed by one that goes on with the rest."""
    plan = [(kind, 0, 2) for kind in FOUND if kind not in ("hangs", "jumps")]
    rows, findings = fuzz.run_plan(plan, 0, PLANTED, memory=700 << 20, warm=0)
    check_planted([kind for kind, _, _ in plan], rows, findings)


def test_a_command_outside_the_bounds_is_found():
    check_planted(["jumps"], *fuzz.run_plan([("jumps", 0, 2)], 0, PLANTED, warm=1))


def test_an_input_without_an_end_is_found():
    check_planted(["hangs"], *fuzz.run_plan([("hangs", 0, 2)], 0, PLANTED, patience=0.5, warm=0))


def check_planted(planted, rows, findings):
    for kind in planted:
        outcome, words = FOUND[kind]
        assert rows[kind] == {**dict.fromkeys(fuzz.OUTCOMES, 0), outcome: 2}, (kind, findings)
        found = [finding["what"] for finding in findings if finding["kind"] == kind]
        assert len(found) == (2 if words else 0) and all(words in what for what in found), found


def test_after_a_crash_the_rest_goes_on():
    rows, findings = fuzz.run_plan([("dies", 0, 8), ("refuses", 5, 2)], 3, PLANTED, warm=0)
    assert rows["dies"]["crash"] + rows["dies"]["accepted"] == 8 and rows["refuses"]["refused"] == 2
    assert rows["dies"]["crash"] == len(findings) > 0 and rows["dies"]["accepted"] > 0
    assert (rows, findings) == fuzz.run_plan([("dies", 0, 8), ("refuses", 5, 2)], 3, PLANTED, warm=0)  # by seed alone


def test_damage_is_reproducible_and_real():
    def made(seed):
        rng = np.random.default_rng(seed)
        return [(damaged(rng, bytes(500)), repr(changed_tree(rng, {"a": [1.0, {"b": "x"}]}))) for _ in range(50)]

    assert made(1) == made(1) != made(2)
    assert sum(data != bytes(500) for data, _ in made(1)) > 30
    assert sum(tree != "{'a': [1.0, {'b': 'x'}]}" for _, tree in made(1)) > 40


def check(table, count):
    assert table["findings"] == [] and table["passed"]
    assert table["total"] == pytest.approx(count, rel=0.01)
    assert (table["crash"], table["unsafe"], table["executed"]) == (0, 0, 0)
    for name, row in table["kinds"].items():  # each kind is refused at least, and those that can be good sometimes are
        assert row["refused"] > 0, name
    moved = ("bundle manifest", "bundle robot", "bundle network", "state messages", "wire")
    assert all(table["kinds"][name]["accepted"] for name in moved)


def test_hostile_encoders_do_no_harm():
    kinds = ("encoder bytes", "encoder manifest", "encoder network")
    rows, findings = fuzz.run_plan([(kind, 0, 60) for kind in kinds], 7, ("benchmarks.fuzz_encoders",), warm=3)
    assert findings == []
    for kind in kinds:
        assert rows[kind]["refused"] > 0 and rows[kind]["refused"] + rows[kind]["accepted"] == 60
    assert rows["encoder manifest"]["accepted"] and rows["encoder network"]["accepted"]


def test_hostile_identifiers_do_no_harm():
    kinds = ("identifier bytes", "identifier manifest", "identifier network")
    rows, findings = fuzz.run_plan([(kind, 0, 60) for kind in kinds], 7, ("benchmarks.fuzz_identifiers",), warm=3)
    assert findings == []
    for kind in kinds:
        assert rows[kind]["refused"] > 0 and rows[kind]["refused"] + rows[kind]["accepted"] == 60
    assert rows["identifier manifest"]["accepted"] and rows["identifier network"]["accepted"]


@pytest.mark.ros
def test_some_hundred_inputs_do_no_harm():
    check(fuzz.run(372, seed=20, warm=3), 367)  # shares round; 300 of all kinds but encoders and identifiers


@pytest.mark.ros
@pytest.mark.slow
def test_ten_thousand_inputs_do_no_harm():
    check(fuzz.run(10_000, seed=0), 10_000)
