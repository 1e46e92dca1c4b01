import dataclasses
import math
import random

import pytest
import torch
from torch import nn

from appnas.cost import counts
from appnas.space import IO, Arch, describe, one_hot, random_arch, size
from appnas.spaces import Encoder
from appnas.spaces.rl import CLASSIC_OPS, MICRO_OPS, ImpalaCNN
from appnas.spaces.rl.encoder import EncoderCell, node_norm
from appnas.testing import SpaceSuite, SupernetSuite

TINY = {"nodes": 3, "channels": (2, 3), "cells": 1, "width": (2, 3), "depth": 1, "hidden": 8}
PROCGEN = IO((3, 64, 64), (16,))


@pytest.fixture
def io() -> IO:
    return IO((3, 16, 16), (5,))


@pytest.fixture(params=["micro", "classic"])
def space(request) -> Encoder:
    return Encoder(request.param, **TINY)


class TestSpace(SpaceSuite):
    pass


class TestSupernet(SupernetSuite):
    def coincides(self, space: Encoder, arch: Arch) -> bool:
        """Sizes are equal here, and no norm has weights or statistics."""
        return True


class TestGroupNorm(TestSupernet):
    @pytest.fixture
    def space(self) -> Encoder:
        return Encoder(norm="group", **TINY)


def test_the_spaces_of_the_paper():
    """The lists of the authors' code, four nodes; sizes worked out by hand: 4, 16, 48, 96 and 5, 25, 75, 150 cells."""
    micro, classic = Encoder("micro"), Encoder("classic")
    assert micro.options == MICRO_OPS == ("conv_3x3", "relu", "tanh", "skip", "zero")
    assert classic.options == CLASSIC_OPS and len(CLASSIC_OPS) == 6
    assert [c.name for c in micro.choices] == ["normal"] and [c.name for c in classic.choices] == ["normal", "reduce"]
    assert [c.count for c in classic.choices] == [10, 10]
    assert micro.channels == (16, 16, 16) and micro.width == (16, 32, 32) and micro.hidden == 256

    def cells(options: int) -> int:
        return options * math.prod(math.comb(n, 2) * options**2 for n in (2, 3, 4))

    assert size(micro) == cells(4) == 294_912 and size(classic) == cells(5) ** 2 == 1_406_250**2
    rng, seen = random.Random(0), set()
    small = Encoder(nodes=2)
    for _ in range(2000):
        seen.add(random_arch(small, rng))
    assert len(seen) == 4 * 16


def test_derivation_by_hand():
    """Zero never wins; the two strongest predecessors stay; node 0 has one; ties go to the first."""
    space = Encoder(nodes=3)
    gates = torch.full((6, 5), 0.1)
    gates[:, 4] = 0.9
    gates[0, 1] = 0.2
    gates[3, 2], gates[5, 0] = 0.3, 0.4
    arch = describe(space.choices, space.discretise((gates,)))["normal"]
    assert arch == ["relu", "conv_3x3", "conv_3x3", "tanh", "zero", "conv_3x3"]
    assert describe(space.choices, space.discretise((torch.ones(6, 5),)))["normal"][3:] == ["conv_3x3"] * 2 + ["zero"]


def test_sizes_of_impala():
    """Counted by hand: 15 convolutions, a hidden layer over 32 x 8 x 8, an output layer."""
    convolutions = sum((9 * a + 1) * b + 4 * (9 * b + 1) * b for a, b in ((3, 16), (16, 32), (32, 32)))
    net = ImpalaCNN(PROCGEN)
    assert counts.parameters(net) == convolutions + (32 * 64 + 1) * 256 + 257 * 16
    assert net(torch.rand(2, 3, 64, 64)).shape == (2, 16)
    normed = ImpalaCNN(PROCGEN, norm="group")
    assert sum(isinstance(part, nn.GroupNorm) for part in normed.modules()) == 6
    assert [tuple(p.shape) for p in normed.parameters()] == [tuple(p.shape) for p in net.parameters()]
    features = ImpalaCNN(IO((3, 64, 64), ()))
    assert features(torch.rand(2, 3, 64, 64)).shape == (2, 256) and (features(torch.rand(2, 3, 64, 64)) >= 0).all()


def test_sizes_of_the_supernets():
    """Micro: per stage an entry and two cells of 10 convolutions and a joining one. Classic: three cells a stage."""
    micro = Encoder().supernet(PROCGEN)
    stages = sum((9 * c + 1) * 16 + 2 * (10 * (9 * 16 + 1) * 16 + (64 + 1) * 16) for c in (3, 16, 16))
    head = (16 * 64 + 1) * 256 + 257 * 16
    assert counts.parameters(micro) == stages + head
    classic = Encoder("classic").supernet(PROCGEN)
    cell = 10 * 2 * ((9 + 25) * 16 * 16 + 2 * 16) + (64 + 1) * 16
    assert counts.parameters(classic) == (27 + 1) * 16 + 9 * cell + head


def test_resolutions():
    """A stage halves; odd sides round up; the derived network is wider and deeper."""
    maps = []
    for variant in ("micro", "classic"):
        space = Encoder(variant, nodes=2, channels=(2, 4), width=(4, 6, 8), depth=3, hidden=8)
        net = space.build(random_arch(space, random.Random(0)), IO((1, 18, 35), (2,)))
        cells = [m for m in net.modules() if isinstance(m, EncoderCell)]
        for cell in cells:
            cell.register_forward_hook(lambda m, x, y: maps.append(tuple(y.shape[1:])))
        net(torch.rand(2, 1, 18, 35))
        assert maps == [s for s in ((4, 9, 18), (6, 5, 9), (8, 3, 5)) for _ in range(3 + (variant == "classic"))]
        maps.clear()


def test_batch_norm_never_uses_running_statistics():
    """The same output in training and evaluation mode, and nothing remembered: acting equals learning."""
    net = Encoder(**TINY).build((0, 0, 0, 0, 0, 4), IO((3, 16, 16), (5,)))
    x = torch.rand(4, 3, 16, 16)
    torch.testing.assert_close(net.train()(x), net.eval()(x))
    assert not list(net.buffers())
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and all(m.eps == 1e-3 and not m.affine and not m.track_running_stats for m in norms)
    assert not torch.allclose(net(x)[:2], net(x[:2]))
    alone = dataclasses.replace(Encoder(**TINY), norm="group").build((0, 0, 0, 0, 0, 4), IO((3, 16, 16), (5,)))
    torch.testing.assert_close(alone(x)[:2], alone(x[:2]))
    assert isinstance(node_norm(6, "none"), nn.Identity) and node_norm(6, "group").num_groups == 2


def test_weights_keep_channels_last():
    net = Encoder().supernet(PROCGEN)
    weight = next(m.weight for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3))
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_noise_is_fresh_and_useless():
    space = Encoder(ops=("noise", "zero"), **TINY)
    net = space.supernet(IO((3, 16, 16), (5,)))
    x, gates = torch.rand(4, 3, 16, 16), tuple(one_hot(space.choices, space.discretise((torch.ones(6, 2),))))
    assert not torch.equal(net(x, gates), net(x, gates))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"variant": "tiny"}, "'micro', 'classic'"),
        ({"ops": ("relu",)}, "zero"),
        ({"ops": ("zero",)}, "at least one other"),
        ({"nodes": 0}, "nodes"),
        ({"channels": ()}, "channels"),
        ({"width": (8, 0)}, r"\(8, 0\)"),
    ],
)
def test_settings_are_checked(settings, words):
    with pytest.raises(ValueError, match=words):
        Encoder(**settings)


def test_observations_that_do_not_fit():
    with pytest.raises(ValueError, match=r"\[C, H, W\].*\(4,\); the space `torso` takes vectors"):
        Encoder().supernet(IO((4,), (2,)))
    for make in (Encoder().supernet, ImpalaCNN):
        with pytest.raises(ValueError, match="at least 16 pixels a side, got 15 x 64"):
            make(IO((3, 15, 64), (2,)))
