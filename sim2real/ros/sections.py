"""What the sections of a ``ros:`` profile are made of: numbers with units, topics, message types."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from sim2real.units import quantity


def si(dimension: str) -> BeforeValidator:
    """Converts "<number> <unit>" of a dimension to SI."""
    return BeforeValidator(lambda value: quantity(value, dimension))


def _over_zero(value: float) -> float:
    if value <= 0.0:
        raise ValueError("must be over zero")
    return value


POSITIVE = AfterValidator(_over_zero)
Topic = Annotated[str, Field(pattern=r"^/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$")]
MessageType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*/msg/[A-Z][A-Za-z0-9]*$")]
Rate = Annotated[float, si("1/s"), POSITIVE]
Time = Annotated[float, si("s"), POSITIVE]
Qos = Literal["reliable", "best_effort"]


class Section(BaseModel):
    """Unknown fields are mistakes; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
