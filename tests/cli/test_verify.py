import json

import pytest

from sim2real.cli import main
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
