"""``sim2real logs``: a table or JSON, exit code 1 for what is unfit, 2 for what cannot be read."""

import json

import numpy as np

MAP = "{time: {column: t}, channels: {position.a: {column: q}, effort.a: {column: e}}}"


def write(folder, name, **changes):
    time = np.arange(500) * 0.01
    columns = {"t": time, "q": np.sin(3.0 * time), "e": np.abs(np.cos(3.0 * time)), **changes}
    np.savez(folder / name, **columns)


def test_fit_and_unfit_logs(run_cli, tmp_path):
    (tmp_path / "map.yaml").write_text(MAP)
    write(tmp_path, "good.npz", e=np.cos(np.arange(500)))
    write(tmp_path, "caution.npz")
    write(tmp_path, "still.npz", q=np.zeros(500))
    code, out, err = run_cli("logs", "good.npz", "caution.npz", "--channels", "map.yaml")
    assert code == 0 and "good" in out and "caution.npz: unsigned (effort.a): never negative" in out
    code, out, err = run_cli("logs", "good.npz", "still.npz", "good.npz", "--channels", "map.yaml", "--json")
    rows = json.loads(out)["logs"]
    assert code == 1 and [row["fit"] for row in rows] == [True, False, False]
    assert [row["flaws"][0]["kind"] for row in rows[1:]] == ["never moves", "duplicate"]
    assert rows[0]["rows"] == 500 and rows[0]["rate_hz"] == 100.0 and rows[0]["channels"] == ["position.a", "effort.a"]


def test_bad_input_is_one_line_and_exit_2(run_cli, tmp_path):
    (tmp_path / "map.yaml").write_text(MAP)
    for arguments, words in ((("nowhere.csv", "--channels", "map.yaml"), "cannot be read"),
                             (("nowhere.csv", "--channels", "sage"), "did you mean sage_so101")):
        code, out, err = run_cli("logs", *arguments)
        assert code == 2 and words in err and err.count("\n") == 1 and not out
