"""Perception: networks that see what a robot needs to know, trained in rendered pictures alone."""
