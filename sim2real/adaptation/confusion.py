"""The published objectives of domain confusion, as interchangeable losses on the features of one encoder.

Each is a module whose ``forward(batch)`` gives a scalar that is added, with a weight, to the task's loss on labelled
source images (simulation). Minimising the sum makes the features of both domains alike. ``make_objectives("dann+mmd",
...)`` gives several at once. The adaptation layer is the encoder's last, after its LayerNorm and right below the head
(networks.py): what the head sees is what must be alike.

z_s (n, f) and z_t (m, f) are features of source and target, g the head's predictions, d the domain classifier's
probability of "source".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from sim2real.errors import BadInputError, unknown


@dataclass(frozen=True)
class Batch:
    """What objectives see of one training step.

    Attributes:
        source, target: Features, shapes (n, f) and (m, f).
        source_prediction, target_prediction: The head's outputs, shapes (n, k) and (m, k): logits of classes, or
            labels with zero mean and unit variance.
        progress: How much of the training is done, 0 to 1.
        pairs: Features of simulated and of real images that belong together, shapes (p, f) each; None without any.
    """

    source: torch.Tensor
    target: torch.Tensor
    source_prediction: torch.Tensor
    target_prediction: torch.Tensor
    progress: float
    pairs: tuple[torch.Tensor, torch.Tensor] | None = None


class Objective(nn.Module):
    """One loss; ``forward(batch)`` is a scalar.

    Args:
        features, predictions: Sizes f and k.
        classes: Whether the predictions are logits of classes, not labels.
    """

    def __init__(self, features: int, predictions: int, classes: bool):
        super().__init__()


# ---------------------------------------------------------------------------------------------------- adversarial
class _Reverse(torch.autograd.Function):
    """R(x) = x forward, dR/dx = -lambda I backward."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(x: torch.Tensor, strength: float) -> torch.Tensor:
    """``x`` itself, whose gradient is multiplied by -``strength`` (Ganin & Lempitsky 2015, "Unsupervised domain
    adaptation by backpropagation")."""
    return _Reverse.apply(x, strength)


def reversal_strength(progress: float) -> float:
    """lambda_p = 2 / (1 + exp(-10 p)) - 1: from 0 to 1, so that the first, noisy domain gradients count little."""
    return 2.0 / (1.0 + math.exp(-10.0 * progress)) - 1.0


class DomainClassifier(nn.Sequential):
    """Logit of "source", shape (n, 1), from features (n, f): two hidden layers, as in ADDA."""

    def __init__(self, features: int, hidden: int = 256):
        super().__init__(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
                         nn.Linear(hidden, 1))


def domain_loss(source_logit: torch.Tensor, target_logit: torch.Tensor, source_weight: torch.Tensor | float = 1.0,
                target_weight: torch.Tensor | float = 1.0) -> torch.Tensor:
    """L_D = -1/2 E[w log d(z_s)] - 1/2 E[w log(1 - d(z_t))]; log 2 where the classifier is at chance."""
    return 0.5 * (source_weight * functional.softplus(-source_logit)).mean() + \
        0.5 * (target_weight * functional.softplus(target_logit)).mean()


def uniform_loss(logit: torch.Tensor) -> torch.Tensor:
    """Cross entropy of d against the uniform label: -1/2 log d - 1/2 log(1 - d), least (log 2) at d = 1/2."""
    return 0.5 * (functional.softplus(-logit) + functional.softplus(logit)).mean()


class Dann(Objective):
    """Domain-adversarial training (Ganin et al. 2016): min over the encoder, max over the classifier, of -lambda_p L_D.

    The classifier descends on L_D; through the reversed gradient the encoder ascends on it in the same step.
    """

    def __init__(self, features: int, predictions: int, classes: bool):
        super().__init__(features, predictions, classes)
        self.classifier = DomainClassifier(features)

    def forward(self, batch: Batch) -> torch.Tensor:
        strength = reversal_strength(batch.progress)
        return domain_loss(self.classifier(reverse_gradient(batch.source, strength)),
                           self.classifier(reverse_gradient(batch.target, strength)))


class Confusion(Objective):
    """Domain confusion (Tzeng et al. 2015, "Simultaneous deep transfer across domains and tasks").

    The classifier minimises L_D with the features held; the encoder minimises the cross entropy of the held classifier
    against the uniform label. Unlike the reversed gradient this has its minimum where the domains look alike, not where
    the classifier is wrong. The paper alternates the two; here both happen in one step.
    """

    def __init__(self, features: int, predictions: int, classes: bool):
        super().__init__(features, predictions, classes)
        self.classifier = DomainClassifier(features)

    def forward(self, batch: Batch) -> torch.Tensor:
        discriminate = domain_loss(self.classifier(batch.source.detach()), self.classifier(batch.target.detach()))
        held = {name: weight.detach() for name, weight in self.classifier.named_parameters()}
        confuse = uniform_loss(functional_call(self.classifier, held, (torch.cat([batch.source, batch.target]),)))
        return discriminate + reversal_strength(batch.progress) * confuse


class Cdan(Objective):
    """Conditional adversarial training (Long et al. 2018, "Conditional adversarial domain adaptation").

    The classifier sees h = z (x) g, the outer product of features and prediction, so that it compares the domains where
    the predictions are alike. g is held: the domain gradient changes features only.

    Classes: g is the softmax, and images of which the head is unsure (entropy H) count less, w = 1 + exp(-H), scaled to
    mean 1 in each domain (CDAN+E). Regression has no softmax, so g says softly in which of five bins each label lies;
    all images weigh the same. Where f k is beyond 4096, h is the random projection (R_z z) * (R_g g) / sqrt(1024).
    """

    _LARGEST, _PROJECTED, _BINS = 4096, 1024, 5

    def __init__(self, features: int, predictions: int, classes: bool):
        super().__init__(features, predictions, classes)
        self._classes = classes
        conditions = predictions if classes else predictions * self._BINS
        self._project = features * conditions > self._LARGEST
        if self._project:
            self.register_buffer("feature_map", torch.randn(features, self._PROJECTED))
            self.register_buffer("condition_map", torch.randn(conditions, self._PROJECTED))
        self.classifier = DomainClassifier(self._PROJECTED if self._project else features * conditions)

    def forward(self, batch: Batch) -> torch.Tensor:
        strength = reversal_strength(batch.progress)
        sides = []
        for z, prediction in ((batch.source, batch.source_prediction), (batch.target, batch.target_prediction)):
            g = self.condition(prediction.detach())
            sides.append(self.classifier(self.joint(reverse_gradient(z, strength), g)))
            sides.append(certainty(g)[:, None] if self._classes else 1.0)
        return domain_loss(sides[0], sides[2], sides[1], sides[3])

    def condition(self, prediction: torch.Tensor) -> torch.Tensor:
        """g (n, c): class probabilities, or soft bins at -2, -1, 0, 1 and 2 standard deviations of each label."""
        if self._classes:
            return prediction.softmax(1)
        centres = torch.arange(self._BINS, dtype=prediction.dtype) - self._BINS // 2
        return (-2.0 * (prediction[:, :, None] - centres) ** 2).softmax(2).flatten(1)

    def joint(self, z: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        """h (n, f c), or its projection."""
        if self._project:
            return (z @ self.feature_map) * (g @ self.condition_map) / math.sqrt(self._PROJECTED)
        return (z[:, :, None] * g[:, None, :]).flatten(1)


def certainty(probabilities: torch.Tensor) -> torch.Tensor:
    """w = 1 + exp(-H(g)) of class probabilities (n, k), scaled to mean 1, shape (n,)."""
    entropy = -(probabilities * torch.log(probabilities + 1e-6)).sum(1)
    weight = 1.0 + torch.exp(-entropy)
    return weight / weight.mean()


# ---------------------------------------------------------------------------------------------------- moments
KERNEL_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def mmd(x: torch.Tensor, y: torch.Tensor, variances: torch.Tensor | None = None) -> torch.Tensor:
    """Unbiased MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y) between samples (n, f) and (m, f); may be negative.

    k(a, b) = mean over j of exp(-|a - b|^2 / (2 v_j)): several Gaussian kernels (Long et al. 2015, "Learning
    transferable features with deep adaptation networks") in the maximum mean discrepancy of Gretton et al. 2012. Deep
    domain confusion (Tzeng et al. 2014) is the same with one linear kernel.

    Args:
        x, y: Samples.
        variances: v (j,); by default the median heuristic: half the median squared distance of the pooled samples times
            1/4, 1/2, 1, 2 and 4, without a gradient, so that shrinking all features is no way out.
    """
    n, m = len(x), len(y)
    both = torch.cat([x, y])
    distance = squared_distances(both)
    if variances is None:
        apart = distance.detach()[~torch.eye(n + m, dtype=torch.bool)]
        variances = 0.5 * apart.median().clamp_min(1e-12) * torch.tensor(KERNEL_SCALES)
    kernel = torch.exp(-distance / (2.0 * variances[:, None, None])).mean(0)
    within_x = (kernel[:n, :n].sum() - kernel[:n, :n].trace()) / (n * (n - 1))
    within_y = (kernel[n:, n:].sum() - kernel[n:, n:].trace()) / (m * (m - 1))
    return within_x + within_y - 2.0 * kernel[:n, n:].mean()


def squared_distances(x: torch.Tensor) -> torch.Tensor:
    """|x_i - x_j|^2, shape (n, n)."""
    square = (x**2).sum(1)
    return (square[:, None] + square[None, :] - 2.0 * x @ x.T).clamp_min(0.0)


class Mmd(Objective):
    """Deep domain confusion by the maximum mean discrepancy: see ``mmd``."""

    def forward(self, batch: Batch) -> torch.Tensor:
        return mmd(batch.source, batch.target)


def coral(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """|C_x - C_y|_F^2 / (4 f^2) with the covariances C (f, f) (Sun & Saenko 2016, "Deep CORAL")."""
    return ((torch.cov(x.T) - torch.cov(y.T)) ** 2).sum() / (4.0 * x.shape[1] ** 2)


class Coral(Objective):
    """Correlation alignment: see ``coral``. It says nothing about the means, as the paper has it."""

    def forward(self, batch: Batch) -> torch.Tensor:
        return coral(batch.source, batch.target)


# ---------------------------------------------------------------------------------------------------- weak pairs
def pair_loss(simulated: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """E |f(x_s) - f(x_t)|^2 / f over weakly paired images, features (p, f) (Tzeng, Devin et al. 2016, "Adapting deep
    visuomotor representations with weak pairwise constraints")."""
    return ((simulated - real) ** 2).mean()


class Pairwise(Objective):
    """Weak pairwise constraints: images that show about the same state have about the same features.

    The paper uses them together with the uniform-label objective: ``confusion+pairwise``.
    """

    def forward(self, batch: Batch) -> torch.Tensor:
        if batch.pairs is None:
            raise BadInputError("the objective pairwise needs weak pairs of simulated and real images; give some, or "
                                "choose another method")
        return pair_loss(*batch.pairs)


# ---------------------------------------------------------------------------------------------------- all of them
OBJECTIVES = {"dann": Dann, "confusion": Confusion, "mmd": Mmd, "pairwise": Pairwise, "coral": Coral, "cdan": Cdan}


def parse_method(method: str) -> tuple[str, ...]:
    """The objectives of ``dann+mmd``; ``source`` is none of them, the task's loss alone.

    Raises:
        BadInputError: An unknown or repeated name.
    """
    names = tuple(name.strip() for name in method.split("+"))
    if names == ("source",):
        return ()
    for name in names:
        if name not in OBJECTIVES:
            raise BadInputError(f"{unknown('method', name, [*OBJECTIVES, 'source'])}; join several with +: dann+mmd")
    if len(set(names)) < len(names):
        raise BadInputError(f"method {method!r} names an objective twice; each counts once")
    return names


def make_objectives(method: str, features: int, predictions: int, classes: bool) -> nn.ModuleDict:
    """The objectives of ``method`` by name; the other arguments as of ``Objective``."""
    return nn.ModuleDict({name: OBJECTIVES[name](features, predictions, classes) for name in parse_method(method)})
