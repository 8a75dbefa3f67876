"""Gymnasium environments over the batched simulators; ``gymnasium.make("sim2real/ur5e-reach-v0")`` needs no import."""
