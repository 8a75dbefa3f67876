"""Simulation, robot, identification, simulation: the loop on a twin, end to end."""
