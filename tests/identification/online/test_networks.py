"""Networks with a memory: one step at a time is the same as whole episodes, and each remembers what it should."""

import pytest
import torch

from sim2real.errors import BadInputError
from sim2real.identification.online.networks import NETWORKS, Tcn, Window, make_network


def by_steps(network, x):
    """Outputs (T, n, H) step by step from an empty memory."""
    memory, outputs = torch.zeros(x.shape[1], network.memory_size), []
    for row in x:
        output, memory = network.step(row, memory)
        outputs.append(output)
    return torch.stack(outputs)


@pytest.mark.parametrize("kind", NETWORKS)
def test_steps_give_what_the_whole_sequence_gives(kind):
    torch.manual_seed(0)
    network, x = make_network(kind, 3, 8), torch.randn(50, 4, 3)
    with torch.no_grad():
        torch.testing.assert_close(by_steps(network, x), network.sequence(x), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", NETWORKS)
def test_memories_of_robots_are_their_own_and_zeros_begin_anew(kind):
    torch.manual_seed(1)
    network, x = make_network(kind, 2, 4), torch.randn(20, 3, 2)
    with torch.no_grad():
        together = by_steps(network, x)
        torch.testing.assert_close(by_steps(network, x[:, 1:2])[:, 0], together[:, 1])
        torch.testing.assert_close(by_steps(network, x[7:]), network.sequence(x[7:]), atol=1e-6, rtol=1e-5)
        assert (by_steps(network, x[7:])[0] - together[7]).abs().max() > 1e-4  # else nothing is remembered


def test_the_temporal_convolution_sees_two_to_the_depth_instants():
    """Its shift registers are a plain causal convolution: what is older than 2^3 = 8 instants has no influence."""
    torch.manual_seed(2)
    network, x = Tcn(2, 4, depth=3), torch.randn(12, 1, 2)
    with torch.no_grad():
        before = by_steps(network, x)[-1]
        for age in range(12):
            other = x.clone()
            other[-1 - age] += 1.0
            moved = (by_steps(network, other)[-1] - before).abs().max() > 1e-6
            assert moved == (age < 8), age


def test_the_temporal_convolution_by_hand():
    """One layer of width 1: y(t) = elu(x(t)) + elu(2 elu(x(t-1)) + 3 elu(x(t)))."""
    network = Tcn(1, 1, depth=1)
    with torch.no_grad():
        network.enter.weight.fill_(1.0), network.enter.bias.zero_()
        network.layers[0].weight.copy_(torch.tensor([[2.0, 3.0]])), network.layers[0].bias.zero_()
        x = torch.tensor([1.0, 4.0, 0.5]).reshape(3, 1, 1)
        assert network.sequence(x).flatten().tolist() == [1 + 3, 4 + 2 + 12, 0.5 + 8 + 1.5]


def test_the_window_is_a_perceptron_over_the_last_instants():
    network = Window(2, 5, length=3)
    x = torch.randn(6, 1, 2)
    with torch.no_grad():
        expected = network.second(torch.nn.functional.elu(network.first(x[3:].reshape(1, 6))))
        torch.testing.assert_close(network.sequence(x)[-1], torch.nn.functional.elu(expected))


def test_an_unknown_network_is_named():
    with pytest.raises(BadInputError, match="unknown network 'lstm'; known: gru, tcn, window"):
        make_network("lstm", 2, 3)
