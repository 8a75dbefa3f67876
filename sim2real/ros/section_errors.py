"""What is wrong in a section of a user's YAML file, in one line with the nearest right name."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import BaseModel, ValidationError


def one_line(error: ValidationError, model: type[BaseModel], name: str) -> str:
    """The first of pydantic's errors about the section ``name``, which ``model`` describes."""
    first = error.errors()[0]
    place = ".".join([name, *map(str, first["loc"])])
    if first["type"] == "extra_forbidden":
        section: Any = model
        for part in first["loc"][:-1]:
            section = _inner(section, part)
        names = list(getattr(section, "model_fields", {}))
        close = difflib.get_close_matches(str(first["loc"][-1]), names, n=1)
        return f"unknown field {place!r}; " + (f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}")
    if first["type"] == "missing":
        return f"field {place!r} is missing; add it"
    text, given = first["msg"].removeprefix("Value error, "), repr(first["input"])
    return f"field {place!r}: {text}" + ("" if given in text else f", got {given}")


def _inner(section: Any, part: Any) -> Any:
    """The section class below ``section`` at a field or key ``part``."""
    if part not in getattr(section, "model_fields", {}):
        return section  # a key of a mapping or a place in a list: its class was found one step before
    annotation = section.model_fields[part].annotation
    known = [a for a in (annotation, *getattr(annotation, "__args__", ())) if isinstance(a, type)]
    return next((a for a in known if issubclass(a, BaseModel)), None)
