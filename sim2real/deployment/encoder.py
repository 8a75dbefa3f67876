"""Encoders (``encoder.s2r``): a network that looks at pictures, in one file, checked as a policy's bundle is.

It takes RGB pictures as they come from a camera, normalises them itself and says what is to be seen (a prediction with
labels and a unit) and by which features. The file is read once, nothing is unpickled, and its golden vectors are run
again on this machine. docs/bundle.md describes the format.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from sim2real import __version__
from sim2real.deployment.archive import MAX_BYTES, pack, unpack
from sim2real.deployment.checks import Check, Loading, check_hashes, hashes, read_file
from sim2real.deployment.encoder_golden import GoldenImages
from sim2real.deployment.encoder_manifest import EncoderManifest, EncoderSection
from sim2real.deployment.encoder_network import Encoder
from sim2real.errors import BundleError
from sim2real.files import atomic_write_bytes

NETWORK, GOLDEN = "encoder.onnx", "encoder.golden"  # members, of a policy's bundle too

__all__ = ["Encoder", "EncoderFile", "EncoderSection", "inspect_encoder", "load_encoder", "write_encoder"]


@dataclass(frozen=True)
class EncoderFile:
    """A checked encoder.

    Attributes:
        manifest: What the file says of it: ``manifest.encoder`` has labels, unit, frame, camera.
        encoder: Pictures (n, height, width, 3) to predictions (n, k).
        sha256: Hash of the whole file.
        golden: Pictures, and what the network gave for them where it was made.
    """

    manifest: EncoderManifest
    encoder: Encoder
    sha256: str
    golden: GoldenImages


def write_encoder(path: str | Path, onnx: bytes, *, labels: Sequence[str], unit: str, frame: str = "",
                  camera: Mapping[str, Any] | None = None, training: Mapping[str, Any] | None = None,
                  golden: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
                  versions: Mapping[str, str] | None = None, created_by: str = "") -> EncoderManifest:
    """Write the encoder ``onnx`` to ``path``, whole or not at all.

    Args:
        path: Where to, usually ``encoder.s2r``.
        onnx: The network as of ``Encoder``.
        labels: A name for each number of its prediction.
        unit: Of the predictions, as "m".
        frame: That predicted places are in: a link of the robot or "world".
        camera: Whose pictures it takes: an entry of the robot description's ``cameras``, whole.
        training: Plain data to keep: method, data, errors.
        golden: At least 16 pictures (n, height, width, 3) uint8, and the predictions (n, k) and features (n, f) that
            the original network gives for them; by default patterns and noise, and this network's own.
        versions, created_by: Of the training; versions besides those of this package, numpy and onnxruntime.

    Raises:
        BundleError: The network or one of the words does not fit, or it does not give the golden vectors.
        StorageError: The file cannot be written.
    """
    encoder = Encoder(onnx)
    kept = GoldenImages.of(encoder) if golden is None else GoldenImages.given(encoder, *golden)
    members = {NETWORK: bytes(onnx), GOLDEN: kept.to_bytes()}
    own = {"sim2real": __version__, "python": platform.python_version(),
           **{name: importlib.metadata.version(name) for name in ("numpy", "onnxruntime")}}
    try:
        camera, training = (json.loads(json.dumps(value, allow_nan=False)) for value in (
            camera and dict(camera), dict(training or {})))
        manifest = EncoderManifest(
            encoder=EncoderSection(height=encoder.height, width=encoder.width, labels=list(labels), unit=unit,
                                   frame=frame, features=encoder.feature_size, camera=camera,
                                   training=training),
            versions={**own, **(versions or {})}, created_by=created_by or f"sim2real {__version__}",
            members=hashes(members)).sealed()
        data = pack({"manifest.json": manifest.to_bytes(), **members})
    except ValidationError as error:
        first = error.errors()[0]
        raise BundleError(f"encoder: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (TypeError, ValueError) as error:
        raise BundleError("encoder: expected camera and training as plain data with finite numbers; "
                          f"{error}") from error
    if len(data) > MAX_BYTES:
        raise BundleError(f"the encoder would have {len(data) >> 20} MiB, at most {MAX_BYTES >> 20} are allowed; "
                          "use a smaller network")
    _Loading(data).run()  # what would be refused later is refused now
    atomic_write_bytes(path, data)
    return manifest


def load_encoder(path: str | Path) -> EncoderFile:
    """Read, check and build the encoder at ``path``.

    Raises:
        BundleError: It is not an encoder, damaged, altered, or of another schema.
    """
    try:
        return _Loading(read_file(path)).run()
    except BundleError as error:
        raise BundleError(f"encoder {path}: {error}") from error


def inspect_encoder(path: str | Path) -> tuple[list[Check], EncoderFile | None]:
    """Every check that ``load_encoder`` makes, one by one, and the encoder if all are good."""
    try:
        return _Loading(read_file(path)).inspect()
    except BundleError as error:
        return [Check("file", False, str(error))], None


def is_encoder(path: str | Path) -> bool:
    """Whether the file at ``path`` is an encoder by the names of its members, as far as it can be read."""
    try:
        members = unpack(read_file(path))
    except BundleError:
        return False
    return NETWORK in members and "policy.onnx" not in members


def check_network(section: EncoderSection, encoder: Encoder) -> str:
    """Raise BundleError where a network is not the one that is described; else say what it is."""
    expected = (section.height, section.width, len(section.labels), section.features)
    found = (encoder.height, encoder.width, encoder.prediction_size, encoder.feature_size)
    if expected != found:
        raise BundleError("{}: takes {} x {} pixels (height, width) and gives {} predictions and {} features, the "
                          "manifest says {} x {}, {} and {}".format(NETWORK, *found, *expected))
    return f"{encoder.num_operators} standard operators, {section.width} x {section.height} pixels to " + \
        f"{', '.join(section.labels)}"[:200]


class _Loading(Loading[EncoderFile]):
    def __init__(self, data: bytes):
        super().__init__(data)
        self.steps = (("archive", self.read_archive), ("manifest", self._manifest), ("hashes", self._hashes),
                      ("onnx", self._onnx), ("golden vectors", self._golden))

    def result(self) -> EncoderFile:
        return EncoderFile(self.manifest, self.encoder, self.sha256, self.golden)

    def _manifest(self) -> str:
        self.manifest = self.read_manifest(EncoderManifest, "an encoder")
        return f"schema {self.manifest.schema_version}, by {self.manifest.created_by}"

    def _hashes(self) -> str:
        return check_hashes(self.members, self.manifest.members, (NETWORK, GOLDEN))

    def _onnx(self) -> str:
        self.encoder = Encoder(self.members[NETWORK])
        return check_network(self.manifest.encoder, self.encoder)

    def _golden(self) -> str:
        self.golden = GoldenImages.from_bytes(self.members[GOLDEN], self.encoder)
        return self.golden.check(self.encoder)
