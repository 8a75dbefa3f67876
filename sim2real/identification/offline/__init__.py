"""Parameters from logs: replayed in simulation, fitted, with intervals and what cannot be told."""
