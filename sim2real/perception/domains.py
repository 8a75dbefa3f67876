"""Domains that images come from: an engine and how things look in it. Each names its shift from the plain renders.

Twins are never "real": they are another simulation that training has not seen. A number about one is worth what its
``shift`` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sim2real.errors import BadInputError, unknown
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.randomization.distributions import Uniform
from sim2real.randomization.terms import Term
from sim2real.simulators.scenes.visual_scene import VisualScene


@dataclass(frozen=True)
class Domain:
    """How a scene looks.

    Attributes:
        name: For tables.
        shift: What differs from the plain renders, in words.
        engine: Of the painter.
        things: Fields of things that are other ones here, by name of the thing.
        values: Scene parameters that all frames share.
        terms: What varies from frame to frame.
        image: Image parameters that all frames share; noise is new in each.
    """

    name: str
    shift: str
    engine: str = "mujoco"
    things: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    image: Mapping[str, float] = field(default_factory=dict)

    def paint(self, scene: VisualScene) -> VisualScene:
        """The scene with this domain's things.

        Raises:
            BadInputError: It has no such thing.
        """
        names = [thing.name for thing in scene.things]
        for name in self.things:
            if name not in names:
                raise BadInputError(f"domain {self.name}: {unknown('thing', name, names)}")
        return replace(scene, things=tuple(replace(thing, **self.things.get(thing.name, {}))
                                           for thing in scene.things))

    def plan(self, space: ParameterSpace) -> RandomizationPlan:
        """What varies of a scene's vocabulary, and what is fixed at other than nominal values."""
        return RandomizationPlan(self.terms).fixed(self.values)


PLAIN = Domain("plain", "none")
BLOCK_MIX = 0.4  # largest share of a drawn colour in that of the thing sought: its kind of colour is known


def randomized(scene: VisualScene, thing: str) -> Domain:
    """Everything that the scene's vocabulary can vary over its training range (Tobin et al. 2017), but for ``thing``,
    which keeps its own texture and most of its colour: it is what is looked for, among others of any colour."""
    plan = RandomizationPlan.default(scene.space).without(f"texture_*.{thing}")
    plan = plan.extended(Term(f"color_mix.{thing}", Uniform(0.0, BLOCK_MIX)))
    return Domain("randomized", "textures, colours, materials, lights, shadows, camera, lens, background, distractors",
                  terms=plan.terms)


_SENSOR = {"image_exposure": 1.15, "image_gamma": 1.15, "image_white_balance_red": 1.1,
           "image_white_balance_blue": 0.85, "image_gaussian_noise": 0.012, "image_defocus": 0.004,
           "image_vignetting": 0.15}
_LAMP = {"light_azimuth.0": 1.3, "light_elevation.0": -0.25, "light_strength_scale.0": 0.8, "light_warmth.0": 0.25,
         "ambient_scale": 1.25, "shadow_softness": 0.4}
_MOUNT = {"camera_x": 0.007, "camera_y": -0.004, "camera_z": 0.006, "camera_pitch": math.radians(0.6),
          "camera_yaw": math.radians(-0.6), "camera_roll": math.radians(0.5), "focal_scale": 1.01, "lens_k1": -0.02}
MILD = Domain(
    "mild", "renderer (TinyRenderer), photometric (lamp 75 degrees round, lower, warmer; more light from everywhere; "
    "exposure +15 %, gamma 1.15, white balance +10/-15 %, noise 1.2 %, defocus, vignetting); no other textures, true "
    "camera, no camouflage", "pybullet", values=_LAMP, image=_SENSOR)
FULL = replace(
    MILD, name="full", shift="renderer (TinyRenderer), photometric as mild, textures (table of dark wood, green walls, "
    "carpet, other tones of the block's red and of the arm), two distractors anywhere, camera off by 1.0 cm and 1.0 "
    "degree, focal length +1 %, lens k1 -0.02; no camouflage",
    things={"table": {"rgba": (0.42, 0.27, 0.17, 1.0)}, "wall": {"rgba": (0.45, 0.60, 0.48, 1.0)},
            "side_wall": {"rgba": (0.45, 0.60, 0.48, 1.0)},
            "floor": {"rgba": (0.35, 0.33, 0.45, 1.0), "pattern": "carpet"}},
    values={**_LAMP, **_MOUNT, "color_mix.block": 0.2, "color_red.block": 0.9, "color_green.block": 0.5,
            "color_blue.block": 0.1, "color_mix.robot": 0.3, "color_red.robot": 0.2, "color_green.robot": 0.25,
            "color_blue.robot": 0.3, "distractor_count": 2.0},
    terms=(Term("distractor_variant", Uniform(0.0, 1.0)),))
NOMINAL = Domain("nominal", "renderer (TinyRenderer) alone: no other photometry, no other textures, true camera, no "
                 "camouflage", "pybullet")
TWINS = {twin.name: twin for twin in (NOMINAL, MILD, FULL)}


def twin(name: str) -> Domain:
    """The twin of that name; BadInputError with those there are."""
    if name not in TWINS:
        raise BadInputError(unknown("twin", name, TWINS))
    return TWINS[name]
