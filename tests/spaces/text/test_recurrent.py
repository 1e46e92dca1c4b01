"""appnas.spaces.text.recurrent: both suites, published weights and cells, a search that is killed in mid-epoch."""

import random
from typing import ClassVar

import networkx as nx
import pytest
import torch

import appnas
from appnas.cost import counts, to_onnx
from appnas.space import IO, describe, one_hot, random_arch, size, tokens, vocabulary
from appnas.spaces import NAORecurrent, Recurrent
from appnas.spaces.text import DARTS_V2
from appnas.spaces.text.recurrent import DARTS_V1, NAO
from appnas.testing import MethodSuite, SpaceSuite, SupernetSuite

DRY = {f"drop_{name}": 0.0 for name in ("word", "embedding", "input", "state", "output")}
SMALL = Recurrent(nodes=3, hidden=6, width=6, **DRY)
PAIRS = NAORecurrent(nodes=3, hidden=6, width=6, **DRY)


@pytest.fixture
def space():
    return SMALL


@pytest.fixture
def io():
    """One moment, as the suites count how often an operation runs."""
    return IO((1,), (1, 9))


class OnText:
    """Inputs of recurrent networks."""

    def inputs(self, io, count):
        return (torch.randint(io.outputs[1], (count, *io.inputs), generator=torch.Generator().manual_seed(0)),)


class TestSpace(OnText, SpaceSuite):
    pass


class TestSupernet(OnText, SupernetSuite):
    def operations(self, supernet):
        """A node's activations, shared by its edges."""
        return {f"{i}.{name}": op for i, node in enumerate(supernet.cell.nodes) for name, op in node.items()}


class TestPairs(OnText, SpaceSuite):
    @pytest.fixture
    def space(self):
        return PAIRS


class TestPairsSupernet(TestSupernet):
    @pytest.fixture
    def space(self):
        return PAIRS


class TestSearch(MethodSuite):
    """With dropouts, eight steps an epoch: the kills of the suite come in its middle."""

    method = "darts"
    settings: ClassVar = {"epochs": 1, "order": "first", "lr": 5.0, "momentum": 0.0, "clip": 0.25, "alpha_lr": 3e-3}

    @pytest.fixture
    def space(self):
        return Recurrent(nodes=2, hidden=6, width=6)

    @pytest.fixture
    def domain(self, licence):
        return licence


def test_published_weights():
    """10,000 words of Penn Treebank, 33,278 of WikiText-2."""
    penn, wiki = IO((35,), (35, 10_000)), IO((35,), (35, 33_278))
    space = Recurrent()
    with torch.device("meta"):
        assert counts.parameters(space.supernet(penn)) == 4_810_000
    assert counts.parameters(space.build(space.from_cell(DARTS_V2), penn)) == 22_960_000
    assert counts.parameters(Recurrent(width=700).build(space.from_cell(DARTS_V2), wiki)) == 33_127_878


@pytest.mark.parametrize("cell", [DARTS_V1, DARTS_V2])
def test_published_cells_are_fixed_points(cell):
    space = Recurrent()
    arch = space.from_cell(cell)
    assert space.valid(arch) and space.discretise(one_hot(space.choices, arch)) == arch
    graph = space.graph(arch)["recurrent"]
    assert nx.is_directed_acyclic_graph(graph)
    names = ["first", *map(str, range(8))]
    edges = {(names[source], str(node), op) for node, (op, source) in enumerate(cell)}
    assert {edge for edge in graph.edges(data="op") if edge[1] != "h"} == edges


def test_size():
    """4 activations, and 1 to 8 predecessors of the 8 nodes."""
    assert size(Recurrent()) == 4**8 * 40_320
    assert size(SMALL) == 4**3 * 6


def test_naos_cell_and_its_tokens():
    """22 tokens of 16, with the official code's numbers: 1 to 11 for states, 12 to 15 for activations."""
    space = NAORecurrent()
    arch = space.from_cell(NAO)
    assert arch == (0, 1, 1, 1, 2, 2, 1, 2, 4, 1, 4, 1, 4, 1, 7, 1, 8, 2, 1, 0, 4, 1)
    assert space.discretise(one_hot(space.choices, arch)) == arch and size(space) == 4**11 * 39_916_800
    assert vocabulary(space.choices) == 16
    assert tokens(space.choices, arch) == [index + (12 if i % 2 else 1) for i, index in enumerate(arch)]
    wide = Recurrent(nodes=11)
    assert nx.utils.graphs_equal(space.graph(arch)["recurrent"], wide.graph(wide.from_cell(NAO))["recurrent"])


def test_both_spaces_are_one_cell():
    """The same cell by edges and by pairs; and gates of pairs are the products on edges."""
    io = IO((4,), (4, 9))
    models = []
    for space in (SMALL, PAIRS):
        torch.manual_seed(0)
        cell = (("tanh", 0), ("linear", 0), ("relu", 2))
        models.append((space.supernet(io), one_hot(space.choices, space.from_cell(cell))))
    x = torch.randint(9, (3, 4))
    (first, by_edge), (second, by_pair) = models
    torch.testing.assert_close(first(x, gates=by_edge), second(x, gates=by_pair))
    soft = [torch.rand(1, len(choice.options)) for choice in PAIRS.choices]
    rows = [soft[2 * i].t() * soft[2 * i + 1] for i in range(3)]
    edges = torch.cat([torch.zeros(6, 1), torch.cat(rows)], 1)
    torch.testing.assert_close(second(x, gates=soft), first(x, gates=(edges,)))


def test_none_lowers_an_edge_but_never_wins():
    gates = torch.full((6, 5), 0.1)
    gates[:, 0] = 0.9
    gates[1] = torch.tensor([0.7, 0.05, 0.05, 0.15, 0.05])
    gates[5] = torch.tensor([0.0, 0.2, 0.2, 0.2, 0.4])
    assert describe(SMALL.choices, SMALL.discretise((gates,))) == {
        "recurrent": ["tanh", "sigmoid", "none", "none", "none", "linear"]
    }


def test_a_derived_network_is_the_supernet_without_batch_norms():
    io = IO((5,), (5, 9))
    space = Recurrent(nodes=4, hidden=6, width=6, **DRY)
    torch.manual_seed(0)
    supernet = space.supernet(io)
    tokens = torch.randint(9, (3, 5))
    supernet.cell.norm.register_forward_hook(lambda module, x, y: x[0])
    rng = random.Random(0)
    for _ in range(3):
        arch = random_arch(space, rng)
        derived = space.build(arch, io)
        derived.load_state_dict(supernet.state_dict())
        torch.testing.assert_close(derived(tokens), supernet(tokens, gates=one_hot(space.choices, arch)))


def test_onnx_with_a_free_batch_size():
    pytest.importorskip("onnxruntime")
    network = Recurrent(nodes=2, width=4).build((3, 0, 4), IO((2,), (2, 9))).eval()
    assert to_onnx(network, (torch.tensor([[1, 2]] * 2),), (torch.tensor([[3, 4]] * 5),))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [({"nodes": 0}, "at least 1"), ({"width": 0}, "at least 1"), ({"drop_input": 1.0}, "drop_input is a probability")],
)
def test_wrong_settings_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        Recurrent(**wrong)


@pytest.mark.parametrize("scale", [0.04, 0.5])
def test_weights_begin_within_the_scale(scale, io):
    space = Recurrent(nodes=3, hidden=16, width=16, scale=scale)
    for model in (space.supernet(io), space.build(random_arch(space, random.Random(0)), io)):
        for name, weight in model.named_parameters():
            assert float(weight.detach().abs().max()) <= scale + 1e-7
            assert name == "bias" or float(weight.detach().std()) == pytest.approx(scale / 3**0.5, rel=0.15)


def test_a_cell_of_another_size_is_refused():
    with pytest.raises(ValueError, match="has 3 nodes, got 8"):
        SMALL.from_cell(DARTS_V2)


def test_images_are_refused(digits):
    with pytest.raises(ValueError, match="read sequences of tokens"):
        appnas.search(SMALL, digits, "darts", epochs=1)


def test_darts_moves_every_row(licence):
    result = appnas.search(SMALL, licence, "darts", epochs=4, order="finite", lr=5.0, momentum=0.0, alpha_lr=0.05)
    (now,) = result.strategy.distribution()
    assert ((now - 0.2).abs().amax(-1) > 1e-3).all()
    row = result.retrain(3).rows[0]
    assert row.tests[0]["perplexity"] < 80 and row.parameters == licence.io.outputs[1] * 7 + 12 * 12 + 3 * 6 * 12
