import random

import pytest
import torch

from appnas.space import IO, describe, legal, only, random_arch, restrict, size
from appnas.spaces import Cells, Robust
from appnas.testing import SpaceSuite, SupernetSuite

TINY = {"channels": 2, "cells": 3, "width": 2, "depth": 3, "auxiliary": False}


@pytest.fixture
def io() -> IO:
    return IO((1, 8, 8), (10,))


@pytest.mark.parametrize("space", [Robust(kind=kind, **TINY) for kind in ("s2", "s3")], ids=["s2", "s3"])
class TestSpace(SpaceSuite):
    pass


@pytest.mark.parametrize("space", [Robust(kind="s2", nodes=2, **TINY)], ids=["s2"])
class TestSupernet(SupernetSuite):
    def coincides(self, space, arch):
        return True

    def hard(self, space, arch):
        return tuple(m.double() for m in super().hard(space, arch))


def test_s1_has_its_own_operations_on_every_edge(io):
    """Zela et al., as in the authors' code: the first and the last edges of both cells."""
    space = Robust(kind="s1", **TINY)
    names = [[space.ops[k] for k in indices] for indices in legal(space)]
    assert all(len(row) == 2 for row in names) and len(names) == 28
    assert set(names[0]) == {"skip_connect", "dil_conv_3x3"} and set(names[13]) == {"dil_conv_3x3", "dil_conv_5x5"}
    assert set(names[5]) == {"max_pool_3x3", "skip_connect"}
    assert set(names[14]) == {"max_pool_3x3", "avg_pool_3x3"} and set(names[27]) == {"skip_connect", "dil_conv_5x5"}
    rng = random.Random(0)
    for _ in range(20):
        arch = random_arch(space, rng)
        assert space.valid(arch) and Cells(ops=space.ops, **TINY).valid(arch)
        for index, row in zip(arch, names, strict=True):
            assert space.ops[index] in {*row, "none"}
    supernet = space.supernet(io)
    assert [list(edge) for edge in supernet.cells[0].dag.edges] == [
        [op for op in space.ops if op in row] for row in names[:14]
    ]


@pytest.mark.parametrize(
    ("kind", "candidates"),
    [
        ("s2", {"skip_connect", "sep_conv_3x3"}), ("s3", {"none", "skip_connect", "sep_conv_3x3"}),
        ("s4", {"noise", "sep_conv_3x3"}),
    ],
)  # fmt: skip
def test_the_other_kinds_have_the_same_on_every_edge(kind, candidates, io):
    space = Robust(kind=kind, **TINY)
    assert all({space.ops[k] for k in indices} == candidates for indices in legal(space))
    for _ in range(5):
        arch = random_arch(space, random.Random(0))
        found = {op for ops in describe(space.choices, arch).values() for op in ops}
        assert found <= candidates | {"none"}
    assert space.build(arch, io)(torch.randn(4, 1, 8, 8)).shape == (4, 10)
    wrong = tuple(space.ops.index("none") for _ in range(28))
    assert not space.valid(wrong)


def test_size_is_the_count_of_two_operations_an_edge():
    assert size(Robust(kind="s1")) == size(Robust(kind="s3")) == (4**4 * 3 * 6 * 10) ** 2


def test_a_single_architecture_of_a_restricted_one():
    space = Robust(kind="s4", **TINY)
    arch = random_arch(space, random.Random(1))
    single = restrict(space, only(space.choices, arch))
    assert single.valid(arch) and size(single) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "s9"}, "one of"), ({"kind": "s1", "nodes": 3}, "4 nodes"),
        ({"ops": ("none", "skip_connect")}, "leave ops out"),
    ],
)  # fmt: skip
def test_wrong_settings(wrong, words):
    with pytest.raises(ValueError, match=words):
        Robust(**wrong)


def test_noise_replaces_its_input(io):
    """Unit noise whatever comes in."""
    torch.manual_seed(0)
    from appnas.spaces.parts import Style, operation

    for stride in (1, 2):
        out = operation("noise", 2, stride, Style())(torch.full((64, 2, 8, 8), 1e3))
        assert out.shape == (64, 2, 8 // stride, 8 // stride)
        assert float(out.mean()) == pytest.approx(0, abs=0.1) and float(out.std()) == pytest.approx(1, abs=0.1)
