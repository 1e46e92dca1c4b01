"""appnas.spaces.eda.net_map: both suites with both heads; without nets it is the map network; what does not matter."""

import random

import pytest
import torch

from appnas.space import IO, full_mask, random_arch, size
from appnas.spaces import GuideDag, NetMap
from appnas.spaces.eda.net_map import OWN, ROUNDS
from appnas.support import seeded
from appnas.testing import SpaceSuite, SupernetSuite

SMALL = NetMap(
    width=4, strides=(1, 2), branches=1, vertices=("conv", "mix"), kernels=(3,), dense=4, rounds=2, hidden=(3, 4)
)
MAPS = IO((2, 8, 8), (8, 8), nets=True)


def nets(count, pins=12, rows=64):
    """Random netlists, the last one with fewer pins."""
    rng = torch.Generator().manual_seed(1)
    gcells = torch.randint(rows, (count, pins, 1), generator=rng)
    found = torch.cat([gcells, torch.randint(pins, (count, pins, 2), generator=rng)], -1)
    found[-1, pins // 2 :] = -1
    return found


class OnNets:
    def inputs(self, io, count):
        return (*super().inputs(io, count), nets(count))

    @pytest.fixture
    def space(self):
        return SMALL

    @pytest.fixture(params=[(3,), (8, 8)], ids=["numbers", "maps"])
    def io(self, request):
        return IO((2, 8, 8), request.param, nets=True)


class TestSpace(OnNets, SpaceSuite):
    pass


class TestSupernet(OnNets, SupernetSuite):
    def learns_alike(self, space):
        """As of guide-DAGs."""
        return False

    def narrow(self, space, odd):
        """Every other option of the decisions on nets, with a round, and every other edge."""
        mask = full_mask(space.choices)
        for name, matrix in zip(OWN, mask, strict=False):
            matrix[:, int(odd == (name != "rounds")) :: 2] = False
        for matrix in mask[len(OWN) :]:
            matrix[int(odd) :: 2, 1] = False
        return mask


def test_the_whole_space():
    assert size(NetMap()) == 2 * 4 * 3 * 3 * 3 * 3 * 3 * 2**112
    with pytest.raises(ValueError, match="hidden widths are one or more different numbers"):
        NetMap(hidden=(8, 8))
    with pytest.raises(ValueError, match="strides are 1 or 2"):
        NetMap(strides=(3,))
    with pytest.raises(ValueError, match=r"netlist=True \(--domain.netlist\)"):
        SMALL.build(random_arch(SMALL, random.Random(0)), IO((2, 8, 8), (8, 8)))


def arch_of(**said):
    """An architecture by the names of its options on nets, with every edge."""
    own = (SMALL.options[name].index(said.get(name, SMALL.options[name][-1])) for name in OWN)
    return (*own, *[1] * sum(c.count for c in SMALL.frame.choices))


def test_without_a_round_it_is_the_map_network():
    arch = arch_of(rounds="none", join="gate")
    network = seeded(0, lambda: SMALL.build(arch, MAPS)).eval()
    frame = GuideDag(width=4, strides=(1, 2), branches=1, vertices=("conv", "mix"), kernels=(3,), dense=4)
    alone = seeded(0, lambda: frame.build(arch[len(OWN) :], IO((2, 8, 8), (8, 8)))).eval()
    x = torch.randn(3, 2, 8, 8)
    assert torch.equal(network(x, nets(3)), alone(x))
    assert SMALL.canonical(arch)[: len(OWN)] == (0,) * len(OWN) and ROUNDS == 1
    assert list(SMALL.graph(arch)["nets"].nodes(data="op"))[1:] == [("1", "on maps")]


@pytest.mark.parametrize("nodes", ["gcells", "cells"])
@pytest.mark.parametrize("place", ["stage0", "stage1", "end"])
def test_what_does_not_matter(nodes, place):
    """The order of pins, the numbers of nets and cells, and how many absent pins there are."""
    network = seeded(0, lambda: SMALL.build(arch_of(nodes=nodes, place=place), MAPS)).eval()
    x, pins = torch.randn(3, 2, 8, 8), nets(3)
    out = network(x, pins)
    order = torch.randperm(12)
    torch.testing.assert_close(network(x, pins[:, order]), out)
    other = torch.cat([pins, torch.full((3, 5, 3), -1)], 1)
    torch.testing.assert_close(network(x, other), out)
    renamed = torch.where(pins >= 0, torch.stack([pins[..., 0], 11 - pins[..., 1], 11 - pins[..., 2]], -1), pins)
    torch.testing.assert_close(network(x, renamed), out)
    pins[0, :, 0] = pins[0, :, 0].roll(1)
    moved = network(x, pins)
    assert not torch.allclose(moved[0], out[0]) and torch.equal(moved[1:], out[1:])


def test_odd_maps_and_exports():
    """7 x 5 gcells; torch.export and ONNX are in tests/test_leaves.py."""
    io = IO((2, 7, 5), (7, 5), nets=True)
    network = SMALL.build(arch_of(place="end"), io).eval()
    assert network(torch.randn(2, 2, 7, 5), nets(2, rows=35)).shape == (2, 7, 5)
    assert list(network.axes()) == ["x", "pins"]
    x, pins = network.smaller(torch.randn(2, 2, 7, 5), nets(2, rows=35))
    assert x.shape[0] == 1 and pins.shape == (1, 6, 3) and pins[..., 1:].max() < 6
