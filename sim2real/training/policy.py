"""The actor-critic: a small network with its normaliser inside; the critic may see more than the policy.

Pinto et al. 2018, "Asymmetric Actor Critic": what only a simulation knows helps to judge, and is not needed to act.
"""

from __future__ import annotations

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

ACTIVATIONS = {"elu": nn.ELU, "tanh": nn.Tanh, "relu": nn.ReLU}


class Normaliser(nn.Module):
    """Running mean and variance of each column as buffers, so that they are saved, loaded and exported with the rest.

    They change only in ``update``, between PPO's updates: within one, old and new policies see the same inputs.
    """

    def __init__(self, size: int, clip: float = 5.0):
        super().__init__()
        self.clip = clip
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.clamp((x - self.mean) / torch.sqrt(self.variance + 1e-4), -self.clip, self.clip)

    @torch.no_grad()
    def update(self, x: torch.Tensor) -> None:
        """Merge the rows of ``x`` (Chan, Golub, LeVeque 1983)."""
        n = float(len(x))
        total = self.count + n
        delta = x.mean(0) - self.mean
        spread = self.variance * self.count + x.var(0, unbiased=False) * n + delta**2 * self.count * n / total
        self.mean += delta * n / total
        self.variance.copy_(spread / total)
        self.count.copy_(total)


class Features(BaseFeaturesExtractor):
    """Normalised observations, the policy's columns first, the critic's own after them."""

    def __init__(self, observation_space: spaces.Space):
        asymmetric = isinstance(observation_space, spaces.Dict)
        sizes = [observation_space[key].shape[0] for key in ("policy", "critic")] if asymmetric else [
            observation_space.shape[0]]
        super().__init__(observation_space, sum(sizes))
        self.policy_size = sizes[0]
        self.normaliser = Normaliser(sum(sizes))

    def join(self, observations) -> torch.Tensor:
        """One tensor (n, columns), not yet normalised."""
        if isinstance(observations, dict):
            return torch.cat([observations["policy"], observations["critic"]], dim=1)
        return observations

    def forward(self, observations) -> torch.Tensor:
        return self.normaliser(self.join(observations))


class SplitMlp(nn.Module):
    """Actor and critic networks side by side: the actor sees the first ``policy_size`` features, the critic all.

    With a ``latent`` the last ``known`` features of the actor, true parameters, pass an encoder first, as the teacher's
    do in Kumar et al. 2021, "RMA: Rapid Motor Adaptation for Legged Robots".
    """

    def __init__(self, size: int, policy_size: int, actor: list[int], critic: list[int], activation: type[nn.Module],
                 known: int = 0, latent: int = 0):
        super().__init__()
        self.policy_size, self.observed = policy_size, policy_size - known
        self.encoder = nn.Sequential(*_mlp(known, [64, latent], activation)[:-1], nn.Tanh()) if latent else None
        width = policy_size if self.encoder is None else self.observed + latent
        self.actor, self.critic = _mlp(width, actor, activation), _mlp(size, critic, activation)
        self.latent_dim_pi, self.latent_dim_vf = actor[-1], critic[-1]

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(features), self.forward_critic(features)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        features = features[:, :self.policy_size]
        if self.encoder is not None:
            features = torch.cat([features[:, :self.observed], self.encoder(features[:, self.observed:])], dim=1)
        return self.actor(features)

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return self.critic(features)


class AsymmetricPolicy(ActorCriticPolicy):
    """stable-baselines3's Gaussian actor-critic on ``Features`` and ``SplitMlp``."""

    def __init__(self, observation_space, action_space, lr_schedule, *, actor: list[int], critic: list[int],
                 activation: str = "elu", known: int = 0, latent: int = 0, **kwargs):
        self._hidden = (list(actor), list(critic), ACTIVATIONS[activation], known, latent)
        super().__init__(observation_space, action_space, lr_schedule, features_extractor_class=Features, **kwargs)

    def _build_mlp_extractor(self) -> None:
        extractor = self.features_extractor
        self.mlp_extractor = SplitMlp(extractor.features_dim, extractor.policy_size, *self._hidden)

    def update_normaliser(self, observations) -> None:
        """Take in a rollout's observations, (n, columns) each."""
        self.features_extractor.normaliser.update(self.features_extractor.join(observations))

    def actor(self) -> Actor:
        """The deployed part."""
        return Actor(self)


class Actor(nn.Module):
    """What is exported: raw observation (n, columns) float32 -> action (n, A) in [-1, 1], the mean of the policy.

    Behind the observation stands what the policy is conditioned on, if it is: parameters in unit coordinates, or the
    latent, of which ``encode`` makes them.
    """

    def __init__(self, policy: AsymmetricPolicy):
        super().__init__()
        size = policy.features_extractor.policy_size
        normaliser, split = policy.features_extractor.normaliser, policy.mlp_extractor
        mean, scale = normaliser.mean[:size].clone(), 1.0 / torch.sqrt(normaliser.variance[:size] + 1e-4)
        self.clip, self.encoder = normaliser.clip, split.encoder
        if self.encoder is not None:
            self.register_buffer("known_mean", mean[split.observed:])
            self.register_buffer("known_scale", scale[split.observed:])
            latent = split.actor[0].in_features - split.observed
            mean = torch.cat([mean[:split.observed], torch.zeros(latent)])
            scale = torch.cat([scale[:split.observed], torch.ones(latent)])
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.layers, self.head = split.actor, policy.action_net
        self.input_size, self.output_size = len(mean), policy.action_net.out_features

    def encode(self, known: torch.Tensor) -> torch.Tensor:
        """What the layers are conditioned on, of true parameters in unit coordinates (n, K)."""
        if self.encoder is None:
            return known
        return self.encoder(torch.clamp((known - self.known_mean) * self.known_scale, -self.clip, self.clip))

    def forward(self, observation: torch.Tensor) -> torch.Tensor:
        return torch.clamp(self.wish(observation), -1.0, 1.0)

    def wish(self, observation: torch.Tensor) -> torch.Tensor:
        """The action before it is clipped: what a student imitates, for a clipped one has no gradient."""
        x = torch.clamp((observation - self.mean) * self.scale, -self.clip, self.clip)
        return self.head(self.layers(x))


def _mlp(size: int, hidden: list[int], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(size, width), activation()]
        size = width
    return nn.Sequential(*layers)
