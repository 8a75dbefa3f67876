"""From two sources of images to ``encoder.s2r`` and a report: what ``sim2real adapt`` does."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.adaptation.align import Aligned, align
from sim2real.adaptation.config import AlignConfig, Augment, Progress
from sim2real.adaptation.export import golden_vectors, to_onnx
from sim2real.adaptation.labels import Labels
from sim2real.adaptation.picture import plot_domains
from sim2real.adaptation.probe import domain_probe
from sim2real.adaptation.selection import prediction_error
from sim2real.adaptation.sources import Images, match
from sim2real.deployment.encoder import write_encoder


@dataclass(frozen=True)
class Side:
    """How one encoder does.

    Attributes:
        probe_accuracy, a_distance: Of a fresh probe on images that were not trained on; 0.5 and 0 = aligned.
        sim_error, real_error: On held-out simulated images, and on real ones with labels (None without): share of
            wrong classes, or mean distance of all labels together in their unit.
        features: Of the held-out images of both domains.
    """

    probe_accuracy: float
    a_distance: float
    sim_error: float
    real_error: float | None
    features: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Adapted:
    """What ``adapt`` did.

    Attributes:
        before: The same network trained the same way on simulation alone.
        after: With the objectives.
        epoch: Which was chosen.
        seconds: Of all.
    """

    before: Side
    after: Side
    aligned: Aligned
    seconds: float

    @property
    def epoch(self) -> int:
        return self.aligned.epoch


def adapt(sim: Images, labels: Labels, real: Images, config: AlignConfig, output: str | Path, *,
          pairs: np.ndarray | None = None, real_labels: Labels | None = None, unit: str = "", frame: str = "",
          picture: str | Path | None = None, way: str = "pca", augment: Augment | None = None,
          progress: Progress | None = None) -> Adapted:
    """Train on simulation alone and with the objectives, write the latter's encoder, and compare both.

    Args:
        sim, labels, real: Labelled simulated images, unlabelled real ones.
        config: How to train.
        output: Where the encoder goes, usually ``encoder.s2r``.
        pairs: Weak pairs (p, 2) of indices into sim and real.
        real_labels: Labels of some real images, used for nothing but ``real_error``.
        unit, frame: Of the labels, for the encoder's manifest.
        picture, way: PNG of both domains before and after, by ``pca`` or ``tsne``; None for none.
        augment, progress: As of ``align``.

    Raises:
        BadInputError: Images that do not go together.
        StorageError: A file cannot be written.
    """
    begin = time.monotonic()
    source, target = match(sim, real)
    values = labels.values[np.argsort(labels.rows)]  # every simulated image has a label
    runs = [dataclasses.replace(config, method="source", weights={}), config]
    sides, aligned = [], None
    for number, run in enumerate(runs):
        shift = number * config.epochs

        def told(done: int, total: int, text: str, shift: int = shift) -> None:
            if progress is not None:
                progress(shift + done, len(runs) * total, text)

        aligned = align(source, values, target, run, pairs=pairs if run is config else None, augment=augment,
                        progress=told)
        sides.append(judge(aligned, source, values, target, real_labels, config.seed))
    before, after = sides
    write_encoder(output, to_onnx(aligned.network), labels=labels.names, unit=unit, frame=frame,
                  golden=golden_vectors(aligned.network), versions={"torch": importlib.metadata.version("torch")},
                  training=training_record(config, aligned, sim, real, after))
    if picture is not None:
        panels = {f"{name}: probe {side.probe_accuracy:.0%}": side.features for name, side in
                  (("simulation alone", before), (config.method, after))}
        plot_domains(panels, picture, way=way, seed=config.seed)
    return Adapted(before, after, aligned, time.monotonic() - begin)


def judge(aligned: Aligned, source: np.ndarray, values: np.ndarray, target: np.ndarray, real_labels: Labels | None,
          seed: int) -> Side:
    """The probe on held-out images of both domains, and errors where labels are known."""
    predictions, features = aligned.network.predict(source[aligned.held_source])
    real_features = aligned.network.predict(target[aligned.held_target])[1]
    probe = domain_probe(features, real_features, seed)
    real_error = None
    if real_labels is not None:
        found = aligned.network.predict(target[real_labels.rows])[0]
        real_error = prediction_error(found, real_labels.values)
    return Side(probe.accuracy, probe.a_distance, prediction_error(predictions, values[aligned.held_source]),
                real_error, (features, real_features))


def training_record(config: AlignConfig, aligned: Aligned, sim: Images, real: Images, after: Side) -> dict[str, Any]:
    """What the encoder's manifest says of where it comes from."""
    return {"method": config.method, "seed": config.seed, "epochs": config.epochs, "epoch": aligned.epoch,
            "weights": {name: config.weight(name) for name in config.objectives},
            "images": {"sim": len(sim), "real": len(real)}, "probe_accuracy": after.probe_accuracy,
            "sim_error": after.sim_error, "real_error": after.real_error}
