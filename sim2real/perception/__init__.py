"""Seeing: networks that tell from one camera image where things are, trained on rendered images alone."""
