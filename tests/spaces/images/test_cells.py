import dataclasses
import random

import networkx as nx
import pytest
import torch

from appnas.cost import counts
from appnas.space import IO, Arch, check, describe, one_hot, random_arch, size
from appnas.spaces import Cells
from appnas.spaces.images import DARTS_OPS
from appnas.spaces.images.cells import DARTS_V1, DARTS_V2, CellNetwork
from appnas.spaces.parts.ops import DropPath
from appnas.task.training import set_progress
from appnas.testing import SpaceSuite, SupernetSuite

CIFAR, IMAGENET = IO((3, 32, 32), (10,)), IO((3, 224, 224), (1000,))
SMALL = Cells(ops=("none", "skip_connect", "sep_conv_3x3"), nodes=2, channels=2, cells=3, width=2, depth=3,
              auxiliary=False)  # fmt: skip


@pytest.fixture
def io() -> IO:
    return IO((1, 8, 8), (10,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self, cells: Cells) -> Cells:
        return cells


class TestSupernet(SupernetSuite):
    @pytest.fixture
    def space(self, cells: Cells) -> Cells:
        return cells

    def coincides(self, space: Cells, arch: Arch) -> bool:
        """Derived networks have no batch norm after pooling; nothing else differs before the first step."""
        return not any("pool" in option for cell in describe(space.choices, arch).values() for option in cell)


class TestSmallSpace(SpaceSuite):
    @pytest.fixture
    def space(self) -> Cells:
        return SMALL


class TestImageNetStem(SupernetSuite):
    @pytest.fixture
    def io(self) -> IO:
        return IO((3, 32, 32), (4,))

    @pytest.fixture
    def space(self) -> Cells:
        return dataclasses.replace(SMALL, stem="imagenet")

    def coincides(self, space: Cells, arch: Arch) -> bool:
        return True


@pytest.mark.parametrize(
    ("channels", "cells", "weights"), [(16, 8, 1_930_618), (16, 20, 4_548_730), (8, 8, 597_890), (4, 5, 136_182)]
)
def test_weights_of_supernets(channels: int, cells: int, weights: int):
    """Those of the official modules."""
    with torch.device("meta"):
        assert counts.parameters(Cells(channels=channels, cells=cells).supernet(CIFAR)) == weights


@pytest.mark.parametrize(
    ("cell", "space", "io", "weights"),
    [
        (DARTS_V1, Cells(), CIFAR, 3_169_414),
        (DARTS_V2, Cells(), CIFAR, 3_349_342),
        (DARTS_V1, Cells(width=48, depth=14, stem="imagenet"), IMAGENET, 4_510_432),
        (DARTS_V2, Cells(width=48, depth=14, stem="imagenet"), IMAGENET, 4_718_752),
    ],
)
def test_weights_of_published_cells(cell, space: Cells, io: IO, weights: int):
    """Those of the official modules, auxiliary head left out."""
    network = dataclasses.replace(space, auxiliary=True).build(space.from_cells(cell), io)
    assert counts.parameters(network) == weights
    if (cell, io) == (DARTS_V2, CIFAR):
        assert sum(p.numel() for p in network.parameters()) - weights == 476_426


def test_choices():
    """2 + 3 + 4 + 5 edges a cell, 8 operations, two cells."""
    space = Cells()
    assert space.edges[:5] == ((0, 2), (1, 2), (0, 3), (1, 3), (2, 3)) and len(space.edges) == 14
    assert [(c.name, c.count, c.options) for c in space.choices] == [
        ("normal", 14, DARTS_OPS),
        ("reduce", 14, DARTS_OPS),
    ]
    a_cell = (1 * 3 * 6 * 10) * 7**8  # two of the 2, 3, 4, 5 edges into a node, an operation for each
    assert size(space) == a_cell**2


@pytest.mark.parametrize("cell", [DARTS_V1, DARTS_V2], ids=["V1", "V2"])
def test_published_cells_round_trip(cell):
    """Notation -> architecture -> graph -> the same (operation, state) pairs at every node."""
    space = Cells()
    arch = check(space, space.from_cells(cell))
    states = ["c_{k-2}", "c_{k-1}", "0", "1", "2", "3"]
    for name, graph in space.graph(arch).items():
        assert nx.is_directed_acyclic_graph(graph)
        for node in range(4):
            found = {(op, states.index(source)) for source, _, op in graph.in_edges(str(node), data="op")}
            assert found == set(cell[name][2 * node : 2 * node + 2])
        assert {source for source, _ in graph.in_edges("c_{k}")} == {"0", "1", "2", "3"}
    assert space.discretise(one_hot(space.choices, arch)) == arch


def test_a_state_taken_twice_is_refused():
    twice = (("skip_connect", 0), ("sep_conv_3x3", 0)) * 4
    with pytest.raises(ValueError, match="node 2 of 'normal' takes state 0 twice"):
        Cells().from_cells({"normal": twice, "reduce": twice})


def discretised(*rows: tuple[float, float, float]) -> list[str]:
    """The normal cell of SMALL: edges (0,2) (1,2) (0,3) (1,3) (2,3), operations none, skip_connect, sep_conv_3x3."""
    matrix = torch.tensor(rows)
    return describe(SMALL.choices, SMALL.discretise((matrix, matrix)))["normal"]


def test_discretise_by_hand():
    """Node 3 has three edges: the mass on `none` lowers an edge's rank, though `none` itself is never chosen."""
    assert discretised(
        (0.5, 0.2, 0.3),  # node 2 has two edges: both stay
        (0.9, 0.06, 0.04),
        (0.2, 0.5, 0.3),  # 0.5: first
        (0.6, 0.1, 0.3),  # 0.3: out
        (0.1, 0.44, 0.46),  # 0.46: second
    ) == ["sep_conv_3x3", "skip_connect", "skip_connect", "none", "sep_conv_3x3"]


def test_ties_go_to_the_lowest_edge_and_option():
    assert discretised(*[(1.0, 1.0, 1.0)] * 5) == ["skip_connect"] * 4 + ["none"]
    assert discretised(*[(0.0, 0.4, 0.4)] * 4, (0.0, 0.5, 0.5)) == ["skip_connect"] * 3 + ["none", "skip_connect"]


def test_valid_counts_the_edges_into_a_node():
    edges = [1, 1, 2, 0, 2]
    assert SMALL.valid((*edges, *edges))
    for wrong in ([1, 0, 2, 0, 2], [1, 1, 2, 1, 2], [1, 1, 0, 0, 2]):
        assert not SMALL.valid((*edges, *wrong)) and not SMALL.valid((*wrong, *edges))
    with pytest.raises(ValueError, match="breaks the rules of Cells"):
        check(SMALL, (*edges, 1, 0, 2, 0, 2))


def test_impossible_spaces_are_refused():
    with pytest.raises(ValueError, match="besides 'none'"):
        Cells(ops=("none",))
    for name in ("nodes", "channels", "cells", "width", "depth"):
        with pytest.raises(ValueError, match=f"{name} must be at least [13], got 0"):
            Cells(**{name: 0})
    with pytest.raises(ValueError, match="must include 'none'"):
        random_arch(Cells(ops=("skip_connect",)), random.Random(0))


def test_reductions_halve_the_map_and_double_the_channels(io: IO):
    supernet = Cells(channels=2, cells=6).supernet(IO((3, 16, 16), (10,)))
    shapes = []
    for cell in supernet.cells:
        cell.register_forward_hook(lambda module, x, y: shapes.append(tuple(y.shape[1:])))
    gates = tuple(torch.full((14, 8), 1 / 8) for _ in range(2))
    supernet(torch.randn(2, 3, 16, 16), gates)
    assert shapes == [(8, 16, 16), (8, 16, 16), (16, 8, 8), (16, 8, 8), (32, 4, 4), (32, 4, 4)]


def test_imagenet_stem_gives_the_first_cells_an_eighth():
    network = Cells(width=4, depth=3, stem="imagenet").build(Cells().from_cells(DARTS_V2), IO((3, 64, 64), (5,)))
    s0, s1 = network.stem(torch.randn(2, 3, 64, 64))
    assert s0.shape == (2, 4, 16, 16) and s1.shape == (2, 4, 8, 8)
    assert network.eval()(torch.randn(2, 3, 64, 64)).shape == (2, 5)


def derived(auxiliary: bool = False, drop_path: float = 0.0) -> CellNetwork:
    torch.manual_seed(0)
    space = Cells(width=4, depth=3, auxiliary=auxiliary, drop_path=drop_path)
    return space.build(space.from_cells(DARTS_V2), IO((3, 16, 16), (10,)))


def test_auxiliary_head_speaks_in_training_only():
    network, x = derived(auxiliary=True), torch.randn(2, 3, 16, 16)
    logits, extra = network(x)
    assert logits.shape == extra.shape == (2, 10)
    assert network.tap == 2
    assert network.eval()(x).shape == (2, 10)
    assert counts.parameters(network) == counts.parameters(derived())
    assert torch.is_tensor(derived()(x))


def test_drop_path_works_in_training_and_grows():
    """Every operation but the identities can be dropped; without progress, and in evaluation, none is."""
    network, plain, x = derived(drop_path=0.5), derived(), torch.randn(4, 3, 16, 16)
    drops = [module for module in network.modules() if isinstance(module, DropPath)]
    arch = describe(Cells().choices, Cells().from_cells(DARTS_V2))
    normal = sum(option not in ("none", "skip_connect") for option in arch["normal"])
    reduce = sum(option not in ("none", "skip_connect") for option in arch["reduce"])
    assert len(drops) == normal + 2 * reduce  # of three cells, the second and third reduce; skips there are stride 1
    torch.testing.assert_close(network(x), plain(x))
    set_progress(network, 1.0)
    assert all(drop.progress == 1.0 for drop in drops)
    with torch.no_grad():
        torch.manual_seed(1)
        first = network(x)
        assert not torch.equal(network(x), first)
        network.eval()
        assert torch.equal(network(x), network(x))
