import pytest
import torch

from appnas.prune import masks
from appnas.space import IO, constant_arch, full_mask, one_hot, restrict
from appnas.spaces import CNN, MLP, Maskable
from appnas.supernet import Gated

IMAGES = IO((1, 8, 8), (10,))


def column(values):
    """Scores of a binary choice."""
    return torch.tensor([[0.0, float(v)] for v in values])


def test_parts_are_options_that_compute_and_are_allowed(bench201):
    assert masks.parts(MLP(width=2))[0].tolist() == [[False, True]] * 2
    mask = full_mask(bench201.choices)
    mask[0][0, 3] = False
    found = masks.parts(restrict(bench201, mask))[0]
    assert found[0].tolist() == [False, True, True, False, True]
    assert int(found.sum()) == 6 * 4 - 1


def test_complexity_by_hand():
    gates = (column([1, 0.5]), column([0.25]))
    prices = (column([2, 4]), column([2]))
    assert float(masks.complexity(gates, prices)) == pytest.approx((2 + 2 + 0.5) / 8)
    many = tuple(torch.stack([matrix, 0 * matrix]) for matrix in gates)
    assert masks.complexity(many, prices).tolist() == pytest.approx([4.5 / 8, 0.0])


def test_density_and_parts_kept():
    space = MLP(width=4)
    arch = (1, 1, 0, 0, 1, 1, 1, 0)
    assert masks.density(space, arch) == 5 / 8
    assert masks.kept(space, arch) == [2, 3]
    assert masks.density(space, arch, (column([1, 0, 0, 0]), column([0, 0, 0, 1]))) == 0.5


def test_costs_of_operations_are_measured(bench201):
    """Three stages of 2, 4 and 8 channels: convolution weights and batch norms; skips and pools weigh nothing."""
    found = masks.costs(bench201, IMAGES, "parameters")[0]
    large, small = (sum(size * c * c + 2 * c for c in (2, 4, 8)) for size in (9, 1))
    assert found.tolist() == [[0.0, 0.0, small, large, 0.0]] * 6
    assert torch.equal(masks.costs(bench201, IMAGES)[0], masks.parts(bench201)[0].float())
    with pytest.raises(ValueError, match="'parts' or 'parameters', got 'macs'"):
        masks.costs(bench201, IMAGES, "macs")


def test_costs_where_an_option_cannot_go(chain):
    """The only option of a decision has no price of its own."""
    mask = full_mask(chain.choices)
    mask[0][0] = torch.tensor([False, False, True, False, False])
    found = masks.costs(restrict(chain, mask), IO((3,), (1,)), "parameters")[0]
    assert float(found[0, 2]) == 1.0 and float(found[1, 2]) == 4 * 4 + 4


def test_strongest_by_hand():
    space = MLP(width=4, floor=1)
    scores = (column([0.1, 0.4, 0.3, 0.2]), column([9, 7, 8, 6]))
    assert masks.strongest(space, scores, [1, 3]) == (0, 1, 0, 0, 1, 1, 1, 0)
    assert masks.strongest(space, scores, 5) == (0, 1, 0, 0, 1, 1, 1, 1)
    assert masks.strongest(space, scores, 3) == (0, 1, 0, 0, 1, 1, 1, 0)  # the floor comes on top
    assert masks.strongest(space, scores, 8) == (1,) * 8
    assert masks.strongest(space, tuple(0 * s for s in scores), [2, 2]) == (1, 1, 0, 0) * 2  # ties to the first
    with pytest.raises(ValueError, match=r"\[4, 4\] parts to keep, got \[5, 0\]"):
        masks.strongest(space, scores, [5, 0])


def test_strongest_needs_binary_choices(bench201):
    with pytest.raises(ValueError, match="Maskable"):
        masks.strongest(bench201, (torch.rand(6, 5),), 3)
    assert sum(masks.strongest(Maskable(bench201), (torch.rand(24, 2),), 3)) == 3


def test_random_masks_keep_as_many_of_every_layer():
    space = MLP(width=8)
    arch = (1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0)
    draws = {masks.random_like(space, arch, torch.Generator().manual_seed(seed)) for seed in range(20)}
    assert len(draws) > 15
    assert {tuple(masks.kept(space, draw)) for draw in draws} == {(3, 5)}


def test_magnitudes_of_operations_are_what_they_change(chain):
    """A linear layer of known size beside a skip and an operation whose output is always 0."""
    space, io = Maskable(type(chain)(layers=1)), IO((3,), (1,))
    supernet = space.supernet(io)
    layer = supernet.supernet.layers[0]
    torch.nn.init.constant_(supernet.supernet.last.weight, 1.0)
    for name, size in (("linear", 3.0), ("tanh", 0.0)):
        torch.nn.init.zeros_(layer[name][0].weight)
        torch.nn.init.constant_(layer[name][0].bias, size)
    x = torch.randn(5, 3)
    skip, tanh, sigmoid, linear = masks.magnitudes(space, supernet, (x,))[0][:, 1].tolist()
    assert tanh == 0 and linear == pytest.approx(4 * 3.0, rel=1e-5) and 0 < sigmoid < 4
    with torch.no_grad():
        assert skip == pytest.approx(float(supernet.supernet.first(x).sum(1).abs().mean()), rel=1e-5)


def test_magnitudes_are_the_space_s_own_where_it_has_them():
    space = MLP(width=3, inputs=4)
    network = space.supernet(IO((4,), (2,)))
    assert torch.equal(masks.magnitudes(space, network, ())[0], space.magnitudes(network)[0])


def test_snip_is_the_sensitivity_of_a_connection():
    """|w dL/dw| for a single weight: the gate multiplies it."""
    space = MLP(width=3, inputs=4, parts="weights", floor=1)
    io = IO((4,), (2,))
    torch.manual_seed(0)
    supernet = space.supernet(io)
    x, y = torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 1, 0])

    class Data:
        def loss(self, model, batch):
            return torch.nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    loss = masks.mean_loss(supernet, Data(), [(x[:2], y[:2]), (x[2:], y[2:])])
    found = masks.snip(space, loss)
    weights = [layer.values for layer in supernet.layers]
    plain = torch.nn.functional.cross_entropy(supernet(x), y)
    for scores, weight, gradient in zip(found, weights, torch.autograd.grad(plain, weights), strict=True):
        torch.testing.assert_close(scores[:, 1], (weight * gradient).abs().detach())


def test_a_gated_supernet_is_a_plain_module(digits):
    space = CNN((3, 4))
    supernet = space.supernet(digits.io)
    arch = constant_arch(space, "keep")
    model = Gated(supernet, one_hot(space.choices, arch))
    x = digits.example(5)
    torch.testing.assert_close(model(*x), supernet(*x))
    assert dict(model.named_parameters()).keys() == {f"supernet.{name}" for name, _ in supernet.named_parameters()}


def test_weights_that_do_not_fit_are_named(chain):
    io = IO((3,), (1,))
    wide = type(chain)(width=9)
    with pytest.raises(ValueError, match=r"no weight 'first.weight' of shape \(4, 3\)"):
        masks.shrink(chain, wide.supernet(io), (2, 2), io)
