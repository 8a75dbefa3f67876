"""Motions that tell most of a robot: planned inside all its limits, judged by what they tell."""
