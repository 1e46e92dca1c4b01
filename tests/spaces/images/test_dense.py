import random
import statistics

import pytest
import torch

from appnas.cost import counts, latency
from appnas.prune import costs, density, random_like, shrink
from appnas.space import IO, constant_arch, one_hot, only, random_arch
from appnas.spaces import CNN, MLP
from appnas.spaces.images.dense import weighted_norm
from appnas.supernet import Gated
from appnas.testing import SpaceSuite, SupernetSuite
from appnas.testing.parts import soft_gates

IMAGES = IO((1, 8, 8), (10,))
SPACES = {"units": MLP(width=5), "weights": MLP(width=3, parts="weights"), "channels": CNN((3, 4))}


class TestSpace(SpaceSuite):
    @pytest.fixture(params=SPACES)
    def space(self, request):
        return SPACES[request.param]

    @pytest.fixture
    def io(self) -> IO:
        return IMAGES


class TestSupernet(SupernetSuite):
    @pytest.fixture(params=SPACES)
    def space(self, request):
        return SPACES[request.param]

    @pytest.fixture
    def io(self) -> IO:
        return IMAGES

    def test_one_hot_gates_are_the_architecture(self, space, io) -> None:
        """The smaller network with the whole one's weights: smaller matrices, so not by name."""
        whole = self.make(space, io)
        for seed in range(3):
            arch = self.arch(space, seed)
            network = shrink(space, whole, arch, io).double().train()
            torch.testing.assert_close(network(*self.inputs(io, 4)), self.run(whole, io, self.hard(space, arch)))

    def test_masked_options_are_not_there(self, space, io) -> None:
        """Parts that a mask excludes are not allocated, and pass no gradient."""
        whole = self.make(space, io)
        arch = self.arch(space)
        mask = only(space.choices, arch)
        supernet = self.make(space, io, mask)
        assert counts.parameters(supernet) < counts.parameters(whole)
        gates = tuple(matrix.requires_grad_() for matrix in soft_gates(space.choices))
        found = torch.autograd.grad(self.loss(supernet, io)(gates), gates)
        assert all(not gradient[~matrix].any() for gradient, matrix in zip(found, mask, strict=True))

    def test_options_at_zero_are_not_executed(self, space, io) -> None:
        """A part that is off gets no gradient in its weights; that it costs nothing is the smaller network's affair."""
        supernet = self.make(space, io)
        arch = self.arch(space)
        self.run(supernet, io, self.hard(space, arch)).sum().backward()
        layer = supernet.layers[0]
        gradient = (layer.values if space is SPACES["weights"] else layer.weight).grad
        off = torch.tensor(arch[: space.choices[0].count]) == 0
        assert off.any() and not gradient[off].any() and gradient.any()

    def test_every_row_of_alpha_learns(self, space, io) -> None:
        """A ReLU may leave a unit dead on so few examples, so most parts."""
        gates = tuple(matrix.requires_grad_() for matrix in soft_gates(space.choices))
        found = torch.autograd.grad(self.loss(self.make(space, io), io)(gates), gates)
        for gradient in found:
            assert not gradient[:, 0].any() and (gradient[:, 1] != 0).float().mean() > 0.5

    def test_memory_falls_with_the_mask(self, space, io) -> None:
        """Everything, and every other part; the matrices of masks over weights stay whole."""
        gates = tuple(matrix.requires_grad_() for matrix in soft_gates(space.choices))
        other = tuple(k % 2 for choice in space.choices for k in range(choice.count))
        whole, half = (self.make(space, io, mask) for mask in (None, only(space.choices, other)))
        kept = [counts.saved_bytes(lambda net=net: self.run(net, io, gates)) for net in (whole, half)]
        assert kept[1] < kept[0] or space is SPACES["weights"]
        assert counts.parameters(half) < counts.parameters(whole)


def test_norm_over_units_that_are_on_by_hand():
    x = torch.tensor([[1.0, 3.0, 100.0]])
    on = weighted_norm(x, torch.tensor([1.0, 1.0, 0.0]), eps=1e-9)
    assert on[0, :2].tolist() == pytest.approx([-1.0, 1.0])  # mean 2, deviation 1
    half = weighted_norm(torch.tensor([[0.0, 3.0]]), torch.tensor([2.0, 1.0]), eps=1e-9)
    assert half[0].tolist() == pytest.approx([-(0.5**0.5), 2**0.5], rel=1e-5)  # mean 1, variance (2 * 1 + 4) / 3 = 2
    torch.testing.assert_close(weighted_norm(x, torch.ones(3)), weighted_norm(x))


@pytest.mark.parametrize(
    "space", [MLP(), MLP(parts="weights"), CNN((16, 24, 24))], ids=["units", "weights", "channels"]
)
def test_a_smaller_module_equals_the_masked_one(space):
    """Of the real sizes, in float32, to 1e-5; parameters are those of the parts that are left."""
    torch.manual_seed(0)
    supernet = space.supernet(IMAGES)
    x = torch.randn(64, 1, 8, 8)
    for seed in range(3):
        arch = random_arch(space, random.Random(seed))
        network = shrink(space, supernet, arch, IMAGES)
        masked = Gated(supernet, one_hot(space.choices, arch))
        torch.testing.assert_close(network.train()(x), masked(x), atol=1e-5, rtol=1e-5)
        assert counts.parameters(network) < 0.8 * counts.parameters(supernet)
    assert counts.parameters(space.build(constant_arch(space, "keep"), IMAGES)) == counts.parameters(supernet)


def test_weights_by_hand():
    arch = (1, 0, 1, 0, 0, 1, 1, 1, 0, 0)
    assert counts.parameters(MLP(width=5).build(arch, IMAGES)) == 64 * 2 + 2 * 3 + 3 * 10 + 10
    sparse = MLP(width=2, inputs=4, parts="weights")
    network = sparse.build((1, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 1), IO((4,), (3,)))
    assert counts.parameters(network) == 3 + 2 + 2 * 3 + 3
    assert counts.parameters(CNN((3, 4)).build((1, 0, 1, 1, 0, 0, 0), IMAGES)) == 9 * 2 + 4 + 9 * 2 + 2 + 10 + 10


@pytest.mark.parametrize("space", [MLP(width=4), CNN((3, 4, 2)), MLP(width=4, parts="weights")])
def test_costs_are_the_parameters_that_go_with_a_part(space):
    """Measured on networks without it."""
    whole = space.build(constant_arch(space, "keep"), IMAGES)
    position = 0
    for choice, prices in zip(space.choices, costs(space, IMAGES, "parameters"), strict=True):
        arch = [1] * sum(c.count for c in space.choices)
        arch[position] = 0
        smaller = space.build(tuple(arch), IMAGES)
        assert counts.parameters(whole) - counts.parameters(smaller) == float(prices[0, 1])
        position += choice.count


def test_magnitudes():
    space = MLP(width=2, inputs=2, floor=1)
    network = space.supernet(IO((2,), (2,)))
    network.layers[0].weight.data = torch.tensor([[1.0, -2.0], [0.5, 0.0]])
    assert space.magnitudes(network)[0].tolist() == [[0, 3], [0, 0.5]]


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="floor"):
        MLP(width=1)
    with pytest.raises(ValueError, match="1 channels or more"):
        CNN((4, 0))
    with pytest.raises(ValueError, match="inputs=64 numbers an example, got 9"):
        MLP(parts="weights").supernet(IO((1, 3, 3), (2,)))
    assert not MLP(width=3).valid((1, 1, 1, 1, 0, 0)) and MLP(width=3).valid((1, 1, 1, 1, 0, 1))


def test_latency_falls_with_density():
    """A quarter of the channels, interleaved: well below half of the time."""
    space, io = CNN((64, 64, 64)), IO((3, 32, 32), (10,))
    full = constant_arch(space, "keep")
    quarter = random_like(space, (*[1] * 16, *[0] * 48) * 3, torch.Generator().manual_seed(0))
    assert density(space, quarter) == pytest.approx(0.25)
    networks = [space.build(arch, io).eval() for arch in (full, quarter)]
    x = (torch.randn(8, 3, 32, 32),)
    rounds = [[latency(network, x, repeats=5, warmup=1).low for network in networks] for _ in range(3)]
    ratio = statistics.median(small / large for large, small in rounds)
    assert ratio < 0.5
    assert counts.macs(networks[1], x) < 0.15 * counts.macs(networks[0], x)


def test_the_graphs_count_parts():
    units = [op for _, op in MLP(width=3, depth=2).graph((1, 0, 1, 0, 1, 0))["network"].nodes(data="op") if op]
    assert units == [("linear", "units 2"), ("linear", "units 1")]
    channels = [op for _, op in CNN(channels=(2, 3)).graph((1, 1, 0, 0, 1))["network"].nodes(data="op") if op]
    assert channels == [("conv", "width 2"), ("conv", "width 1")]
