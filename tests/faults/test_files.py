"""Faults 14 to 17 and 46: files that are damaged, hostile, swapped or another robot's. Nothing is executed or moves.

The refusals of many files are in process, by the loader that ``deploy`` calls first of all; one of each sort is refused
by ``deploy`` itself, while a recorder listens at the topic of a driver that would take commands.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
import zipfile

import numpy as np
import onnx
import pytest

from sim2real.deployment.archive import pack, unpack
from sim2real.deployment.bundle import load_bundle
from sim2real.errors import BundleError
from tests.deployment.tampering import bomb, resealed
from tests.deployment.tiny_policy import tiny_onnx
from tests.ros.hand_policies import write_policy


def refused(rig, bundle, *arguments) -> str:
    """Let ``deploy`` have it beside a driver that takes commands; its words. Nothing may come on the driver's topic."""
    rig.driver()
    rig.until(lambda: rig.states > 20, what="a driver")
    begin = time.monotonic()
    node = rig.deploy(bundle, "--arm", *arguments, arm="")
    code, out, err = rig.finished(node)
    rig.spin(0.3)
    verdict = rig.verdict(begin)
    assert (code, rig.samples, verdict.state, verdict.resumed) == (2, [], "REFUSE", False), err
    assert err.startswith("sim2real: error: ") and err.count("\n") == 1
    return err


# ------------------------------------------------------------------------------------------------- 14
WRONG = {
    "fewer observations": (lambda size: tiny_onnx(size - 1, 6), "expected 81 to 6|maps .* to 6 numbers, expected"),
    "more actions": (lambda size: tiny_onnx(size, 7), "maps .* to 7 numbers, expected .* to 6"),
    "one action": (lambda size: tiny_onnx(size, 1), "maps .* to 1 numbers"),
    "float64": (lambda size: retyped(tiny_onnx(size, 6), onnx.TensorProto.DOUBLE), "refuses|expected .* as float32"),
    "int64": (lambda size: retyped(tiny_onnx(size, 6), onnx.TensorProto.INT64), "refuses|expected .* as float32"),
    "fixed batch": (lambda size: fixed(tiny_onnx(size, 6)), "any number of robots"),
}


def retyped(data: bytes, kind: int) -> bytes:
    model = onnx.load_from_string(data)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = kind
    return model.SerializeToString()


def fixed(data: bytes) -> bytes:
    model = onnx.load_from_string(data)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
    return model.SerializeToString()


def with_network(source, target, made):
    def change(members, raw):
        members["policy.onnx"] = made(raw["observation"]["size"])

    return resealed(source, target, change)


@pytest.mark.fault(14, "wrong observation or action size")
@pytest.mark.parametrize("name", WRONG)
def test_networks_of_another_size_or_type_are_refused(reach_bundle, tmp_path, name, fault_row):
    made, words = WRONG[name]
    with pytest.raises(BundleError, match=words):
        load_bundle(with_network(reach_bundle, tmp_path / "bad.s2r", made))
    fault_row("REFUSE")


@pytest.mark.fault(14, "wrong observation or action size")
def test_deploy_refuses_a_network_of_another_size(rig, reach_bundle, tmp_path):
    bad = with_network(reach_bundle, tmp_path / "bad.s2r", lambda size: tiny_onnx(size, 7))
    assert "to 7 numbers, expected" in refused(rig, bad)


# ------------------------------------------------------------------------------------------------- 15
@pytest.mark.fault(15, "policy file truncated, bit-flipped")
def test_two_hundred_damaged_files_are_refused(reach_bundle, tmp_path, fault_row):
    data, rng, path = reach_bundle.read_bytes(), np.random.default_rng(15), tmp_path / "bad.s2r"
    for i in range(200):
        changed = bytearray(data)
        at = int(rng.integers(len(data) - 64))
        if i % 4 == 0:  # truncated
            del changed[at:]
        elif i % 4 == 1:  # one bit
            changed[at] ^= 1 << int(rng.integers(8))
        elif i % 4 == 2:  # a stretch of noise
            changed[at:at + 64] = rng.bytes(64)
        else:  # a member's content, its checksum in the zip mended, its hash not
            members = unpack(data)
            name = list(members)[i // 4 % len(members)]
            member = bytearray(members[name])
            member[int(rng.integers(len(member)))] ^= 1 << int(rng.integers(8))
            changed = pack({**members, name: bytes(member)})
        assert bytes(changed) != data
        path.write_bytes(changed)
        with pytest.raises(BundleError) as error:
            load_bundle(path)
        assert "\n" not in str(error.value)
    fault_row("REFUSE")


@pytest.mark.fault(15, "policy file truncated, bit-flipped")
@pytest.mark.parametrize(("way", "words"), [
    ("truncated", "truncated|damaged|altered"), pytest.param("flipped", "altered|SHA-256", marks=pytest.mark.slow)])
def test_deploy_refuses_a_damaged_file(rig, reach_bundle, tmp_path, way, words):
    data = bytearray(reach_bundle.read_bytes())
    if way == "truncated":
        del data[len(data) // 2:]
    else:
        data[len(data) // 2] ^= 4
    (tmp_path / "bad.s2r").write_bytes(data)
    error = refused(rig, tmp_path / "bad.s2r")
    assert any(word in error for word in words.split("|")), error


# ------------------------------------------------------------------------------------------------- 16
def hostile_files(source, folder):
    """(name, path, what the refusal says) of files that would do something if they were believed."""
    canary = folder / "executed"

    def network(change):
        def changed(members, raw):
            model = onnx.load_from_string(tiny_onnx(raw["observation"]["size"], 6))
            change(model)
            members["policy.onnx"] = model.SerializeToString()
        return changed

    def external(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    def custom(model):
        model.graph.node[1].domain = "evil"
        model.opset_import.add(domain="evil", version=1)

    def loop(model):
        model.graph.node[1].op_type = "Loop"

    def pickled(members, raw):
        members["policy.onnx"] = bomb(canary)

    def yaml_object(members, raw):
        members["robot/robot.yaml"] = f"!!python/object/apply:os.system ['touch {canary}']".encode()

    (folder / "pickle.s2r").write_bytes(bomb(canary))
    yield "pickle", folder / "pickle.s2r", "not a policy bundle"
    with zipfile.ZipFile(folder / "bomb.s2r", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("policy.onnx", bytes(200 << 20))
    yield "zip bomb", folder / "bomb.s2r", "compressed"
    header = bytearray(source.read_bytes())
    header[18:26] = b"\xff\xff\xff\xff" * 2  # sizes of the first member: 4 GiB
    (folder / "header.s2r").write_bytes(header)
    yield "huge header", folder / "header.s2r", "truncated"
    with open(folder / "huge.s2r", "wb") as file:
        file.write(source.read_bytes())
        file.truncate(1 << 40)
    yield "huge file", folder / "huge.s2r", "at most 256 MiB"
    for name, change, words in (("external data", network(external), "external data"),
                                ("custom operator", network(custom), "custom operator"),
                                ("endless operator", network(loop), "not one of plain networks"),
                                ("pickled member", pickled, "policy.onnx"),
                                ("python in yaml", yaml_object, "YAML")):
        yield name, resealed(source, folder / f"{name}.s2r", change), words


@pytest.mark.fault(16, "pickle, zip bomb, hostile ONNX")
def test_hostile_files_are_refused_and_nothing_is_executed(reach_bundle, tmp_path, processes, fault_row):
    """Each in one process that hears of everything its interpreter executes, and has little memory left."""
    cases = [(name, str(path), words) for name, path, words in hostile_files(reach_bundle, tmp_path)]
    (tmp_path / "cases.json").write_text(json.dumps([str(reach_bundle), cases]))
    done = processes.popen([sys.executable, "-c", LISTENING])
    out, err = done.communicate(timeout=60)
    assert done.returncode == 0, err
    found = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert not (tmp_path / "executed").exists()
    for name, _, words in cases:
        assert words in found[name]["error"] and found[name]["heard"] == [], found[name]
    assert found["planted"]["heard"] == ["pickle.find_class", "os.system"]  # it would have been heard
    fault_row("REFUSE")


LISTENING = """
import json, pickle, resource, sys
from sim2real.deployment.bundle import load_bundle
from sim2real.errors import BundleError

good, cases = json.load(open("cases.json"))
load_bundle(good)  # so that nothing is imported late
heard, events = [], ("pickle.", "os.", "subprocess.", "ctypes.", "socket.", "exec", "compile", "import")
sys.addaudithook(lambda event, args: heard.append(event) if event.startswith(events) else None)
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
for name, path, _ in cases:
    heard.clear()
    try:
        load_bundle(path)
        error = ""
    except BundleError as caught:
        error = str(caught)
    print(json.dumps({"name": name, "error": error, "heard": list(heard)}))
heard.clear()
try:
    pickle.loads(b"cposix\\nsystem\\n(S'true'\\ntR.")
except Exception:
    pass
print(json.dumps({"name": "planted", "heard": [event for event in heard if event != "import"], "error": ""}))
"""


@pytest.mark.fault(16, "pickle, zip bomb, hostile ONNX")
@pytest.mark.parametrize("name", ["external data", *(pytest.param(name, marks=pytest.mark.slow)
                                                     for name in ("pickle", "zip bomb"))])
def test_deploy_refuses_a_hostile_file(rig, reach_bundle, tmp_path, name):
    path, words = {case: rest for case, *rest in hostile_files(reach_bundle, tmp_path)}[name]
    assert words in refused(rig, path)
    assert not (tmp_path / "executed").exists()


# ------------------------------------------------------------------------------------------------- 17
@pytest.mark.fault(17, "file swapped after the check")
def test_a_file_that_is_swapped_while_the_robot_moves_has_no_effect(rig, reach_bundle, tmp_path):
    """The policy is swapped for one that stands still, and the robot goes on; the log names the first one's hash."""
    path, log = tmp_path / "policy.s2r", tmp_path / "run.mcap"
    shutil.copy(reach_bundle, path)
    rig.twin()
    node = rig.deploy(path, "--log", log)
    rig.moving()
    begin = time.monotonic()
    path.write_bytes(b"something else")
    os.replace(with_network(reach_bundle, tmp_path / "other.s2r",
                            lambda size: tiny_onnx(size, 6, weights=np.zeros((size, 6)))), path)
    rig.spin(1.0)
    verdict = rig.verdict(begin, rest_s=None)
    # HOLD: a busy machine may be late with a state
    assert verdict.state in ("ACTIVE", "HOLD"), rig.causes(begin)
    assert (verdict.over_bounds, verdict.resumed) == (0.0, False)
    later = np.array([sample.command for sample in rig.samples if sample.time > begin + 0.5])
    assert np.ptp(later, axis=0).max() > 0.01
    assert rig.end(node)[0] == 0
    from sim2real.recordings.log_reader import LogReader

    assert LogReader(log).metadata["bundle"] == hashlib.sha256(reach_bundle.read_bytes()).hexdigest()


# ------------------------------------------------------------------------------------------------- 46
@pytest.mark.fault(46, "bundle of another robot")
def test_another_robots_bundle_is_refused(rig, tmp_path):
    other = write_policy(tmp_path / "fr3.s2r", "fr3", "reach")
    assert "the bundle is for robot fr3, not for ur5e" in refused(rig, other)


@pytest.mark.fault(46, "bundle of another robot")
def test_a_bundle_for_another_description_of_the_same_robot_is_refused(rig, reach_bundle, tmp_path):
    """The arm on this machine is longer than the one in training."""
    from sim2real.robots import load_robot

    folder = tmp_path / "longer"
    folder.mkdir()
    for name, data in load_robot("ur5e").files.items():
        (folder / name).write_bytes(data.replace(b"0.425", b"0.475"))
    error = refused(rig, reach_bundle, "--robot", folder)
    assert "trained for another description of ur5e" in error
