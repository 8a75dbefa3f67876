"""The rows of the vocabulary for what a scene looks like: appearance of each group, lights, camera, background.

Rows follow ``Parameter``'s fields, as in ``sim2real.vocabulary``. Nominal is the scene as it was described. Numbers
that choose one of a few (``texture_kind``) are cut down to whole ones; a ``*_variant`` in [0, 1] stands for everything
that is drawn within a choice (colours of a pattern, places of distractors): another value, another draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

ENGINES = ("mujoco", "pybullet", "filament")
_LIT = ("mujoco", "filament")
# What ``texture_kind`` counts; "image" takes a picture of the scene's texture folder, or noise where there is none.
TEXTURES = ("own", "flat", "gradient", "checker", "noise", "stripes", "image")
BACKGROUNDS = ("own", "flat", "gradient", "checker", "noise", "stripes", "image")

# patterns of the parameters that belong together, see RandomizationPlan.restricted
TOPICS = {
    "colors": ("color_*",), "textures": ("texture_*",), "materials": ("specular.*", "shininess.*", "reflectance.*",
                                                                      "emission.*"),
    "lights": ("light_*", "ambient_scale"), "shadows": ("shadow", "shadow_*"),
    "camera": ("camera_*", "focal_scale", "lens_*"), "background": ("background_*",),
    "distractors": ("distractor_*",),
}
SCENES = ("robot", "table")  # by name: see sim2real.simulators.scenes.by_name


def _row(name, unit, nominal, train, twin, physical, role, text, *, log=False, engines=ENGINES):
    return (name, unit, float(nominal), float(train[0]), float(train[1]), "log_uniform" if log else "uniform",
            float(twin[0]), float(twin[1]), float(physical[0]), float(physical[1]), role, True, engines, text)


def SCENE(groups: Sequence[str], num_distractors: int, num_lights: int, max_lights: int) -> list[tuple]:
    """Rows for a scene with these groups, ``num_distractors`` things that may be left out and so many lights of its
    own, ``max_lights`` at most."""
    return [*_appearance(groups), *_lights(num_lights, max_lights), *_camera(), *_background(),
            *_distractors(num_distractors)]


def _appearance(groups: Sequence[str]) -> list[tuple]:
    """Families without a common column: each group by itself."""
    share, kinds = (0.0, 1.0), (0.0, len(TEXTURES) - 1e-6)
    own_or_drawn = (0.0, len(TEXTURES) - 1 - 1e-6)  # images only where a user asks for them
    families = [
        ("color_mix", "1", 0, share, share, share, "how much of its colour is the one drawn", {}),
        ("color_red", "1", 0.5, share, share, share, "the colour drawn: red", {}),
        ("color_green", "1", 0.5, share, share, share, "the colour drawn: green", {}),
        ("color_blue", "1", 0.5, share, share, share, "the colour drawn: blue", {}),
        ("texture_kind", "1", 0, own_or_drawn, own_or_drawn, kinds,
         "0 own, 1 flat, 2 gradient, 3 checker, 4 noise, 5 stripes, 6 image from the texture folder", {}),
        ("texture_variant", "1", 0, share, share, share, "which of the textures of its kind", {}),
        ("specular", "1", 0.3, share, share, share, "share of light that is mirrored in highlights",
         {"engines": _LIT}),
        ("shininess", "1", 0.3, share, share, share, "how small highlights are", {"engines": _LIT}),
        ("reflectance", "1", 0, (0, 0), (0, 0), share,  # each mirror draws the scene once more: where asked for
         "how much a flat surface mirrors the scene", {"engines": _LIT}),
        ("emission", "1", 0, (0, 0.3), (0, 0.4), share, "light of its own", {"engines": _LIT}),
    ]
    return [_row(f"{name}.{group}", unit, nominal, train, twin, physical, "appearance", f"{group}: {text}", **options)
            for name, unit, nominal, train, twin, physical, text, options in families for group in groups]


def _lights(num_lights: int, max_lights: int) -> list[tuple]:
    rows = [
        _row("light_count", "1", num_lights, (1, max_lights + 1 - 1e-6), (1, max_lights + 1 - 1e-6),
             (0, max_lights + 1 - 1e-6), "light", "how many lamps are on"),
        _row("ambient_scale", "1", 1, (0.5, 1.6), (0.4, 1.8), (0, 10), "light",
             "light from everywhere over the scene's", log=True),
        _row("shadow", "1", 1, (0, 2 - 1e-6), (0, 2 - 1e-6), (0, 2 - 1e-6), "light", "shadows: 0 none, 1 drawn"),
        _row("shadow_softness", "1", 0, (0, 1), (0, 1), (0, 1), "light",
             "0 hard edges and black, 1 shadows nearly gone", engines=("pybullet",)),
    ]
    turn, lift = (-math.pi, math.pi), (-0.7, 0.5)
    aim = ((-0.3, 0.3), (-0.4, 0.4), (-10, 10))
    lamps = [
        ("light_azimuth", "rad", 0, turn, turn, turn, "turned about the scene's vertical axis", {}),
        ("light_elevation", "rad", 0, lift, (-0.8, 0.6), (-1.5, 1.5), "raised or lowered; it stays 10 degrees over "
         "the horizon", {}),
        ("light_distance_scale", "1", 1, (0.6, 1.6), (0.5, 2), (0.05, 20), "distance from the centre over the scene's",
         {"log": True}),
        ("light_aim_x", "m", 0, *aim, "where it points, off the centre along x", {"engines": _LIT}),
        ("light_aim_y", "m", 0, *aim, "where it points, off the centre along y", {"engines": _LIT}),
        ("light_strength_scale", "1", 1, (0.4, 1.4), (0.3, 1.6), (0, 10), "strength over the scene's", {"log": True}),
        ("light_warmth", "1", 0, (-0.4, 0.4), (-0.5, 0.5), (-1, 1), "colour: -1 blue, 0 white, 1 orange", {}),
    ]
    # TinyRenderer's one lamp shines from where the first is, as bright as all
    first_only = ("light_azimuth", "light_elevation", "light_distance_scale")
    return rows + [_row(f"{name}.{k}", unit, nominal, train, twin, physical, "light", f"lamp {k}: {text}",
                        **{**options, **({"engines": _LIT} if k and name in first_only else {})})
                   for name, unit, nominal, train, twin, physical, text, options in lamps for k in range(max_lights)]


def _camera() -> list[tuple]:
    place, turn = ((-0.02, 0.02), (-0.03, 0.03), (-10, 10)), ((-0.035, 0.035), (-0.05, 0.05), (-math.pi, math.pi))
    texts = {"x": "right", "y": "down", "z": "forward"}
    axes = {"pitch": "up about its x axis", "yaw": "about its y axis", "roll": "about its own axis"}
    return [
        *(_row(f"camera_{axis}", "m", 0, *place, "camera", f"camera off its place, {text} in its own frame")
          for axis, text in texts.items()),
        *(_row(f"camera_{axis}", "rad", 0, *turn, "camera", f"camera turned {text}") for axis, text in axes.items()),
        _row("focal_scale", "1", 1, (0.97, 1.03), (0.95, 1.05), (0.1, 10), "camera", "focal length over nominal",
             log=True),
        _row("lens_k1", "1", 0, (-0.05, 0.05), (-0.08, 0.08), (-0.5, 0.5), "camera",
             "radial distortion k1 on top of the camera's own"),
        _row("lens_k2", "1", 0, (-0.01, 0.01), (-0.02, 0.02), (-0.5, 0.5), "camera",
             "radial distortion k2 on top of the camera's own"),
        _row("lens_center_x", "1", 0, (-0.01, 0.01), (-0.02, 0.02), (-0.4, 0.4), "camera",
             "principal point to the right, over the width"),
        _row("lens_center_y", "1", 0, (-0.01, 0.01), (-0.02, 0.02), (-0.4, 0.4), "camera",
             "principal point down, over the height"),
    ]


def _background() -> list[tuple]:
    share, last = (0.0, 1.0), len(BACKGROUNDS) - 1e-6
    return [
        _row("background_kind", "1", 0, (0, last - 1), (0, last - 1), (0, last), "background",
             "0 own, 1 flat, 2 gradient, 3 checker, 4 noise, 5 stripes, 6 image from the texture folder"),
        _row("background_variant", "1", 0, share, share, share, "background", "which of the backgrounds of its kind"),
    ]


def _distractors(count: int) -> list[tuple]:
    if not count:
        return []
    last = count + 1 - 1e-6
    return [
        _row("distractor_count", "1", 0, (0, last), (0, last), (0, last), "distractor",
             "how many of the scene's distractors are there"),
        _row("distractor_variant", "1", 0, (0, 1), (0, 1), (0, 1), "distractor",
             "where they are and how large: 0 as the scene has them"),
    ]
