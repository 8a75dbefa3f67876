import pytest

from benchmarks.visual_reach import hand_written, main, summary, table
from sim2real.deployment.bundle import load_bundle
from sim2real.robots import load_robot


def test_shares_are_of_all_goals():
    row = summary([{"error_m": error} for error in (0.001, 0.02, 0.03, 0.031)])
    assert (row["goals"], row["within_3cm"], row["within_2cm"]) == (4, 0.75, 0.5)
    assert row["median_m"] == pytest.approx(0.025) and row["worst_m"] == 0.031
    words = table({**row, "latency_p50_ms": 5.0, "latency_p99_ms": 9.0, "encoder_p50_ms": 1.0, "used": 0.9,
                   "predictions": 100, "stops": 0, "causes": [], "load": 1.0})
    assert "4 goals: 75% within 3 cm, 50% within 2 cm, median 25.0 mm" in words


def test_the_hand_written_law_is_a_policy_of_reach(tmp_path):
    bundle = load_bundle(hand_written(tmp_path / "reach.s2r", load_robot("ur5e")))
    assert bundle.task.name == "reach" and bundle.encoder is None


def test_help(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0 and "--encoder" in capsys.readouterr().out
