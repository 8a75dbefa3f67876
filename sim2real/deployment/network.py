"""An ONNX network in onnxruntime: looked at before, on the CPU, on one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim2real.deployment.onnx_guard import check_onnx
from sim2real.errors import BundleError, MissingDependencyError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_network(onnx: bytes, name: str) -> tuple[InferenceSession, int]:
    """A session of the model ``onnx``, and the number of its operators; ``name`` is what messages call it.

    Raises:
        BundleError: It is damaged, contains what a network must not, or onnxruntime does not take it.
        MissingDependencyError: There is no onnxruntime.
    """
    count = check_onnx(onnx, name)
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingDependencyError("onnxruntime is not installed, which runs networks; "
                                     "pip install 'sim2real[deploy]'") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"]), count
    except Exception as error:  # onnxruntime's exceptions have no common base of their own
        raise BundleError(f"{name}: onnxruntime refuses it: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The beginning of what an exception of a library says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
