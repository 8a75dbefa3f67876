"""The objectives against values worked by hand."""

import math

import numpy as np
import pytest
import torch

from sim2real.adaptation.confusion import (
    OBJECTIVES,
    Batch,
    Cdan,
    Confusion,
    Dann,
    DomainClassifier,
    certainty,
    coral,
    domain_loss,
    make_objectives,
    mmd,
    pair_loss,
    parse_method,
    reversal_strength,
    reverse_gradient,
    uniform_loss,
)
from sim2real.errors import BadInputError


def batch(seed=0, n=6, m=5, features=4, predictions=3, progress=0.5, pairs=False) -> Batch:
    random = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=random, requires_grad=True)

    both = (draw(3, features), draw(3, features)) if pairs else None
    return Batch(draw(n, features), draw(m, features), draw(n, predictions), draw(m, predictions), progress, both)


# ------------------------------------------------------------------------------------------------------- adversarial
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.5])
def test_reversed_gradient_is_minus_lambda_times_the_plain_gradient_exactly(strength):
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    classifier = DomainClassifier(4)
    plain, = torch.autograd.grad(classifier(x).sum(), x)
    reversed_, = torch.autograd.grad(classifier(reverse_gradient(x, strength)).sum(), x)
    assert torch.equal(reversed_, -strength * plain)
    assert torch.equal(reverse_gradient(x, strength), x)


def test_schedule_of_lambda():
    assert reversal_strength(0.0) == 0.0
    assert reversal_strength(0.5) == pytest.approx(2 / (1 + math.exp(-5)) - 1)  # .9866
    assert reversal_strength(1.0) == pytest.approx(0.99991, abs=1e-5)


def test_dann_gives_the_classifier_the_plain_gradient_and_the_features_the_reversed_one():
    step = batch(progress=0.3)
    objective = Dann(4, 3, True)
    plain = domain_loss(objective.classifier(step.source), objective.classifier(step.target))
    wanted = torch.autograd.grad(plain, [step.source, *objective.classifier.parameters()])
    found = torch.autograd.grad(objective(step), [step.source, *objective.classifier.parameters()])
    assert torch.allclose(found[0], -reversal_strength(0.3) * wanted[0])
    assert all(torch.equal(a, b) for a, b in zip(found[1:], wanted[1:], strict=True))


def test_domain_loss_by_hand():
    # d = 3/4 on one source feature, 1/2 on one target feature: -(log 3/4 + log 1/2) / 2
    loss = domain_loss(torch.tensor([[math.log(3.0)]]), torch.tensor([[0.0]]))
    assert loss.item() == pytest.approx(-0.5 * (math.log(0.75) + math.log(0.5)))


def test_uniform_label_objective_is_least_at_one_half():
    assert uniform_loss(torch.tensor(0.0)).item() == pytest.approx(math.log(2.0))
    # d = 3/4: -(log 3/4 + log 1/4) / 2
    assert uniform_loss(torch.tensor(math.log(3.0))).item() == pytest.approx(-0.5 * math.log(3 / 16))
    logits = torch.linspace(-4, 4, 81)
    losses = torch.stack([uniform_loss(logit) for logit in logits])
    assert losses.argmin() == 40 and torch.allclose(losses, losses.flip(0))


def test_confusion_teaches_the_classifier_nothing_of_the_uniform_label():
    step, objective = batch(progress=1.0), Confusion(4, 3, True)
    weights = list(objective.classifier.parameters())
    plain = domain_loss(objective.classifier(step.source.detach()), objective.classifier(step.target.detach()))
    wanted = torch.autograd.grad(plain, weights)
    loss = objective(step)
    found = torch.autograd.grad(loss, [*weights, step.source])
    assert all(torch.allclose(a, b) for a, b in zip(found, wanted, strict=False))
    both = torch.cat([step.source, step.target])
    confuse, = torch.autograd.grad(uniform_loss(objective.classifier(both)), step.source)
    assert torch.allclose(found[-1], reversal_strength(1.0) * confuse)


def test_cdan_sees_the_outer_product_and_weighs_what_is_certain():
    objective = Cdan(2, 3, True)
    joint = objective.joint(torch.tensor([[2.0, 3.0]]), torch.tensor([[0.5, 0.25, 0.25]]))
    assert joint.tolist() == [[1.0, 0.5, 0.5, 1.5, 0.75, 0.75]]
    # entropies 0 and log 2: weights 2 and 1.5, scaled to mean 1
    weights = certainty(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    assert weights.tolist() == pytest.approx([2 / 1.75, 1.5 / 1.75], abs=1e-4)


def test_cdan_holds_the_prediction():
    step, objective = batch(), Cdan(4, 3, True)
    gradients = torch.autograd.grad(objective(step), [step.source, step.source_prediction], allow_unused=True)
    assert gradients[0].abs().sum() > 0 and gradients[1] is None


def test_cdan_bins_labels_of_a_regression():
    objective = Cdan(4, 2, False)
    bins = objective.condition(torch.tensor([[0.0, 5.0]])).reshape(2, 5)
    assert torch.allclose(bins.sum(1), torch.ones(2))
    assert bins[0].argmax() == 2 and bins[1].argmax() == 4
    # at a centre: exp(0), exp(-2) to both sides, exp(-8) further out
    assert bins[0, 1].item() == pytest.approx(math.exp(-2) / (1 + 2 * math.exp(-2) + 2 * math.exp(-8)))
    assert objective(batch(predictions=2)).isfinite()


def test_cdan_projects_what_is_too_large():
    objective = Cdan(500, 10, True)
    assert objective.classifier[0].in_features == 1024
    assert objective(batch(features=500, predictions=10)).isfinite()


# ----------------------------------------------------------------------------------------------------------- moments
def test_mmd_of_samples_of_one_distribution_is_about_zero():
    random = torch.Generator().manual_seed(0)
    values = [mmd(*torch.randn(2, 100, 3, generator=random)).item() for _ in range(50)]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(50) and np.std(values) < 0.01  # unbiased


def test_mmd_of_shifted_gaussians_by_hand():
    # N(0, 1) and N(2, 1), k = exp(-d^2 / (2 v)): E k(x, x') = sqrt(v / (v + 2)), E k(x, y) that times
    # exp(-2^2 / (2 (v + 2))); with v = 1: 2 sqrt(1/3) (1 - exp(-2/3)) = 0.56184
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(2000, 1, generator=random), torch.randn(2000, 1, generator=random) + 2.0
    assert mmd(x, y, torch.tensor([1.0])).item() == pytest.approx(0.56184, abs=0.03)


def test_mmd_of_points_by_hand():
    # x = {0, 1}, y = {0, 2}, v = 1/2, so k = exp(-d^2): 2 e^-1 / 2 + 2 e^-4 / 2 - 2 (1 + e^-4 + e^-1 + e^-1) / 4
    value = mmd(torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [2.0]]), torch.tensor([0.5]))
    assert value.item() == pytest.approx(math.exp(-1) + math.exp(-4) - 0.5 * (1 + math.exp(-4) + 2 * math.exp(-1)))


def test_mmd_does_not_depend_on_the_scale_of_features():
    x, y = torch.randn(2, 20, 4, generator=torch.Generator().manual_seed(0))
    assert mmd(x, y + 1).item() == pytest.approx(mmd(1000 * x, 1000 * (y + 1)).item(), rel=1e-4)


def test_coral_by_hand():
    # covariances of two points each: [[2, 0], [0, 0]] and [[0, 0], [0, 8]]: (4 + 64) / (4 * 2^2)
    value = coral(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[5.0, 2.0], [5.0, -2.0]]))
    assert value.item() == pytest.approx(68 / 16)


# -------------------------------------------------------------------------------------------------------- weak pairs
def test_pair_loss_by_hand():
    # squared distances 1 + 4 and 0 over two features: mean 5 / 4
    value = pair_loss(torch.tensor([[1.0, 2.0], [3.0, 3.0]]), torch.tensor([[0.0, 0.0], [3.0, 3.0]]))
    assert value.item() == pytest.approx(5 / 4)


def test_pairwise_without_pairs_says_what_it_needs():
    with pytest.raises(BadInputError, match="needs weak pairs"):
        OBJECTIVES["pairwise"](4, 3, True)(batch())


# -------------------------------------------------------------------------------------------------------- all of them
@pytest.mark.parametrize("classes", [True, False])
def test_every_objective_moves_the_features_of_both_domains(classes):
    for name, objective in make_objectives("+".join(OBJECTIVES), 4, 3, classes).items():
        step = batch(pairs=True)
        sides = step.pairs if name == "pairwise" else (step.source, step.target)
        gradients = torch.autograd.grad(objective(step), sides)
        assert all(gradient.isfinite().all() and gradient.abs().sum() > 0 for gradient in gradients), name


def test_methods_are_parsed():
    assert parse_method("dann + mmd") == ("dann", "mmd")
    assert parse_method("source") == ()


@pytest.mark.parametrize(("method", "message"), [
    ("dan", "unknown method 'dan'; did you mean dann"), ("dann+dann", "twice"), ("", "unknown method ''"),
    ("source+mmd", "unknown method 'source'"),
])
def test_unknown_methods_are_refused(method, message):
    with pytest.raises(BadInputError, match=message):
        parse_method(method)
