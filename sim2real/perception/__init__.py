"""Tasks of seeing, learnt from renders: where things are in a picture."""
