import random

import pytest
import torch

from appnas.cost import counts
from appnas.space import IO, parse, random_arch, size
from appnas.spaces import Torso
from appnas.spaces.rl.torso import fitted
from appnas.testing import SpaceSuite, SupernetSuite

FOUR = IO((4,), (3,))


@pytest.fixture
def space() -> Torso:
    return Torso(layers=2, widths=(4, 6), activations=("tanh", "relu"))


@pytest.fixture
def io() -> IO:
    return FOUR


class TestSpace(SpaceSuite):
    pass


class TestSupernet(SupernetSuite):
    def coincides(self, space: Torso, arch) -> bool:
        """Where all layers are as wide as the supernet's."""
        return all(k == 1 for k in arch[1 : 2 + arch[0]])


def arch(space, depth, *layers):
    """By names: every layer's width, activation, norm and skip."""
    rows = [*layers, *[(str(space.widths[0]), space.activations[0], space.norms[0], "none")] * (space.layers - depth)]
    names = {name: [row[i] for row in rows] for i, name in enumerate(("width", "activation", "norm", "skip"))}
    return parse(space, {"depth": [str(depth)], **names, "skip": names["skip"][1:]})


def test_sizes_by_hand(space):
    """One layer: 2 widths x 2 activations x 2 norms; two: that squared, with or without a skip. PPO's is a point."""
    assert size(space) == 8 + 2 * 64 and size(Torso()) == 18 + 2 * 18**2 + 4 * 18**3
    ppo = Torso(layers=2, widths=(64,), activations=("tanh",), norms=("off",))
    net = ppo.build(arch(ppo, 2, ("64", "tanh", "off", "none"), ("64", "tanh", "off", "none")), FOUR)
    assert counts.parameters(net) == 5 * 64 + 65 * 64 + 65 * 3
    x = torch.rand(5, 4)
    first, second = (layer.linear for layer in net.layers)
    torch.testing.assert_close(net(x), net.output(second(first(x).tanh()).tanh()))


def test_what_a_layer_computes():
    """A norm before the activation, and what came in added after it, as far as both reach."""
    space = Torso(layers=2, widths=(3, 5), activations=("relu",))
    net = space.build(arch(space, 2, ("3", "relu", "off", "none"), ("5", "relu", "layer", "skip")), IO((4,), ()))
    x = torch.randn(6, 4)
    h = net.layers[0].linear(x).relu()
    z = net.layers[1].linear(h)
    normed = (z - z.mean(1, keepdim=True)) / (z.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(net(x), normed.relu() + torch.cat([h, torch.zeros(6, 2)], 1))


def test_a_narrow_network_is_a_part_of_the_supernet(space):
    """The first rows and columns of its matrices: one-hot gates give the same features, and zeros after them."""
    torch.manual_seed(0)
    whole = space.supernet(IO((4,), ()))
    rng = random.Random(0)
    for _ in range(20):
        found = random_arch(space, rng)
        alone = space.build(found, IO((4,), ()))
        for small, large in zip(alone.layers, whole.layers, strict=False):
            rows, columns = small.linear.weight.shape
            small.linear.weight.data = large.linear.weight.data[:rows, :columns]
            small.linear.bias.data = large.linear.bias.data[:rows]
        gates = tuple(
            torch.nn.functional.one_hot(torch.tensor(row), len(choice.options)).float()
            for choice, row in zip(
                space.choices, ([found[0]], found[1:3], found[3:5], found[5:7], found[7:]), strict=True
            )
        )
        x = torch.randn(3, 4)
        torch.testing.assert_close(whole(x, gates), fitted(alone(x), 6))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": 0}, "layers"),
        ({"widths": ()}, "at least one"),
        ({"widths": (8, 8)}, "none twice"),
        ({"widths": (0, 8)}, "1 or more"),
        ({"activations": ("sine",)}, "tanh, relu.*'sine'"),
        ({"norms": ("batch",)}, "off, layer"),
    ],
)
def test_settings_are_checked(settings, words):
    with pytest.raises(ValueError, match=words):
        Torso(**settings)
