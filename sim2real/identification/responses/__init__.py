"""Models of real logs: how joints, servos and drones answer their commands."""
