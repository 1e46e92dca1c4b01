import itertools
import random

import pytest
import torch

from appnas.prune import shrink
from appnas.space import IO, full_mask, one_hot, only, random_arch, restrict, size
from appnas.spaces import Bench201, Cells, Maskable
from appnas.spaces.parts import keep
from appnas.supernet import Gated, Mixed
from appnas.testing import SpaceSuite, SupernetSuite
from appnas.testing.parts import soft_gates

IMAGES = IO((1, 8, 8), (10,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self, bench201: Bench201) -> Maskable:
        return Maskable(bench201)

    @pytest.fixture
    def io(self) -> IO:
        return IMAGES


class TestOtherSpaces(TestSpace):
    """Cells, a space on vectors, and one whose own mask takes `none` and an operation away."""

    @pytest.fixture(params=["cells", "chain", "restricted"])
    def space(self, request, cells: Cells, chain, bench201: Bench201) -> Maskable:
        mask = full_mask(bench201.choices)
        mask[0][0] = torch.tensor([False, True, True, False, False])
        found = {"cells": cells, "chain": chain, "restricted": restrict(bench201, mask)}
        return Maskable(found[request.param])

    @pytest.fixture
    def io(self, request, space) -> IO:
        return IO((3,), (1,)) if type(space.space).__name__ == "Chain" else IMAGES

    def test_permuted_scores_permute_the_architecture(self, space) -> None:
        """Binary decisions have one option that computes something; what can be permuted is `keep` against `none`."""
        for arch in self.archs(space, 20):
            assert space.discretise(one_hot(space.choices, arch)) == arch

    def test_random_architectures_are_roughly_uniform(self, space) -> None:
        """A mask makes some parts rarer: the draws are only checked to be many."""
        archs = self.archs(space, 60)
        assert len(set(archs)) > 30

    def test_restriction(self, space) -> None:
        """Inside a space's own mask too."""
        arch = self.archs(space, 1)[0]
        single = restrict(space, only(space.choices, arch))
        assert size(single) == 1 and single.discretise(soft_gates(space.choices, 5)) == arch


class TestSupernet(SupernetSuite):
    @pytest.fixture
    def space(self, bench201: Bench201) -> Maskable:
        return Maskable(bench201)

    @pytest.fixture
    def io(self) -> IO:
        return IMAGES

    def coincides(self, space, arch) -> bool:
        """In training mode both normalise by the batch."""
        return True

    def test_masked_options_are_not_there(self, space, io) -> None:
        """Operations that a mask excludes are not built, and pass no gradient."""
        arch = self.arch(space, 1)
        supernet = self.make(space, io, only(space.choices, arch))
        assert len(self.operations(supernet)) == 3 * sum(arch)  # a cell a stage
        gates = tuple(matrix.requires_grad_() for matrix in soft_gates(space.choices))
        found = torch.autograd.grad(self.loss(supernet, io)(gates), gates)
        for gradient, matrix in zip(found, only(space.choices, arch), strict=True):
            assert not gradient[~matrix].any()
        assert sum(int((gradient != 0).sum()) for gradient in found) > 0


class TestSupernetOfCells(TestSupernet):
    @pytest.fixture
    def space(self, cells: Cells) -> Maskable:
        return Maskable(cells)

    def test_masked_options_are_not_there(self, space, io) -> None:
        """A choice of Cells stands in several cells: operations are built once in each."""
        arch = self.arch(space, 1)
        supernet = self.make(space, io, only(space.choices, arch))
        (normal, reduce) = torch.tensor(arch).split([c.count for c in space.choices])
        assert len(self.operations(supernet)) == int(normal.sum()) + 2 * int(reduce.sum())


def test_keep_by_hand():
    v = torch.tensor([0.9, 0.4, 0.6, 0.2])
    gates = (torch.stack([1 - v, v], -1),)
    assert keep(gates, 1) == (1, 0, 1, 0)
    assert keep(gates, 3) == (1, 1, 1, 0)
    assert keep((gates[0].expand(5, -1, -1),), 1) == (1, 0, 1, 0)
    assert keep((torch.tensor([[1.0, 0.1], [1.0, 0.3], [1.0, 0.2]]),), 1) == (0, 1, 0)
    assert keep(gates, 1, [[[0, 1], [1, 3]]]) == (1, 1, 1, 0)  # of the second and the last one must stay


def test_a_decision_without_none_keeps_an_operation(chain):
    """The rule follows what the space offers and its mask allows."""
    mask = full_mask(chain.choices)
    mask[0][1, 0] = False
    space = Maskable(restrict(chain, mask))
    off = tuple(torch.tensor([1.0, 0.0]).expand(8, 2) for _ in space.choices)
    arch = space.discretise(off)
    assert space.valid(arch) and sum(arch[:4]) == 0 and sum(arch[4:]) == 1
    assert not space.valid((1, *[0] * 7)) and not space.valid((0,) * 7)
    assert not Maskable(chain).valid((0,) * 8)


def test_a_cell_is_never_cut(bench201: Bench201):
    """Edges (0,1) (0,2) (1,2) (0,3) (1,3) (2,3), four operations each: a path from state 0 to state 3 stays."""
    space = Maskable(bench201)
    cut = torch.zeros(6, 4)
    cut[0, 2] = cut[2, 1] = 1.0  # 0 to 1, 1 to 2
    assert not space.valid(tuple(cut.flatten().int().tolist()))
    scores = torch.stack([torch.ones(24), 1.8 * cut.flatten()], -1)
    scores[5 * 4 + 3, 1] = 0.5  # 2 to 3 lacks less than 0 to 3 does
    found = torch.tensor(space.discretise((scores,))).reshape(6, 4)
    assert found.nonzero().tolist() == [[0, 2], [2, 1], [5, 3]]
    assert space.valid(tuple(found.flatten().tolist()))


def test_a_path_avoids_what_a_mask_closes(bench201: Bench201):
    """Without any operation from 0 to 3 and from 1 to 3, it leads over 2; without all three nothing is asked."""
    mask = full_mask(bench201.choices)
    mask[0][[3, 4]] = torch.tensor([True, False, False, False, False])
    space = Maskable(restrict(bench201, mask))
    found = torch.tensor(space.discretise((torch.tensor([1.0, 0.0]).expand(24, 2),))).reshape(6, 4)
    assert bool(found[5].any()) and bool(found[1].any() | (found[0].any() & found[2].any()))
    mask[0][5] = mask[0][3]
    closed = Maskable(restrict(bench201, mask))
    assert sum(closed.discretise((torch.tensor([1.0, 0.0]).expand(24, 2),))) == 1


def test_several_operations_of_an_edge_are_added(bench201: Bench201):
    """Against the space's own supernet under the same gates."""
    space = Maskable(bench201)
    torch.manual_seed(0)
    inner = bench201.supernet(IMAGES)
    torch.manual_seed(0)
    ours = space.supernet(IMAGES)
    v = torch.rand(6, 4, generator=torch.Generator().manual_seed(1))
    x = torch.randn(4, 1, 8, 8)
    theirs = inner(x, gates=(torch.cat([torch.zeros(6, 1), v], 1),))
    assert torch.equal(ours(x, gates=(torch.stack([1 - v.flatten(), v.flatten()], -1),)), theirs)
    assert torch.equal(ours(x), inner(x, gates=(torch.tensor([0.0, 1, 1, 1, 1]).expand(6, 5),)))


@pytest.mark.parametrize("name", ["bench201", "cells"])
def test_a_smaller_module_equals_the_masked_one(name, request):
    """Operations are gone, the output is the same, and statistics of batches are kept for use on single images."""
    space = Maskable(request.getfixturevalue(name))
    supernet = space.supernet(IMAGES)
    x = torch.randn(6, 1, 8, 8)
    for seed in range(3):
        arch = random_arch(space, random.Random(seed))
        network = shrink(space, supernet, arch, IMAGES)
        masked = Gated(supernet, one_hot(space.choices, arch))
        torch.testing.assert_close(network.train()(x), masked(x), atol=1e-5, rtol=1e-5)
        assert sum(len(m) for m in network.modules() if isinstance(m, Mixed)) < sum(
            len(m) for m in supernet.modules() if isinstance(m, Mixed)
        )
        network.eval()
        alone = torch.cat([network(row[None]) for row in x])
        torch.testing.assert_close(alone, network(x), atol=1e-5, rtol=1e-4)


def test_every_mask_of_a_small_space_is_a_network(chain):
    space = Maskable(type(chain)(layers=1))
    x = torch.randn(3, 3)
    seen = set()
    for arch in itertools.product((0, 1), repeat=4):
        if space.valid(arch):
            torch.manual_seed(0)
            seen.add(tuple(space.build(arch, IO((3,), (1,)))(x).flatten().tolist()))
    assert len(seen) == 2**4 - 1
