import math

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.perception.domains import FULL, MILD, PLAIN, TWINS, Domain, randomized, twin
from sim2real.perception.locate import Locate
from sim2real.randomization.visual import draw_frames
from sim2real.robots import load_robot


@pytest.fixture(scope="module")
def scene():
    return Locate.of(load_robot("ur5e"), width=32).scene


def test_the_camera_of_the_full_twin_is_off_by_what_its_text_says():
    off = [FULL.values[f"camera_{axis}"] for axis in "xyz"]
    turned = [FULL.values[f"camera_{axis}"] for axis in ("pitch", "yaw", "roll")]
    assert math.dist(off, (0, 0, 0)) == pytest.approx(0.01, abs=2e-4)
    assert math.degrees(math.dist(turned, (0, 0, 0))) == pytest.approx(1.0, abs=0.03)
    assert "1.0 cm and 1.0 degree" in FULL.shift
    assert not any(name.startswith(("camera", "lens", "focal")) for name in MILD.values)


@pytest.mark.parametrize("domain", [PLAIN, *TWINS.values()], ids=lambda domain: domain.name)
def test_a_twin_looks_the_same_in_each_frame_but_for_clutter(scene, domain):
    space = domain.paint(scene).space
    values = draw_frames(domain.plan(space), space, np.arange(5), seed=1)
    varied = {space.names[k] for k in np.flatnonzero(np.ptp(values, axis=0))}
    assert varied <= {"distractor_variant"}
    for name, value in domain.values.items():
        assert (values[:, space.column(name)] == value).all()


def test_randomized_keeps_the_kind_of_colour_of_what_is_sought(scene):
    values = draw_frames(randomized(scene, "block").plan(scene.space), scene.space, np.arange(400))
    mix = values[:, scene.space.column("color_mix.block")]
    assert 0.0 <= mix.min() < 0.02 and 0.38 < mix.max() <= 0.4
    assert not values[:, scene.space.column("texture_kind.block")].any()
    assert np.ptp(values[:, scene.space.column("color_mix.table")]) > 0.9


def test_a_thing_that_is_not_there(scene):
    with pytest.raises(BadInputError, match="domain odd: unknown thing 'tabel'; did you mean table"):
        Domain("odd", "none", things={"tabel": {}}).paint(scene)


def test_an_unknown_twin():
    with pytest.raises(BadInputError, match="unknown twin 'ful'; did you mean full"):
        twin("ful")
