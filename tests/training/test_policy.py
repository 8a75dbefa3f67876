import numpy as np
import pytest
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


@pytest.mark.parametrize(("known", "latent"), [(3, 0), (3, 2)])
def test_the_exported_actor_takes_a_context_behind_the_observation(known, latent):
    """Observation and encoded parameters give what the whole policy makes of observation and parameters."""
    torch.manual_seed(0)
    space = spaces.Dict(policy=spaces.Box(-10, 10, (5 + known,)), critic=spaces.Box(-10, 10, (4,)))
    policy = AsymmetricPolicy(space, spaces.Box(-1, 1, (2,)), lambda _: 0.0, actor=[8], critic=[8], known=known,
                              latent=latent)
    rows = {"policy": 0.3 * torch.randn(50, 5 + known), "critic": torch.randn(50, 4)}
    policy.update_normaliser({k: 2.0 * v + 1.0 for k, v in rows.items()})
    with torch.no_grad():
        actor = policy.actor()
        context = actor.encode(rows["policy"][:, 5:])
        assert context.shape == (50, latent or known) and actor.input_size == 5 + (latent or known)
        expected = policy.get_distribution(rows).distribution.mean
        torch.testing.assert_close(actor.wish(torch.cat([rows["policy"][:, :5], context], dim=1)), expected)
        if not latent:
            assert torch.equal(context, rows["policy"][:, 5:])
        else:
            assert context.abs().max() <= 1.0
