"""Images per second of the image randomization on one core: the default plan, and each effect by itself.

    python -m benchmarks.image_chain --json

256 images of 96 x 96 pixels, one process, OpenCV with one thread. A round draws new values for every image from
``RandomizationPlan.default`` and applies them; the figure is the median of the rounds, and drawing the values counts.
Seconds are the process's own (CPU time): on a quiet machine those of the clock, on a busy one those it was let run.
The rows below it are the same with one effect alone, at the strongest value of its training range on every image.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np

from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan, Sampler
from sim2real.randomization.contact_sheet import sample_picture
from sim2real.randomization.images import ImageRandomizer

IMAGES, SIDE = 256, 96
SPACE = ParameterSpace.for_images()
# label -> the values that are off nominal; chosen by hand where two parameters make one effect
EFFECTS = {name.removeprefix("image_").replace("_", " "): {name: value} for name, value in {
    "image_rolling_shutter": 0.025, "image_defocus": 0.012, "image_vignetting": 0.5, "image_shot_noise": 0.04,
    "image_gaussian_noise": 0.01, "image_salt_pepper_noise": 0.01, "image_exposure": 2.0, "image_gain": 1.5,
    "image_white_balance_red": 1.33, "image_saturation": 1.4, "image_hue": 0.15, "image_gamma": 1.4,
    "image_contrast": 1.3, "image_resolution": 0.5, "image_jpeg_quality": 30.0, "image_random_convolution": 1.0,
}.items()}
EFFECTS["motion blur"] = {"image_motion_blur_length": 0.06, "image_motion_blur_angle": 0.6}
EFFECTS["cutout"] = {"image_cutout_count": 3.0, "image_cutout_size": 0.06}


def measure(rounds: int = 15, effects: bool = False) -> dict:
    """``image_chain_per_s``, the rounds that it is the median of, and with ``effects`` those by themselves."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return _measure(rounds, effects)
    finally:
        cv2.setNumThreads(threads)


def _measure(rounds: int, effects: bool) -> dict:
    images = np.repeat(sample_picture(SIDE, SIDE)[None], IMAGES, axis=0)
    sampler = Sampler(RandomizationPlan.default(SPACE), SPACE, IMAGES)
    randomizer, ids = ImageRandomizer(SPACE), np.arange(IMAGES)

    def chain(k: int) -> None:
        randomizer.apply(images, sampler.episode(ids, np.full(IMAGES, k)), counter=k)

    rates = _rates(chain, rounds)
    result = {"image_chain_per_s": statistics.median(rates), "images": IMAGES, "side": SIDE, "rounds": rates}
    if effects:
        result["effects"] = {}
        for name, value in EFFECTS.items():
            values = SPACE.batch(IMAGES, value)
            result["effects"][name] = statistics.median(
                _rates(lambda k, values=values: randomizer.apply(images, values, counter=k), 5))
    return result


def _rates(work: Callable[[int], object], rounds: int) -> list[float]:
    """Images per second of each round, after one that does not count: banks of random numbers are made once."""
    work(0)
    rates = []
    for k in range(1, rounds + 1):
        begin = time.process_time()
        work(k)
        rates.append(IMAGES / (time.process_time() - begin))
    return rates


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    result = measure(args.rounds, effects=True)
    if args.json:
        print(json.dumps(result))
        return 0
    low, high = np.percentile(result["rounds"], [25, 75])
    print(f"{'default plan':>22} {result['image_chain_per_s']:>8.0f} images/s   quartiles {low:.0f} to {high:.0f}")
    for name, rate in sorted(result["effects"].items(), key=lambda item: -item[1]):
        print(f"{name:>22} {rate:>8.0f} images/s {1e6 / rate:>8.1f} us an image")
    return 0


if __name__ == "__main__":
    sys.exit(main())
