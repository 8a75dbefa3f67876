"""What a robot's computer runs: policy bundles, the runner and the safety filter; numpy and onnxruntime only."""
