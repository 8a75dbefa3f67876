"""Frames of scenes, drawn by three engines behind one protocol: ``painter.Painter``; ``paint_pool`` makes them."""
