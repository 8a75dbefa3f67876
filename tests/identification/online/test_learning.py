"""Toy systems in which the answer and its uncertainty are known in closed form: an identifier has to find both."""

import pytest
import torch

from sim2real.identification.online.estimator import Identifier
from sim2real.identification.online.learning import Learner, OnlineConfig, calibrate, fit
from sim2real.identification.online.losses import coverage
from sim2real.identification.online.rollouts import Rollouts

STEPS, NOISE = 16, 1.0


def episodes(n, seed):
    """x' = gain * command + noise with the gain uniform on [-1, 1]: (command, x') is what is seen."""
    random = torch.Generator().manual_seed(seed)
    gain = 2.0 * torch.rand(1, n, 1, generator=random) - 1.0
    command = torch.sign(torch.randn(STEPS, n, 1, generator=random))
    answer = gain * command + NOISE * torch.randn(STEPS, n, 1, generator=random)
    features = torch.cat([command * answer, answer], dim=-1)
    return Rollouts(features, torch.zeros(STEPS, n, 1), torch.zeros(STEPS, n, 1), gain.expand(STEPS, n, 1),
                    torch.ones(STEPS, n, dtype=torch.bool))


def bayes(data):
    """Posterior mean and deviation of the gain after each step, on a grid: prior uniform, noise Gaussian."""
    grid = torch.linspace(-1.0, 1.0, 401)
    # command * answer = gain + noise, as the command is +-1
    error = data.features[..., :1] - grid
    weight = torch.softmax(torch.cumsum(-0.5 * (error / NOISE) ** 2, dim=0), dim=-1)
    mean = (weight * grid).sum(dim=-1)
    return mean, ((weight * grid**2).sum(dim=-1) - mean**2).sqrt()


@pytest.fixture(scope="module", params=["gru", "tcn", "window"])
def trained(request):
    torch.manual_seed(0)
    identifier = Identifier(2, 1, kind=request.param, width=24)
    data = episodes(4096, 0)
    identifier.whitening.fit(data.features)
    config = OnlineConfig(batch_size=256, learning_rate=5e-3)
    fit(Learner(identifier, None, None), data, config, 300, 1, lambda done, loss: None)
    calibrate(identifier, episodes(1024, 2))
    return identifier


def test_it_comes_near_the_posterior(trained):
    data = episodes(2048, 3)
    with torch.no_grad():
        said = trained.sequence(data.features)
    mean, deviation = bayes(data)
    truth = data.unit[..., 0]
    best, found = ((m - truth)[-1].abs().mean().item() for m in (mean, said["mean"][..., 0]))
    assert best < 0.22  # of a prior's 0.5: 16 looks at noise of 1
    assert found < 1.15 * best
    # it says how sure it is: after one look and after sixteen
    for step in (0, STEPS - 1):
        assert said["deviation"][step].mean().item() == pytest.approx(deviation[step].mean().item(), rel=0.2)
    assert 0.86 < coverage(said["mean"], said["deviation"], data.unit).item() < 0.94


def test_before_anything_is_known_it_says_the_prior(trained):
    """One look at noise tells little: the deviation is near the prior's 1/sqrt(3) = 0.577."""
    with torch.no_grad():
        said = trained(torch.zeros(1, 2), trained.empty_memory(1))
    assert said["mean"].item() == pytest.approx(0.0, abs=0.15)
    assert 0.4 < said["deviation"].item() < 0.7
