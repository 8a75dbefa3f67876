import pytest

from benchmarks.vision import METHODS, Job, Settings, jobs, report

SETTINGS = Settings("ur5e", "", 12000, 4000, 4000, 64, 6, 2, ("full", "mild"), "mmd")


def test_every_row_of_the_table_is_trained_once():
    found = jobs(SETTINGS, 3)
    assert len(found) == len(set(found)) == 15
    assert found[:3] == [Job("randomized", seed) for seed in range(3)]  # with their alignments the longest
    assert {job.twin for job in found if job.method == "oracle"} == {"full", "mild"}


def test_a_report_has_the_rows_of_its_twin_in_order():
    rows = [{"method": method, "seed": seed, "twin": twin, "error_mean_m": 0.01 * (seed + 1) * scale,
             "domain_accuracy": 0.5 + 0.1 * seed}
            for seed in (2, 0, 1) for twin, scale in (("full", 1.0), ("mild", 3.0)) for method in METHODS]
    found = report(rows, "full")
    assert [(row["method"], row["seed"]) for row in found["rows"]] == [(m, s) for m in METHODS for s in range(3)]
    assert found["mean_m"]["plain"] == pytest.approx(0.02) and found["domain_accuracy"] == pytest.approx(0.6)
    assert "TinyRenderer" in found["shift"]
