"""What a robot is: its parameters found while it moves (online) and from its logs (offline)."""
