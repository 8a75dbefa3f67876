"""Twins that lie outside of what a policy was trained on: what makes identification worth its while.

The parameters that a loop identifies are drawn from ranges wider than a default twin's, everything else as for any
twin: link masses, encoders' errors, and the defects that no simulator of the loop knows of. One twin is one robot: its
values are the same in all its episodes. Pushes are left out.
"""

from __future__ import annotations

import numpy as np

from sim2real.errors import BadInputError
from sim2real.evaluation.twins import SEED
from sim2real.identification.offline.naming import identifiable
from sim2real.identification.posterior.prior import Prior
from sim2real.parameters import ParameterSpace
from sim2real.randomization import LogUniform, RandomizationPlan, Sampler, Term, Uniform

# what a log of positions and velocities tells, and a policy of positions depends on
IDENTIFIED = ("payload_mass", "payload_offset_z", "stiffness_scale", "damping_gain_scale", "joint_damping_scale",
              "joint_friction_scale", "actuator_delay", "motor_time_constant")
# What takes the place of some of these: age of samples looks like dead time, and positions do not tell a factor that
# all masses, frictions and gains have in common. Asked for together, they share what is found; they are not linear
# enough to be integrated out.
TRADED = ("sensor_delay", "link_mass_scale")
STRETCH = 1.3  # of a default twin's range about nominal
# Of a prior beyond the twins' range: defects that the simulator does not know of look like other values of what it does
# (jitter like dead time, play like a soft servo), and a posterior that is cut off tells nothing.
BEYOND = 1.3


def twin_ranges(space: ParameterSpace, names: tuple[str, ...] = IDENTIFIED) -> Prior:
    """Where hard twins' parameters lie: ``STRETCH`` times a default twin's range, dead time excepted, because policies
    see so many periods back and no more."""
    return _stretched(space, names, 1.0)


def wide_prior(space: ParameterSpace, names: tuple[str, ...] = IDENTIFIED) -> Prior:
    """What a loop believes of its robot: more than hard twins' ranges."""
    return _stretched(space, names, BEYOND)


def believed(space: ParameterSpace, names: tuple[str, ...] = IDENTIFIED) -> Prior:
    """The prior of a loop's inference: the wide one, and what takes the named parameters' place in its twin range."""
    wide, more = wide_prior(space, names), Prior.of_space(space, [name for name in TRADED if name not in names])
    return Prior(wide.names + more.names, np.concatenate([wide.low, more.low]), np.concatenate([wide.high, more.high]),
                 np.concatenate([wide.log, more.log]))


def unasked(space: ParameterSpace, names: tuple[str, ...]) -> Prior:
    """What else a loop's robot may differ in and a replay can act, in the vocabulary's twin ranges: link masses, single
    joints, the payload's sides, encoders, a tilted base, play and stiction."""
    return Prior.of_space(space, [p.name for p in space.parameters if identifiable(p) and p.name not in names])


def _stretched(space: ParameterSpace, names: tuple[str, ...], beyond: float) -> Prior:
    """``beyond`` times the ranges of hard twins about nominal, in ratios where the vocabulary says so.

    Raises:
        BadInputError: A parameter that the robot has not.
    """
    missing = [name for name in names if name not in space]
    if missing:
        raise BadInputError(f"the loop identifies parameters of arms; this robot has no {', '.join(missing)}")
    prior = Prior.of_space(space, names)
    stretch = beyond * np.array([1.0 if space[name].role == "latency" else STRETCH for name in names])
    nominal = np.array([space[name].nominal for name in names])
    ratio = np.where(prior.log, nominal, 1.0)
    low = np.where(prior.log, nominal * (prior.low / ratio) ** stretch, nominal + stretch * (prior.low - nominal))
    high = np.where(prior.log, nominal * (prior.high / ratio) ** stretch, nominal + stretch * (prior.high - nominal))
    physical = np.array([(space[name].physical_low, space[name].physical_high) for name in names])
    return Prior(names, np.maximum(low, physical[:, 0]), np.minimum(high, physical[:, 1]), prior.log)


def prior_plan(prior: Prior) -> RandomizationPlan:
    """The plan that draws from a prior."""
    return RandomizationPlan(tuple(
        Term(name, (LogUniform if log else Uniform)(float(low), float(high)))
        for name, low, high, log in zip(prior.names, prior.low, prior.high, prior.log, strict=True)))


def hard_twin(space: ParameterSpace, seed: int, names: tuple[str, ...] = IDENTIFIED) -> dict[str, float]:
    """All values by name of one twin: the named parameters from the wide ranges, the others as of any twin."""
    plan = RandomizationPlan.default(space, "twin")
    pushes = [p.name for p in space.parameters if p.role == "disturbance"]
    plan = plan.without(*pushes).extended(*prior_plan(twin_ranges(space, names)).terms)
    row = Sampler(plan, space, 1, seed=SEED, identities=np.array([seed])).episode(np.array([0]), np.array([0]))[0]
    return space.as_dict(row)
