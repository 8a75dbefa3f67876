"""What networks learn to see: where a block is, how far a corridor goes; trained on randomized renders."""
