"""A distribution of parameters instead of a point, and whether it is calibrated."""
