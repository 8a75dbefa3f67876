import numpy as np
import torch
from gymnasium import spaces

from sim2real.training.policy import AsymmetricPolicy, Normaliser


def make(asymmetric=True):
    box = lambda n: spaces.Box(-10.0, 10.0, (n,), np.float32)  # noqa: E731
    space = spaces.Dict(policy=box(5), critic=box(3)) if asymmetric else box(5)
    torch.manual_seed(0)
    return AsymmetricPolicy(space, spaces.Box(-1.0, 1.0, (2,), np.float32), lambda _: 1e-3, actor=[8, 7], critic=[6],
                            activation="elu")


def test_normaliser_merges_batches_exactly():
    x = torch.randn(1000, 3) * torch.tensor([1.0, 5.0, 0.1]) + torch.tensor([0.0, -3.0, 2.0])
    normaliser = Normaliser(3)
    for part in x.split([10, 300, 690]):
        normaliser.update(part)
    torch.testing.assert_close(normaliser.mean, x.mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(normaliser.variance, x.var(0, unbiased=False), rtol=1e-4, atol=1e-5)
    assert abs(normaliser(x).mean()) < 1e-2
    assert normaliser(torch.full((1, 3), 1e6)).max() == normaliser.clip


def test_the_actor_does_not_see_what_the_critic_sees():
    policy = make()
    observation = {"policy": torch.randn(4, 5), "critic": torch.randn(4, 3)}
    other = {**observation, "critic": torch.randn(4, 3)}
    same = torch.ones(4, 2)
    _, log_prob, _ = policy.evaluate_actions(observation, same)
    _, again, _ = policy.evaluate_actions(other, same)
    torch.testing.assert_close(log_prob, again)
    assert not torch.allclose(policy.predict_values(observation), policy.predict_values(other))


def test_the_exported_actor_is_the_mean_of_the_policy():
    for asymmetric in (True, False):
        policy = make(asymmetric)
        rows = torch.randn(50, 5) * 3.0
        observation = {"policy": rows, "critic": torch.zeros(50, 3)} if asymmetric else rows
        policy.update_normaliser(observation)
        mean = policy.get_distribution(observation).mode().clamp(-1.0, 1.0)
        actor = policy.actor()
        torch.testing.assert_close(actor(rows), mean)
        assert (actor.input_size, actor.output_size) == (5, 2)


def test_widths_and_activation_are_as_asked():
    layers = make().mlp_extractor.actor
    assert [layer.out_features for layer in layers if isinstance(layer, torch.nn.Linear)] == [8, 7]
    assert sum(isinstance(layer, torch.nn.ELU) for layer in layers) == 2
