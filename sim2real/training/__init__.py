"""Training: PPO of stable-baselines3 on the batched environment, run folders, checkpoints, export."""
