"""Any log by a few lines of YAML: columns, lists, units, signs, several files, and what is refused."""

import gzip
import json

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.recordings.channel_map import list_channel_maps, load_channels

N = 50
TIME = np.arange(N) * 0.02
ANGLE = np.sin(3.0 * TIME)


def write_map(tmp_path, text):
    (tmp_path / "map.yaml").write_text(text)
    return load_channels(tmp_path / "map.yaml")


def write_csv(path, columns):
    rows = [",".join(columns)] + [",".join(str(values[k]) for values in columns.values()) for k in range(N)]
    data = ("\n".join(rows) + "\n").encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_units_signs_and_offsets(tmp_path, name):
    path = write_csv(tmp_path / name, {"ms": 5000.0 + 1e3 * TIME, "q": np.degrees(ANGLE), "tau": 1e3 * ANGLE})
    recording = write_map(tmp_path, """
time: {column: ms, unit: ms}
channels:
  position.elbow: {column: q, unit: deg, sign: -1, offset: 0.5, frame: base}
  effort.elbow: {column: tau, unit: mNm, scale: 2}
""").read(path)
    np.testing.assert_allclose(recording.time, TIME, atol=1e-9)
    np.testing.assert_allclose(recording.channels["position.elbow"], 0.5 - ANGLE)
    np.testing.assert_allclose(recording.channels["effort.elbow"], 2.0 * ANGLE)
    assert recording.rate == pytest.approx(50.0) and recording.duration == pytest.approx(0.98)
    assert recording.frames == {"position.elbow": "base"} and recording.elements("position") == ["elbow"]
    np.testing.assert_allclose(recording.matrix("effort"), 2.0 * ANGLE[:, None])


def test_json_and_npz_say_the_same_as_csv(tmp_path):
    cells = [{"t": t, "q": [q, 2 * q]} for t, q in zip(TIME, ANGLE, strict=True)]
    (tmp_path / "log.json").write_text(json.dumps({"mass": 0.49, "motor": "xl330", "entries": cells}))
    np.savez(tmp_path / "log.npz", t=TIME, q=np.column_stack([ANGLE, 2 * ANGLE]), mass=0.49)
    lists = np.array([f'"[{q}, {2 * q}]"' for q in ANGLE])
    write_csv(tmp_path / "log.csv", {"t": TIME, "q": lists})
    channels = write_map(tmp_path, "{time: {column: t}, channels: {position.b: {column: 'q[1]'}}}")
    for name in ("log.json", "log.npz", "log.csv"):
        recording = channels.read(tmp_path / name)
        np.testing.assert_allclose(recording.channels["position.b"], 2.0 * ANGLE)
        assert recording.constants == ({} if name == "log.csv" else {"mass": 0.49})


def test_commands_of_another_file_hold_and_measurements_are_interpolated(tmp_path):
    write_csv(tmp_path / "state.csv", {"t": TIME, "q": ANGLE})
    write_csv(tmp_path / "other.csv", {"t": TIME + 0.005, "c": np.arange(N), "v": TIME + 0.005})
    recording = write_map(tmp_path, """
files: {state: state.csv, other: other.csv}
time: {column: t}
channels: {position: {column: q}, command: {file: other, column: c}, velocity: {file: other, column: v}}
""").read(tmp_path)
    np.testing.assert_allclose(recording.channels["command"], [np.nan, *range(N - 1)])
    np.testing.assert_allclose(recording.channels["velocity"], [np.nan, *TIME[1:]])
    with pytest.raises(BadInputError, match="state.csv: expected a folder with a.csv, as the channel map says"):
        write_map(tmp_path, "{files: {a: a.csv}, time: {column: t}, channels: {position: {column: q}}}").read(
            tmp_path / "state.csv")


def test_maps_that_come_along_are_whole():
    assert list_channel_maps() == ["bam_servo", "nanobench_cf21", "sage_so101"]
    assert [len(load_channels(name).channels) for name in list_channel_maps()] == [5, 21, 20]


@pytest.mark.parametrize(("text", "words"), [
    ("channels: {position: {column: q}}", "time: Field required"),
    ("{time: {column: t}, channels: {}}", "channels: Dictionary should have at least 1 item"),
    ("{time: {column: t}, channels: {positon: {column: q}}}", "unknown quantity 'positon'; did you mean position"),
    ("{time: {column: t}, channels: {position: {colum: q}}}", "channels.position.column"),
    ("{time: {column: t}, channels: {position: {column: q, unit: V}}}", "position: expected a unit of rad|m, got V"),
    ("{time: {column: t, unit: m}, channels: {position: {column: q}}}", "expected a unit of time, got m"),
    ("{time: {column: t}, channels: {position: {column: q, sign: 0}}}", "expected sign 1 or -1"),
    ("{time: {column: t}, channels: {position: {column: q, scale: .nan}}}", "scale"),
    ("[1", "not YAML"),
    ("{time: {column: t}, channels: {position: {column: q, file: two}}}", "position: unknown file 'two'"),
    (" " * (1 << 20) + "a", "cannot be read"),
])
def test_bad_maps_are_one_line(tmp_path, text, words):
    with pytest.raises(BadInputError) as error:
        write_map(tmp_path, text)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(("column", "words"), [
    ("w", "channel position: unknown column 'w'; did you mean"), ("q[0]", "one number in each row; got 'q[0]'"),
    ("v", "numbers \\[0\\] to \\[1\\]"), ("v[2]", "numbers \\[0\\] to \\[1\\]")])
def test_columns_that_are_not_there(tmp_path, column, words):
    np.savez(tmp_path / "log.npz", t=TIME, q=ANGLE, v=np.zeros((N, 2)), ww=ANGLE)
    channels = write_map(tmp_path, f"{{time: {{column: t}}, channels: {{position: {{column: '{column}'}}}}}}")
    with pytest.raises(BadInputError, match=words.replace("'q[0]'", "'q\\[0\\]'")):
        channels.read(tmp_path / "log.npz")


@pytest.mark.parametrize(("name", "data", "words"), [
    ("log.csv", b"", "not readable as csv: it is empty"),
    ("log.csv", b"t,q\n1,2\n3\n", "row 3 has 1 fields, the heading 2"),
    ("log.csv", b"t,q\n", "columns of one length with at least a row"), ("log.csv", b"\xff\xfe", "not readable as csv"),
    ("log.csv.gz", b"no gzip", "cannot be read"), ("log.json", b"{}", "expected a list of rows"),
    ("log.json", b"[1]", "expected a list of rows"), ("log.npz", b"PK", "not readable as npz"),
    ("log.txt", b"1", "expected a log as .csv, .json, .npz"), ("log.csv", None, "No such file"),
    ("log.csv", b"t,q\nnow,1\n", "unknown column 't'"), ("log.csv", b"t,q\n,1\n", "column t has no time in it")])
def test_bad_logs_are_one_line(tmp_path, name, data, words):
    channels = write_map(tmp_path, "{time: {column: t}, channels: {position: {column: q}}}")
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInputError) as error:
        channels.read(tmp_path / name)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_pickles_in_npz_are_not_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return open, (str(tmp_path / "executed"), "w")

    np.savez(tmp_path / "log.npz", t=np.array([Bomb()], object))
    channels = write_map(tmp_path, "{time: {column: t}, channels: {position: {column: t}}}")
    with pytest.raises(BadInputError, match="not readable as npz"):
        channels.read(tmp_path / "log.npz")
    assert not (tmp_path / "executed").exists()


def test_a_map_that_is_not_there():
    with pytest.raises(BadInputError, match="unknown channel map 'sage'; did you mean sage_so101"):
        load_channels("sage")
    with pytest.raises(BadInputError, match="cannot be read: No such file"):
        load_channels("nowhere.yaml")
