"""YAML files that a pydantic model describes: read with the bounds of ``read_yaml``, and checked field by field."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sim2real.errors import BadInputError
from sim2real.yaml_text import read_yaml

Model = TypeVar("Model", bound=BaseModel)


def read_model(kind: type[Model], path: str | Path, what: str) -> Model:
    """The ``kind`` of model in a YAML file; ``what`` is what messages call it.

    Raises:
        BadInputError: It cannot be read, is no YAML, or a field is wrong; names the field.
    """
    try:
        return kind.model_validate(read_yaml(path))
    except OSError as error:
        raise BadInputError(f"{what}: cannot be read: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise BadInputError(f"{what}: not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInputError(f"{what}: {'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}") from error
