"""YAML that others wrote, read with bounds: its size, its depth, and how much its aliases would unfold to.

A few hundred bytes of YAML can stand for terabytes (aliases of aliases) or overflow the stack (nesting). All that is
wrong with a text comes as ``yaml.YAMLError``, also what PyYAML itself lets through as another exception (a 13th month).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sim2real.files import read_at_most

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_ITEMS = 100_000  # keys, values and list entries, aliases written out


class BoundedLoader(yaml.SafeLoader):
    """Plain data only, within the bounds."""

    def __init__(self, stream: bytes | str):
        super().__init__(stream)
        self._depth = 0
        self._items: dict[int, int] = {}  # of each finished node, by its identity

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"nested deeper than {MAX_DEPTH} levels")
        alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if not alias:
            self._items[id(node)] = self._count(node)
        elif id(node) not in self._items:
            raise yaml.YAMLError("an alias refers to what it stands in")
        return node

    def _count(self, node: Any) -> int:
        """What a node whose parts are finished unfolds to."""
        parts: list[Any] = []
        if isinstance(node, yaml.SequenceNode):
            parts = node.value
        elif isinstance(node, yaml.MappingNode):
            parts = [part for pair in node.value for part in pair]
        items = 1 + sum(self._items[id(part)] for part in parts)
        if items > MAX_ITEMS:
            raise yaml.YAMLError(f"more than {MAX_ITEMS} items, aliases written out")
        return items


def load_yaml(text: bytes | str, loader: type[BoundedLoader] = BoundedLoader) -> Any:
    """The data in a YAML text.

    Raises:
        yaml.YAMLError: It cannot be read, or is larger than anybody writes.
    """
    if len(text) > MAX_BYTES:
        raise yaml.YAMLError(f"{len(text)} bytes, at most {MAX_BYTES} are read")
    try:
        return yaml.load(text, Loader=loader)
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        raise yaml.YAMLError(str(error) or type(error).__name__) from error


def read_yaml(path: str | Path) -> Any:
    """The data in a YAML file.

    Raises:
        OSError: It cannot be read, or is too large.
        yaml.YAMLError: As ``load_yaml``.
    """
    return load_yaml(read_at_most(path, MAX_BYTES))
