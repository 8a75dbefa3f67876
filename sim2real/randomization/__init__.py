"""Randomization: which parameters vary, how, and when (``RandomizationPlan``), and the drawing (``Sampler``)."""

from sim2real.randomization.distributions import (
    Choice,
    Constant,
    Distribution,
    LogUniform,
    Quantiles,
    TruncatedNormal,
    Uniform,
)
from sim2real.randomization.plan import RandomizationPlan
from sim2real.randomization.sampler import Sampler
from sim2real.randomization.schedules import RangeCurriculum
from sim2real.randomization.terms import Interval, Term

__all__ = ["Choice", "Constant", "Distribution", "Interval", "LogUniform", "Quantiles", "RandomizationPlan",
           "RangeCurriculum", "Sampler", "Term", "TruncatedNormal", "Uniform"]
