"""appnas.space.sampling: uniform draws, of rules that are no product, under masks, by a space's own sample."""

import random
import warnings
from collections import Counter
from dataclasses import dataclass
from itertools import product

import pytest
import torch

from appnas.space import (
    Choice,
    Listed,
    UnevenWarning,
    argmax,
    everything,
    full_mask,
    only,
    random_arch,
    restrict,
    size,
    without,
)  # fmt: skip
from appnas.space.sampling import held
from appnas.spaces import GNN, Cells, Encoder, NASBenchGraph, Recurrent, Robust, Slots
from appnas.spaces.parts import Maskable
from appnas.testing import chi_squared


@dataclass(frozen=True)
class UNet:
    """Depth, width, and a kernel for each level that there is: 14 architectures of either width."""

    mask = None
    choices = (Choice("depth", ("1", "2", "3")), Choice("width", ("4", "8")), Choice("kernel", ("3x3", "5x5"), 3))

    def valid(self, arch):
        return not any(arch[3 + arch[0] :])

    def discretise(self, gates):
        arch = argmax(gates)
        return arch[: 3 + arch[0]] + (0,) * (2 - arch[0])


@dataclass(frozen=True)
class Conditional(UNet):
    """The same, which says what is there."""

    def active(self, arch):
        return (True, True, *(level <= arch[0] for level in range(3)))


@dataclass(frozen=True)
class Sparse:
    """Decisions that must all be equal."""

    count: int = 6
    mask = None

    @property
    def choices(self):
        return (Choice("layer", ("a", "b", "c", "d"), self.count),)

    def valid(self, arch):
        return len(set(arch)) == 1

    def discretise(self, gates):
        return (int(gates[0].sum(-2).argmax()),) * self.count


def uneven():
    """Cells of two nodes: the second keeps two of three edges, which have 1, 2 and 3 operations."""
    space = Cells(ops=("none", "skip_connect", "sep_conv_3x3", "max_pool_3x3"), nodes=2)
    mask = full_mask(space.choices)
    mask[0][2, 2:] = mask[0][3, 3] = False
    mask[0][:2, 2:] = False
    mask[1][:, 2:] = False
    return restrict(space, mask)


def masked(space, *options):
    return restrict(space, without(space.choices, options))


def widths():
    """Hidden sizes and heads of a graph network, as far as their product is at most 16."""
    space = GNN(widest=16)
    mask = only(space.choices, (0,) * 11)
    mask[0][:] = mask[2][0] = True
    return restrict(space, mask)


SPACES = {
    "unet": UNet(),
    "conditional": Conditional(),
    "narrow": masked(Conditional(), "3x3"),
    "few of many": Sparse(),
    "listed": Listed((Choice("a", ("x", "y", "z"), 6),), [a for a in product(range(3), repeat=6) if sum(a) == 2]),
    "uneven cells": uneven(),
    "cells": Cells(ops=("none", "skip_connect", "sep_conv_3x3"), nodes=1),
    "s2": Robust(kind="s2", nodes=1),
    "s3 without skips": masked(Robust(kind="s3", nodes=2), "skip_connect"),
    "encoder": masked(Encoder(nodes=2), "tanh", "skip"),
    "recurrent": Recurrent(nodes=3),
    "recurrent, relu and tanh": masked(Recurrent(nodes=3), "sigmoid", "linear"),
    "slots": Slots(ops=("none", "sep_conv_3x3", "skip_connect"), nodes=1),
    "slots without skips": masked(Slots(ops=("none", "sep_conv_3x3", "skip_connect"), nodes=1), "skip_connect"),
    "gnn": widths(),
    "graphs": masked(NASBenchGraph(), "gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "0000", "0001", "0123"),
}


@pytest.mark.parametrize("name", SPACES)
def test_every_valid_architecture_comes_equally_often(name):
    """Pearson's test over all of them."""
    space, rng = SPACES[name], random.Random(1)
    known = everything(space) or []
    if len(known) > 400:
        known = []
    drawn = Counter(random_arch(space, rng) for _ in range(4000))
    known = known or sorted(drawn)
    assert set(drawn) == set(known) and chi_squared([drawn[arch] for arch in known]) > 1e-3


def test_a_depth_is_drawn_as_often_as_it_has_architectures():
    """2, 4 and 8 of 14: .143, .286, .571."""
    rng = random.Random(0)
    for space in (UNet(), Conditional()):
        depths = Counter(random_arch(space, rng)[0] for _ in range(7000))
        expected = [1000, 2000, 4000]
        assert sum((depths[k] - n) ** 2 / n for k, n in enumerate(expected)) < 13.8  # p = 0.001
        assert size(space) == 48 and len(everything(space)) == 28


def test_a_first_draw_that_is_valid_is_kept(bench201, cells):
    """A decision in turn, as ever; and a valid draw consumes nothing else."""
    one, two = random.Random(5), random.Random(5)
    assert random_arch(bench201, one) == tuple(two.randrange(5) for _ in range(6)) and one.random() == two.random()


def test_what_is_found_out_about_a_space_consumes_no_random_numbers():
    """The second search with a space draws as the first one did, and as one with an equal space."""
    first, second = Sparse(), Sparse()
    draws = [
        [random_arch(s, rng) for _ in range(9)] for s, rng in ((s, random.Random(2)) for s in (first, first, second))
    ]
    assert draws[0] == draws[1] == draws[2]


def test_where_draws_are_hopeless_a_warning_says_so_once():
    space, rng = Sparse(20), random.Random(0)
    with pytest.warns(UnevenWarning, match=r"fewer than 1 in 1,000 .* of Sparse is valid.*not uniform.*sample\(rng\)"):
        arch = random_arch(space, rng)
    assert space.valid(arch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(space.valid(random_arch(space, rng)) for _ in range(20))


def test_a_sample_of_its_own_is_used_and_checked():
    class Own(Sparse):
        def sample(self, rng):
            return (rng.randrange(4),) * 20

    class Wrong(Sparse):
        def sample(self, rng):
            return (0, *(1,) * 19)

    drawn = Counter(random_arch(Own(20), random.Random(3)) for _ in range(1))
    rng = random.Random(3)
    drawn = Counter(random_arch(Own(20), rng) for _ in range(2000))
    assert len(drawn) == 4 and chi_squared(list(drawn.values())) > 1e-3
    inner = masked(Own(20), "b")  # takes no mask: what it gives is kept if allowed
    drawn = Counter(random_arch(inner, rng) for _ in range(2000))
    assert len(drawn) == 3 and chi_squared(list(drawn.values())) > 1e-3
    with pytest.raises(ValueError, match=r"sample of a space gives .* that of Wrong gave"):
        random_arch(Wrong(20), rng)
    with pytest.raises(AttributeError, match="takes no mask"):
        inner.sample  # noqa: B018


def test_a_space_that_narrows_the_rules_of_its_base_keeps_what_it_may():
    @dataclass(frozen=True)
    class NoSkips(Cells):
        def valid(self, arch):
            return super().valid(arch) and 3 not in arch

    rng = random.Random(0)
    assert all(3 not in random_arch(NoSkips(nodes=2), rng) for _ in range(50))


def test_masks_upon_masks_are_all_kept():
    space = Cells(nodes=2)
    outer = masked(masked(space, "skip_connect"), "max_pool_3x3")
    rng = random.Random(0)
    assert all(outer.valid(random_arch(outer, rng)) and not {1, 3} & set(random_arch(outer, rng)) for _ in range(50))


def test_what_may_be_held_is_more_than_a_mask_says():
    robust = Robust(kind="s2", nodes=2)  # `none` is no candidate, and yet what drops an edge
    assert held(robust)[0] == [
        k for k, name in enumerate(robust.ops) if name in ("none", "skip_connect", "sep_conv_3x3")
    ]
    assert held(masked(Conditional(), "3x3"))[2:] == [[0, 1]] * 3 and held(masked(UNet(), "4"))[1] == [1]
    assert held(UNet())[0] == [0, 1, 2]


def test_parts_of_any_supernet(bench201):
    space, rng = Maskable(bench201), random.Random(0)
    assert all(space.valid(random_arch(space, rng)) for _ in range(20))


def test_lists_under_masks():
    inner = masked(SPACES["listed"], "z")
    assert size(inner) == 15 == len(everything(inner)) and inner.valid(inner.discretise((torch.rand(6, 3),)))
