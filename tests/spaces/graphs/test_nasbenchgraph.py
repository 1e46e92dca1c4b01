"""appnas.spaces.graphs.nasbenchgraph: both suites, the topology by hand, the table's known figures."""

import random
import statistics

import pytest
import torch
from torch import nn

pytest.importorskip("torch_geometric")
pytest.importorskip("nas_bench_graph")

from test_gnn import OnGraphs
from test_graphmix import Mixing

from appnas.run import catalogue
from appnas.space import IO, constant_arch, parse, random_arch, size
from appnas.spaces import NASBenchGraph, NASBenchGraphProteins
from appnas.spaces.graphs.nasbenchgraph import load
from appnas.strategy import Draw

SMALL = NASBenchGraph(hidden=4, operations=("gcn", "gat", "fc"), dropout=0.0)


@pytest.fixture
def io():
    return IO((6,), (3,))


class TestSpace(OnGraphs):
    @pytest.fixture
    def space(self):
        return SMALL


class TestSupernet(Mixing):
    @pytest.fixture
    def space(self):
        return SMALL


def test_all_operations_build_and_train(io):
    space = NASBenchGraph(hidden=4)
    x, edges = torch.randn(5, 6), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]])
    for operation in space.operations:
        arch = (8, *constant_arch(space, operation)[1:]) if operation != "skip" else (8, 0, 8, 8, 8)
        out = space.build(arch, io)(x, edges)
        out.sum().backward()
        assert out.shape == (5, 3)


def test_only_skips_are_not_valid():
    space = NASBenchGraph()
    assert size(space) == 9 * 9**4
    gates = tuple(torch.zeros(1, len(c.options)) for c in space.choices)
    for matrix in gates[1:]:
        matrix[0, 8] = 1.0
    gates[3][0, 2] = 0.5
    assert space.discretise(gates) == (0, 8, 8, 2, 8)


@pytest.mark.parametrize(("link", "leaves"), [("0000", "1234"), ("0012", "34"), ("0013", "24"), ("0123", "4")])
def test_operations_that_nobody_reads_feed_the_output(link, leaves, io):
    space = NASBenchGraph(hidden=4, dropout=0.0)
    arch = parse(space, {"links": [link], **{f"op{i}": ["fc"] for i in range(1, 5)}})
    network = space.build(arch, io).eval()
    assert "".join(network.last) == leaves
    graph = space.graph(arch)["cell"]
    assert sorted(graph.edges) == sorted([*zip(link, "1234", strict=True), *((leaf, "out") for leaf in leaves)])
    assert dict(graph.nodes(data="op")) == {"0": None, **dict.fromkeys("1234", "fc"), "out": "sum"}
    x, edges = torch.randn(5, 6), torch.tensor([[0], [1]])
    states = [nn.functional.elu(network.first(x))]
    for i, op in enumerate(network.operations):
        states.append(op["fc"]((states[int(link[i])], edges)))
    expected = sum(network.last[n](states[int(n)]) for n in leaves)
    torch.testing.assert_close(network(x, edges), expected)


@pytest.mark.parametrize("wrong", [{"hidden": 3}, {"operations": ("gcn",)}, {"operations": ("gcn", "gcnn")}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"divide|operations are"):
        NASBenchGraph(**wrong)


@pytest.mark.parametrize(
    ("dataset", "unique", "median", "best", "test"),
    [
        ("arxiv", 26_206, 71.67, 73.67, 72.39),
        ("cora", 26_206, 78.40, 81.93, 83.13),
        ("proteins", 2_021, 83.03, 85.33, 79.26),
    ],
)
def test_the_table(dataset, unique, median, best, test):
    """Figures of the wheel, counted once a network."""
    archs, columns = load(dataset)
    space = NASBenchGraphProteins() if dataset == "proteins" else NASBenchGraph()
    assert all(space.valid(arch) for arch in archs) and len(set(archs)) == len(archs)
    assert set(random_arch(space, random.Random(i)) for i in range(50)) <= set(archs)
    once = dict(zip(columns["row"], columns["valid"], strict=True))
    assert len(once) == unique
    assert statistics.median(once.values()) == pytest.approx(median, abs=0.006)
    assert max(columns["valid"]) == pytest.approx(best, abs=0.006)
    assert max(columns["test"]) == pytest.approx(test, abs=0.006)


def test_weights_of_edges_are_not_used_and_a_warning_says_so():
    network = NASBenchGraph(hidden=4).build((0, 0, 0, 0, 0), IO((6,), (3,))).eval()
    x, edges = torch.randn(4, 6), torch.tensor([[0, 1], [1, 2]])
    with pytest.warns(UserWarning, match="do not use edge_weight"):
        weighted = network(x, edges, torch.tensor([1.0, 3.0]))
    assert torch.equal(weighted, network(x, edges))


def test_equal_networks_have_one_row():
    """A skip after the input moves the rest; the order of two leaves does not matter."""
    archs, columns = load("arxiv")
    row = dict(zip(archs, columns["row"], strict=True))
    space = NASBenchGraph()
    both = [
        parse(space, {"links": ["0000"], "op1": [a], "op2": [b], "op3": ["gcn"], "op4": ["fc"]})
        for a, b in (("gat", "gin"), ("gin", "gat"))
    ]
    assert row[both[0]] == row[both[1]]


def test_the_best_of_cora_by_its_key():
    """The authors' code of the best network on Cora: links 0123; fc, gat, fc, gin."""
    _, columns = load("cora")
    best = columns["valid"].index(max(columns["valid"]))
    assert columns["row"][best] == 87072


def test_the_catalogues_table_withholds_the_test_column():
    table = catalogue.domain("nasbenchgraph:cora")
    arch = (8, 7, 0, 7, 2)
    assert set(table.score(Draw(arch)).metrics) == {"valid", "milliseconds", "params", "row"}
    assert set(table.test(arch)) == {"test"}
    assert catalogue.table_space("nasbenchgraph-proteins:proteins") == "nasbenchgraph-proteins"
