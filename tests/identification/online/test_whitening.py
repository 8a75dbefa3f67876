"""Whitening: all directions of the data equally large, none made of rounding, the same instant by instant."""

import pytest
import torch

from sim2real.identification.online.whitening import CLIP, INSTANTS, SMALL, Whitening, windows


def motions(episodes: int = 200, steps: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    """Random walks of two features, a third that is their sum but for 1e-4 of what is hidden, a fourth that follows."""
    torch.manual_seed(0)
    walk = torch.randn(steps, episodes, 2).cumsum(dim=0)
    hidden = torch.randn(steps, episodes, 1)
    return torch.cat([walk, walk.sum(dim=-1, keepdim=True) + 1e-4 * hidden, 0.5 * walk[..., :1]], dim=-1), hidden


def test_components_are_uncorrelated_and_of_one_size():
    features, _ = motions()
    whitening = Whitening(4)
    whitening.fit(features)
    rows = ((windows(features).double() - whitening.mean) @ whitening.matrix).flatten(0, 1)
    kept = whitening.matrix.any(dim=0)
    # the fourth feature, and its changes, follow from the first: rounding is not blown up
    assert int(kept.sum()) == 3 * INSTANTS
    torch.testing.assert_close(torch.cov(rows[:, kept].T), torch.eye(int(kept.sum()), dtype=torch.float64),
                               atol=1e-4, rtol=0.0)
    assert not rows[:, ~kept].any()


def test_what_is_hidden_in_large_motions_is_seen():
    """A deviation of 1e-4 beside walks of several units is a linear function of the components, of its own size."""
    features, hidden = motions()
    whitening = Whitening(4)
    whitening.fit(features)
    rows = whitening.sequence(features)[..., :4 * INSTANTS].flatten(0, 1).double()
    wanted = hidden.flatten(0, 1).double()
    found = torch.linalg.lstsq(rows, wanted, driver="gelsd").solution
    assert torch.corrcoef(torch.cat([rows @ found, wanted], dim=1).T)[0, 1] > 0.99
    assert found.abs().max() < 3.0  # no large weights are needed for it


def test_instant_by_instant_as_over_whole_episodes():
    features, _ = motions(3)
    whitening = Whitening(4)
    whitening.fit(motions()[0])
    memory, rows = torch.zeros(3, whitening.memory_size), []
    for row in features:
        x, memory = whitening.step(row, memory)
        rows.append(x)
    torch.testing.assert_close(torch.stack(rows), whitening.sequence(features), atol=1e-5, rtol=1e-5)


def test_before_it_began_nothing_changed():
    whitening = Whitening(2)
    x = whitening.sequence(torch.tensor([[[3.0, -1.0]], [[3.5, -1.0]]]))
    assert x.shape == (2, 1, whitening.size) == (2, 1, 4 * INSTANTS)
    assert x[0, 0, :2 * INSTANTS].tolist() == [3.0, -1.0] + [0.0] * (2 * INSTANTS - 2)
    assert x[1, 0, 2:5].tolist() == [0.5, 0.0, 0.0]
    assert x[0, 0, 2 * INSTANTS].item() == pytest.approx(torch.asinh(torch.tensor(3.0 * SMALL)).item())


def test_what_lies_far_outside_is_bounded():
    whitening = Whitening(2)
    assert whitening.sequence(torch.full((1, 1, 2), 1e6))[..., :4].abs().max() == CLIP
