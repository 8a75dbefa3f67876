"""Evaluation: the deployed runner, zero-shot, on twins in any engine."""
