"""Numbers with units: ``quantity("180 deg/s", "rad/s")`` is 3.14159..., in SI.

A bare number is taken as SI already. A dimension is written as an SI unit; alternatives are separated by ``|``, as in
``"rad|m"`` for a joint that turns or slides.
"""

from __future__ import annotations

import math
import re
from functools import cache

from sim2real.errors import BadInputError, unknown

# unit -> (factor to SI, exponents of kg, m, s, rad, A)
_UNITS: dict[str, tuple[float, tuple[int, int, int, int, int]]] = {
    "1": (1.0, (0, 0, 0, 0, 0)), "%": (0.01, (0, 0, 0, 0, 0)),
    "kg": (1.0, (1, 0, 0, 0, 0)), "g": (1e-3, (1, 0, 0, 0, 0)), "mg": (1e-6, (1, 0, 0, 0, 0)),
    "m": (1.0, (0, 1, 0, 0, 0)), "cm": (1e-2, (0, 1, 0, 0, 0)), "mm": (1e-3, (0, 1, 0, 0, 0)),
    "um": (1e-6, (0, 1, 0, 0, 0)), "km": (1e3, (0, 1, 0, 0, 0)), "in": (0.0254, (0, 1, 0, 0, 0)),
    "s": (1.0, (0, 0, 1, 0, 0)), "ms": (1e-3, (0, 0, 1, 0, 0)), "us": (1e-6, (0, 0, 1, 0, 0)),
    "min": (60.0, (0, 0, 1, 0, 0)), "h": (3600.0, (0, 0, 1, 0, 0)),
    "Hz": (1.0, (0, 0, -1, 0, 0)), "kHz": (1e3, (0, 0, -1, 0, 0)),
    "rad": (1.0, (0, 0, 0, 1, 0)), "mrad": (1e-3, (0, 0, 0, 1, 0)), "deg": (math.pi / 180, (0, 0, 0, 1, 0)),
    "rev": (2 * math.pi, (0, 0, 0, 1, 0)), "rpm": (2 * math.pi / 60, (0, 0, -1, 1, 0)),
    "N": (1.0, (1, 1, -2, 0, 0)), "mN": (1e-3, (1, 1, -2, 0, 0)), "kN": (1e3, (1, 1, -2, 0, 0)),
    "Nm": (1.0, (1, 2, -2, 0, 0)), "mNm": (1e-3, (1, 2, -2, 0, 0)),
    "J": (1.0, (1, 2, -2, 0, 0)), "W": (1.0, (1, 2, -3, 0, 0)),
    "A": (1.0, (0, 0, 0, 0, 1)), "mA": (1e-3, (0, 0, 0, 0, 1)),
    "V": (1.0, (1, 2, -3, 0, -1)), "mV": (1e-3, (1, 2, -3, 0, -1)),
}
_ALIASES = {"°": "deg", "degree": "deg", "degrees": "deg", "radian": "rad", "radians": "rad", "µs": "us", "µm": "um",
            "sec": "s", "second": "s", "seconds": "s", "N.m": "Nm", "meter": "m", "metre": "m"}
_NUMBER = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?\.?(?:inf|nan))\s*(.*?)\s*$", re.IGNORECASE)
_POWERS = 9  # more than any quantity has
_FACTOR = re.compile(r"^([A-Za-z°µ%.]+|1)(?:(?:\^|\*\*)?(-?\d+))?$")


def quantity(value: object, dimension: str) -> float:
    """The finite SI number of ``value``: a number, or a string of a number and a unit of this ``dimension``."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadInputError(f"expected a number or '<number> <unit>' in {_readable(dimension)}, got {value!r}")
    if isinstance(value, str):
        number, unit = _split(value, dimension)
        if unit:
            factor = parse_unit(unit)[0]
            if not has_dimension(unit, dimension):
                raise BadInputError(f"{value!r} has the wrong dimension; expected {_readable(dimension)}")
            number *= factor
    else:
        number = float(value) if abs(value) < 1e300 else math.inf
    if not math.isfinite(number):
        raise BadInputError(f"expected a finite number in {_readable(dimension)}, got {value!r}")
    return number


def has_dimension(unit: str, dimension: str) -> bool:
    """Whether ``unit`` is one of this ``dimension``, or of one of its alternatives."""
    return parse_unit(unit)[1] in _dimensions(dimension)


@cache
def parse_unit(unit: str) -> tuple[float, tuple[int, int, int, int, int]]:
    """Factor to SI and exponents of (kg, m, s, rad, A) of a product such as ``N m s/rad`` or ``kg·m²``.

    A ``/`` divides by the one factor that follows it.
    """
    text = unit.replace("²", "^2").replace("³", "^3").replace("**", "^").replace("·", " ").replace("*", " ")
    factor, exponents = 1.0, [0] * 5
    sign = 1
    for token in re.findall(r"/|[^\s/]+", text):
        if token == "/":
            sign = -1
            continue
        name, power = _factor(token, unit)
        scale, powers = _UNITS[name]
        factor *= scale ** (sign * power)
        exponents = [a + sign * power * b for a, b in zip(exponents, powers, strict=True)]
        sign = 1
    return factor, (exponents[0], exponents[1], exponents[2], exponents[3], exponents[4])


def _factor(token: str, unit: str) -> tuple[str, int]:
    match = _FACTOR.match(token)
    name = _ALIASES.get(match[1], match[1]) if match else token
    if name not in _UNITS:
        where = f" in {unit!r}" if unit != token else ""
        raise BadInputError(unknown("unit", token, [u for u in _UNITS if u != "1"]) + where)
    power = int(match[2] or 1) if match else 1
    if abs(power) > _POWERS:
        raise BadInputError(f"expected powers of units up to {_POWERS}, got {token!r}")
    return name, power


def _split(text: str, dimension: str) -> tuple[float, str]:
    match = _NUMBER.match(text)
    if not match:
        raise BadInputError(f"expected a number or '<number> <unit>' in {_readable(dimension)}, got {text!r}")
    return float(match[1].replace(".inf", "inf").replace(".nan", "nan")), match[2]


@cache
def _dimensions(dimension: str) -> frozenset[tuple[int, ...]]:
    return frozenset(parse_unit(part)[1] for part in dimension.split("|"))


def _readable(dimension: str) -> str:
    return " or ".join(f"[{part}]" for part in dimension.split("|"))
