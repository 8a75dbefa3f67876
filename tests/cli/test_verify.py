import json

import pytest

from sim2real.cli import main
from tests.deployment.hand_encoder import build_encoder
from tests.deployment.tiny_policy import build


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return build(tmp_path_factory.mktemp("verify") / "policy.s2r")


def test_a_good_bundle(path, capsys):
    assert main(["verify", str(path), "--robot", "ur5e"]) == 0
    out = capsys.readouterr().out
    assert "golden vectors" in out and "shoulder_pan_joint" in out and "FAILED" not in out


def test_json(path, capsys):
    assert main(["verify", str(path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"] and all(check["ok"] for check in data["checks"])
    assert data["manifest"]["robot"]["name"] == "ur5e" and len(data["sha256"]) == 64


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_damaged_bundle_is_exit_code_2_and_one_line(path, tmp_path, capsys, options):
    bad = tmp_path / "bad.s2r"
    bad.write_bytes(path.read_bytes()[:-1])
    assert main(["verify", str(bad), *options]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "bad.s2r" in captured.err
    if options:
        data = json.loads(captured.out)
        assert not data["ok"] and data["checks"][0]["ok"] is False and data["checks"][1]["ok"] is None


def test_another_robots_bundle(path, capsys):
    assert main(["verify", str(path), "--robot", "fr3"]) == 2
    assert "not for fr3" in capsys.readouterr().err


def test_no_such_file(capsys):
    assert main(["verify", "none.s2r"]) == 2
    assert "cannot read none.s2r" in capsys.readouterr().err


def test_an_encoder(tmp_path, capsys):
    encoder = build_encoder(tmp_path / "encoder.s2r")
    assert main(["verify", str(encoder)]) == 0
    out = capsys.readouterr().out
    assert "block_x, block_y" in out and "overview" in out and "32 x 24" in out and "FAILED" not in out
    assert main(["verify", str(encoder), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["ok"] and data["encoder"] == str(encoder) and data["manifest"]["kind"] == "encoder"
    assert main(["verify", str(encoder), "--robot", "ur5e"]) == 2
    assert "leave --robot out" in capsys.readouterr().err


def test_a_damaged_encoder(tmp_path, capsys):
    encoder = build_encoder(tmp_path / "encoder.s2r")
    encoder.write_bytes(encoder.read_bytes().replace(b"block_y", b"block_z"))
    assert main(["verify", str(encoder)]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "encoder.s2r" in captured.err
