"""YAML of others is bounded in size, depth and in what its aliases unfold to; every mistake is a YAMLError."""

import tracemalloc

import pytest
import yaml

from sim2real.files import read_at_most
from sim2real.yaml_text import MAX_BYTES, MAX_DEPTH, MAX_ITEMS, BoundedLoader, load_yaml, read_yaml


def laughs(levels: int, each: int = 10) -> str:
    lines = ["a0: &a0 [lol, lol]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * each)}]" for k in range(1, levels)]
    return "\n".join(lines)


def test_plain_data_comes_as_it_stands():
    assert load_yaml("a: [1, 2.5, true, x]\nb: {c: null}") == {"a": [1, 2.5, True, "x"], "b": {"c": None}}
    assert load_yaml(b"") is None and load_yaml("# nothing") is None
    assert load_yaml("x: &one {k: [1, 2]}\ny: *one\nz: {<<: *one, l: 3}")["z"] == {"k": [1, 2], "l": 3}


@pytest.mark.parametrize(("text", "word"), [
    (laughs(9), "aliases written out"), (laughs(60, 2), "aliases written out"),
    ("\n".join(["a0: &a0 {k: 1}"] + [f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 9)}]}}" for k in range(1, 9)]),
     "aliases written out"),
    ("[" * 5000, f"deeper than {MAX_DEPTH}"), ("{a: " * 5000, f"deeper than {MAX_DEPTH}"), ("- " * 5000, "deeper than"),
    ("&a [*a]", "what it stands in"), ("[x, " * 20 + "]" * 20 + ", 0" * MAX_ITEMS, "expected|items"),
    ("[" + "0," * (MAX_ITEMS + 1) + "]", f"more than {MAX_ITEMS} items"), ("x" * (MAX_BYTES + 1), "at most 1048576"),
    ("2001-13-45", "month"), ("a: " + "9" * 5000, "digits|limit"), ("!!python/object/apply:os.system [true]", "python"),
    ("!!python/name:os.system", "python"), ("{[1]: 2}", "unhashable|hashable"), ("a: b: c", "mapping"), ("\x00", "."),
    ("!!binary é", "."), ("!!timestamp x", "."), ("!!float x", "."), ("!!int ''", "."), ("!!bool 7", "."),
    ("? &x *x", "."), (b"\xff\xfe\x00", "."), (b"\xc3", ".")])
def test_what_nobody_writes_is_an_error_and_costs_nothing(text, word):
    tracemalloc.start()
    try:
        with pytest.raises(yaml.YAMLError, match=word):
            load_yaml(text)
        assert tracemalloc.get_traced_memory()[1] < 300 << 20
    finally:
        tracemalloc.stop()


def test_a_file_is_never_read_further_than_its_bound(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"x" * 10)
    assert read_at_most(path, 10) == b"x" * 10
    with pytest.raises(OSError, match="more than 9 bytes"):
        read_at_most(path, 9)
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a hole: a terabyte that takes no room
    with pytest.raises(OSError, match="more than 1048576 bytes"):
        read_yaml(path)
    with pytest.raises(OSError, match="more than 100 bytes"):
        read_at_most("/dev/zero", 100)


def test_it_is_the_safe_loader_of_pyyaml():
    assert issubclass(BoundedLoader, yaml.SafeLoader)
    assert set(BoundedLoader.yaml_constructors) == set(yaml.SafeLoader.yaml_constructors)
