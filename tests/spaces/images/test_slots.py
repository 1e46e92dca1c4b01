import itertools
import random

import pytest
import torch

from appnas.cost import saved_bytes
from appnas.space import IO, describe, full_mask, one_hot, only, parse, random_arch, size
from appnas.spaces import Slots
from appnas.testing import SpaceSuite, SupernetSuite
from appnas.testing.parts import soft_gates

TINY = {"channels": 2, "cells": 3, "width": 2, "depth": 3, "auxiliary": False}
SMALL = Slots(ops=("none", "skip_connect", "sep_conv_3x3", "max_pool_3x3"), nodes=2, **TINY)


@pytest.fixture
def io() -> IO:
    return IO((1, 8, 8), (10,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self) -> Slots:
        return Slots(**TINY)


class TestSupernet(SupernetSuite):
    @pytest.fixture
    def space(self) -> Slots:
        return SMALL

    def operations(self, supernet):
        return super().operations(supernet.network)

    def test_memory_falls_with_the_mask(self, space, io):
        """An open selector opens every edge or operation that the other one points to: close the operations first."""
        arch, gates = only(space.choices, self.arch(space)), soft_gates(space.choices)
        half = tuple(
            m if "op" in c.name else full
            for c, m, full in zip(space.choices, arch, full_mask(space.choices), strict=True)
        )
        kept = []
        for mask in (None, half, arch):
            supernet = self.make(space, io, mask)
            attached = tuple(g.requires_grad_() for g in gates)
            kept.append(saved_bytes(lambda net=supernet, z=attached: self.run(net, io, z)))
        assert kept[0] > kept[1] > kept[2]


def test_weights_of_the_published_supernet():
    """16 channels, 8 cells, 7 operations: counted with the authors' own modules."""
    supernet = Slots().supernet(IO((3, 32, 32), (10,)))
    assert sum(p.numel() for p in supernet.parameters()) == 2_479_866


def test_size_by_counting():
    space = Slots(ops=("none", "skip_connect", "sep_conv_3x3"), nodes=1, **TINY)
    options = [range(2)] * 4
    cells = [cell for cell in itertools.product(*options) if space.valid((*cell, 0, 1, 0, 0))]
    assert size(space) == len(cells) ** 2 == 12**2


def test_a_node_may_take_one_input_twice(io):
    """With two operations, which the network then adds up; never with the same one."""
    arch = random_arch(SMALL, random.Random(0))
    names = describe(SMALL.choices, arch)
    names["normal input 0"], names["normal op"][:2] = ["c_{k-2}"] * 2, ["skip_connect", "sep_conv_3x3"]
    twice = parse(SMALL, names)
    mixed = SMALL.build(twice, io).cells[0].dag.edges
    assert list(mixed[0]) == ["skip_connect", "sep_conv_3x3"] and not list(mixed[1])
    assert sorted(op for *_, op in SMALL.graph(twice)["normal"].in_edges("0", data="op")) == [
        "sep_conv_3x3", "skip_connect",
    ]  # fmt: skip
    names["normal op"][:2] = ["skip_connect"] * 2
    with pytest.raises(ValueError, match="breaks the rules"):
        parse(SMALL, names)


def test_the_selector_that_loses_least_gives_way():
    """Both slots of the first node want (c_{k-2}, skip): the second slot's operation is the least sure."""
    gates = [g.clone() for g in one_hot(SMALL.choices, random_arch(SMALL, random.Random(0)))]
    gates[0][:] = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    gates[2][:2] = torch.tensor([[0.8, 0.1, 0.1], [0.5, 0.1, 0.4]])
    names = describe(SMALL.choices, SMALL.discretise(tuple(gates)))
    assert names["normal input 0"] == ["c_{k-2}"] * 2
    assert names["normal op"][:2] == ["skip_connect", "max_pool_3x3"]


def test_edge_gates_are_sums_of_outer_products():
    gates = tuple(torch.softmax(torch.randn(c.count, len(c.options)), -1) for c in SMALL.choices)
    normal, reduce = SMALL.edge_gates(gates)
    assert normal.shape == reduce.shape == (5, 4)
    expected = sum(gates[1][s, 2] * gates[2][2 + s, 1] for s in range(2))  # node 1 takes node 0 by sep_conv_3x3
    torch.testing.assert_close(normal[4, 2], expected)
    assert not normal[:, 0].any()
    torch.testing.assert_close(normal.sum(), torch.tensor(4.0))


def test_duplicates_are_counted():
    """Of 4 nodes, those whose slots are the same; one number a sample."""
    gates = [torch.zeros(2, c.count, len(c.options)) for c in SMALL.choices]
    for matrix in gates:
        matrix[0, :, 0] = 1.0
        matrix[1, 0::2, 0] = matrix[1, 1::2, 1] = 1.0
    assert SMALL.duplicates(tuple(gates)).tolist() == [4.0, 0.0]
    even = tuple(torch.full((c.count, len(c.options)), 1 / len(c.options)) for c in SMALL.choices)
    assert float(SMALL.duplicates(even)) == pytest.approx(2 * (1 / 2 + 1 / 3) / 3)


def test_equivalents_exchange_the_slots_of_a_node():
    """One for each of the 4 nodes: the same edges and operations, so the same graphs."""
    arch = random_arch(SMALL, random.Random(3))
    found = SMALL.equivalents(arch)
    assert len(found) == 4 and all(SMALL.valid(same) for same in found)
    for same in found:
        for kind, graph in SMALL.graph(same).items():
            assert sorted(graph.edges(data="op")) == sorted(SMALL.graph(arch)[kind].edges(data="op"))


def test_the_order_of_slots_is_no_difference():
    """Both slots of every node, in order: one name for the 2^(2 nodes) of them."""
    space, rng = Slots(nodes=2), random.Random(0)
    for _ in range(20):
        arch = random_arch(space, rng)
        known = {arch}
        for _ in range(4):
            known |= {other for one in known for other in space.equivalents(one)}
        assert len(known) == 16 and len({space.canonical(one) for one in known}) == 1
        assert space.canonical(arch) in known
