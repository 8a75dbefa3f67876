"""Faults files: what they say, what is wrong with them; the catalogue; times."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rehearse import rehearse, stage_of, write

from sim2real.errors import BadInputError
from sim2real.resources import data_path
from sim2real.ros.faults import FAULTS, Rehearsal, catalogue, load_faults

NEEDED = {"late": {"delay": 0.1}, "stamp_offset": {"by": 1.0}, "payload": {"mass": 1e-3},
          "mute": {"topic": "robot_program_running"},
          "parameter": {"name": "payload_mass", "value": 1e-3}, "switch_controller": {"interface": "joint_trajectory"}}


def load(path, robot="ur5e"):
    stage = stage_of(robot)
    return load_faults(path, stage.robot, stage.profile)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_of_the_catalogue_can_be_written_with_what_it_needs_alone(tmp_path, name):
    row = next(row for row in catalogue() if row["name"] == name)
    assert {key for key, parameter in row["parameters"].items() if parameter["required"]} == set(NEEDED.get(name, {}))
    assert row["description"] and row["acts_on"] in ("state", "robot", "commands", "cameras")
    assert all(parameter["meaning"] for parameter in row["parameters"].values())
    for kind, robot in (("arm", "ur5e"), ("drone", "x500")):
        if name == "mute" and kind == "drone":
            continue  # MAVROS' profile has no topic beside the state
        path = write(tmp_path, {"at": "1 s", "for": "2500 ms", "fault": name, **NEEDED.get(name, {})})
        if kind in row["robots"]:
            (fault,) = load(path, robot)
            assert (fault.at, fault.duration, type(fault)) == (1.0, 2.5, FAULTS[name])
        else:
            with pytest.raises(BadInputError, match="is not one; there are"):
                load(path, robot)


def test_the_catalogue_has_every_fault_once():
    assert [row["name"] for row in catalogue()] == list(FAULTS)


@pytest.mark.parametrize(("file", "robots"), [("example.yaml", ("ur5e", "fr3", "so101")),
                                              ("drone.yaml", ("crazyflie", "x500"))])
def test_the_examples_fit_every_robot_of_their_kind(file, robots):
    path = data_path("assets") / "faults" / file
    for robot in robots:
        assert len(load(path, robot)) == len(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(("text", "line"), [
    ("[]", "expected a list of entries"), ("{at: 1}", "expected a list of entries"), ("", "got None"),
    ("- freeze", "entry 1: expected a mapping with 'at', 'for' and 'fault', got 'freeze'"),
    ("- {at: 1}", "entry 1: expected a mapping"),
    ("- {at: 1, fault: freze}", "entry 1: unknown fault 'freze'; did you mean freeze"),
    ("- {at: 1, fault: [freeze]}", "entry 1: unknown fault"),
    ("- {at: 1, fault: freeze}\n- {at: 1, fault: drop, shar: 0.1}",
     r"entry 2 \(drop\): unknown field 'shar'; did you mean 'share'"),
    ("- {at: 1, fault: drop, for_: 2}", "unknown field 'for_'; did you mean 'for'"),
    ("- {at: 1, fault: drop, qqq: 2}", "unknown field 'qqq'; known: at, for, since, share, burst"),
    ("- {fault: freeze}", "field 'at' is missing; add it"),
    ("- {at: soon, fault: freeze}", "field 'at': expected a number"),
    ("- {at: 1 m, fault: freeze}", "wrong dimension"),
    ("- {at: -1, fault: freeze}", "field 'at': must not be negative, got -1"),
    ("- {at: .nan, fault: freeze}", "expected a finite number"),
    ("- {at: 1, for: 0, fault: freeze}", "field 'for': must be over zero"),
    ("- {at: 1, fault: freeze, stamps: still}", "field 'stamps': .*'frozen' or 'running'"),
    ("- {at: 1, fault: freeze, since: noon}", "field 'since'"),
    ("- {at: true, fault: freeze}", "field 'at': expected a number"),
    ("- {at: 1, fault: !!python/object/apply:os.system [ls]}", "not valid YAML"),
    ("- {at: 1, fault: 'fre", "not valid YAML"), ("\x00", "not valid YAML"),
])
def test_what_is_wrong_is_one_line_with_the_place(tmp_path, text, line):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(BadInputError, match=line) as error:
        load(path)
    assert "\n" not in str(error.value) and "faults.yaml" in str(error.value) and len(str(error.value)) < 1500


def test_files_that_cannot_be(tmp_path):
    with pytest.raises(BadInputError, match="cannot read the faults file .*none.yaml: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(BadInputError, match="cannot read the faults file"):
        load(tmp_path)
    (tmp_path / "big.yaml").write_text("# " + "x" * (1 << 20))
    with pytest.raises(BadInputError, match="more than 1048576 bytes"):
        load(tmp_path / "big.yaml")
    (tmp_path / "long.yaml").write_text("- {at: 1, fault: freeze}\n" * 1001)
    with pytest.raises(BadInputError, match="at most 1000 entries, got 1001"):
        load(tmp_path / "long.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(BadInputError, match="not valid YAML"):
        load(tmp_path / "binary.yaml")
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghijklmnopqrstuvw",
                                                                             "bcdefghijklmnopqrstuvwx", strict=True))
    (tmp_path / "bomb.yaml").write_text(f"{bomb}z: *x\n")
    with pytest.raises(BadInputError, match="aliases written out") as error:
        load(tmp_path / "bomb.yaml")
    assert len(str(error.value)) < 1000


ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
                   | st.sampled_from(["1 s", "50 %", "joint_trajectory", "elbow_joint"]),
                   lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                   max_leaves=5)
KEYS = st.sampled_from(["at", "for", "since", "share", "burst", "joint", "delay", "by", "mass", "rate", "to", "field"])


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(FAULTS)), content=st.dictionaries(KEYS, ANY, max_size=5))
def test_whatever_stands_in_a_file_is_a_fault_or_one_line(tmp_path_factory, name, content):
    path = write(tmp_path_factory.mktemp("f"), {"at": 1.0, **content, "fault": name})
    try:
        (fault,) = load(path)
    except BadInputError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(fault, FAULTS[name]) and fault.at >= 0.0 and fault.duration > 0.0


def test_a_fault_begins_and_ends_once(tmp_path):
    stage = stage_of("ur5e")
    path = write(tmp_path, {"at": 1, "for": 0.5, "fault": "silence"}, {"at": 1.2, "for": 0.1, "fault": "freeze"})
    rehearsal = Rehearsal(load(path), stage)
    rehearsal.start(100.0)
    seen = []
    for k in range(200):
        rehearsal.advance(100.0 + 0.01 * k)
        seen.append(rehearsal.active)
    assert [k for k, names in enumerate(seen) if "silence" in names] == list(range(100, 150))
    assert [k for k, names in enumerate(seen) if "freeze" in names] == list(range(120, 130))
    assert rehearsal.begun == 2 and rehearsal.takes_commands


def test_without_faults_every_message_is_the_one_it_was(tmp_path):
    rows = rehearse(tmp_path, {"at": 99, "fault": "silence"}, until=0.1)
    assert all(batch == [message] for _, message, batch in rows)


def test_a_late_loop_still_ends_its_faults(tmp_path):
    rehearsal = Rehearsal(load(write(tmp_path, {"at": 1, "for": 0.5, "fault": "silence"})), stage_of("ur5e"))
    rehearsal.start(0.0)
    rehearsal.advance(1.2)
    assert rehearsal.active == ("silence",)
    rehearsal.advance(7.0)
    assert rehearsal.active == ()
