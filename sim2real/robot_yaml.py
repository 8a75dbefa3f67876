"""Reads a robot.yaml: YAML text to ``RobotYaml``, every mistake one line that names field, value and fix."""

from __future__ import annotations

import difflib
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sim2real.errors import RobotDescriptionError
from sim2real.robot_schema import RobotYaml
from sim2real.yaml_text import BoundedLoader, load_yaml


def parse_robot_yaml(data: bytes | str, file: str = "robot.yaml") -> RobotYaml:
    """The checked content of a robot.yaml; ``file`` is only named in errors."""
    try:
        content = load_yaml(data, _UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RobotDescriptionError(f"{file}: expected YAML, but it cannot be parsed: "
                                    f"{' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise RobotDescriptionError(f"{file}: expected a mapping with 'schema', 'name', 'kind', 'model', ..., "
                                    f"got {type(content).__name__}")
    try:
        return RobotYaml.model_validate(content)
    except ValidationError as error:
        raise RobotDescriptionError(f"{file}: {_one_line(error)}") from None


class _UniqueKeys(BoundedLoader):
    """A loader that refuses a key given twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.YAMLError(f"key {key!r} stands twice, at line {key_node.start_mark.line + 1}")
            seen.add(key if isinstance(key, str) else id(key_node))
        return super().construct_mapping(node, deep)


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    given = first["input"]
    shown = repr(given) if isinstance(given, (str, int, float, list, tuple)) else ""
    if first["type"] == "extra_forbidden":
        return f"unknown field {place!r}; {_near(first['loc'])}"
    if first["type"] == "missing":
        return f"field {place!r} is missing; add it"
    text = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        text = text if shown == "" or shown in text else f"{text}, got {shown}"
    else:
        text = f"{text[0].lower()}{text[1:]}, got {shown or type(given).__name__}"
    return f"field {place!r}: {text}" if place else text


def _near(location: tuple) -> str:
    """The fields known beside the unknown one at ``location``."""
    section: Any = RobotYaml
    for part in location[:-1]:
        section = _inner(section, part)
    names = [info.alias or key for key, info in section.model_fields.items()] if section else []
    close = difflib.get_close_matches(str(location[-1]), names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(names)}"


def _inner(section: Any, part: Any) -> Any:
    """The section class below ``section`` at a field or key ``part``."""
    if section is None:
        return None
    if part in getattr(section, "model_fields", {}):
        annotation = section.model_fields[part].annotation
        known = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type)]
        return next((a for a in known if issubclass(a, BaseModel)), None)
    return section
