"""The main job from end to end: train, export, evaluate on twins, run over ROS 2."""
