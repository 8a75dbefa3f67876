"""The servoing bundle of the evaluation tests."""

from tests.evaluation.conftest import servo_path  # noqa: F401
