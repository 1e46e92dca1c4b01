"""Graph networks written down, by torch.export and as ONNX, give what they give here, on graphs of other sizes too."""

import random

import pytest
import torch

pytest.importorskip("torch_geometric")
pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")

import onnxruntime
from torch_geometric.data import Data
from torch_geometric.nn import GATConv

import appnas
from appnas.cost import to_onnx
from appnas.domains import Graphs
from appnas.retrain import export
from appnas.space import IO, parse, random_arch
from appnas.spaces import GNN, GraphMix, GraphNet, NASBenchGraph
from appnas.spaces.graphs.gnn import ATTENTION
from appnas.spaces.graphs.graphnet import OPERATIONS

SIZES = IO((6,), (3,))
AGGREGATION = ("sum", "mean", "max")
ONE = {"hidden": (8,), "dropout": (0.5,), "heads": 2, "repeats": (1, 2)}
SMALL = GraphNet(**ONE, readouts=AGGREGATION, directions=("in", "both"))


def graph(nodes, edges, *more, features=6):
    """x, edge_index with loops and doubled edges, and what else is named."""
    rng = torch.Generator().manual_seed(nodes)
    index = torch.cat([torch.randint(0, nodes, (2, edges - 3), generator=rng), torch.tensor([[0, 1, 1], [0, 1, 0]])], 1)
    found = {"graph": torch.arange(nodes) // 5, "weight": torch.rand(edges, generator=rng)}
    return torch.randn(nodes, features, generator=rng), index, *(found[name] for name in more)


def same(network, *more):
    """Written down on one graph, equal on another; what the file says of its inputs."""
    network.eval()
    torch.manual_seed(0)
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.3)
    one, other = graph(12, 30, *more), graph(41, 97, *more)
    dims = {name: torch.export.Dim(name) for name in ("nodes", "edges")}
    axes = network.axes(*one)
    free = tuple({axis: dims[name] for axis, name in named.items()} for named in axes.values())
    wanted = network(*other).detach()
    program = torch.export.export(network, one, dynamic_shapes=free)
    torch.testing.assert_close(program.module()(*other).detach(), wanted, rtol=1e-5, atol=1e-5)
    session = onnxruntime.InferenceSession(to_onnx(network, one, one), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    assert names == list(axes)
    (found,) = session.run(None, {name: x.numpy() for name, x in zip(names, other, strict=True)})
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-5, atol=1e-5)
    return {entry.name: entry.shape for entry in session.get_inputs()}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation(name):
    shapes = same(SMALL.build(SMALL.hand_made[name], SIZES), "weight")
    assert shapes == {"x": ["nodes", 6], "edge_index": [2, "edges"], "edge_weight": ["edges"]}


@pytest.mark.parametrize("i", range(len(ATTENTION)), ids=ATTENTION)
def test_every_attention_and_aggregation(i):
    space = GNN(skip=True)
    first = {"hidden": ["4"], "attention": [ATTENTION[i]] * 2, "heads": ["2", "4"], "combine": ["mlp", "identity"]}
    both = [AGGREGATION[i % 3], AGGREGATION[(i + 1) % 3]]
    network = space.build(parse(space, first | {"aggregation": both, "activation": ["elu", "identity"]}), SIZES)
    same(network, *["weight"][: i % 2])


@pytest.mark.parametrize(
    ("readout", "norm", "head"),
    [("sum", "batch", "concat"), ("mean", "layer", "max"), ("max", "pair", "mlp"), ("mean", "pair", "max")],
)
def test_what_is_around_the_operations(readout, norm, head):
    named = {"operation": ["sage", "gat"], "repeats": ["2", "1"], "norm": [norm, "l2"], "residual": ["ego", "initial"]}
    named |= {"head": [head], "pre": ["1"], "direction": ["both"], "readout": [readout]}
    more = ("graph", "weight") if readout == "mean" else ("graph",)
    assert list(same(SMALL.build(parse(SMALL, named), SIZES), *more))[2] == "graph"


def test_the_other_spaces():
    space = GraphMix(hidden=8)
    same(space.build(random_arch(space, random.Random(0)), SIZES), "graph")
    space = NASBenchGraph(hidden=8)
    for operations in ((0, 1, 2, 3), (4, 5, 6, 7)):
        same(space.build((8, *operations), SIZES))


def test_gradients_are_none_of_its_business():
    """After an export the network is as fast, and as able to learn, as before: nothing of it was kept."""
    network = SMALL.build(SMALL.hand_made["gat"], SIZES)
    x, index = graph(12, 30)
    before = network.eval()(x, index)
    to_onnx(network, (x, index), (x, index))
    after = network(x, index)
    assert torch.equal(before, after)
    after.sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_what_cannot_be_written_down_says_so():
    space = GraphNet(operations=(GATConv,), hidden=(8,), dropout=(0.5,))
    network = space.build(space.hand_made["GATConv"], SIZES).eval()
    with pytest.raises(ValueError, match=r"cannot be written as ONNX, export without it \(--no-onnx\); torch says: "):
        to_onnx(network, graph(12, 30), graph(12, 30))


@pytest.mark.parametrize("more", [[], ["edge_weight"], ["edge_attr"], ["edge_weight", "edge_attr"]], ids="-".join)
def test_a_run_is_exported(tmp_path, more):
    x, index = graph(60, 200)
    parts = {"edge_weight": torch.rand(200), "edge_attr": torch.rand(200, 2)}
    parts = {name: parts[name] for name in more}
    domain = Graphs(Data(x=x, edge_index=index, y=torch.arange(60) % 3, **parts))
    space = GraphNet(hidden=(8,), dropout=(0.0,), repeats=(1,))
    result = appnas.search(space, domain, "random", evaluations=1, budget=1, out=tmp_path / "run")
    network = result.retrain(1).model.eval()
    files = export(tmp_path / "run", tmp_path / "net", domain=domain)
    session = onnxruntime.InferenceSession(files["onnx"], providers=["CPUExecutionProvider"])
    other = (*graph(33, 70), *(parts[name][:70] for name in more))
    names = [entry.name for entry in session.get_inputs()]
    assert names == ["x", "edge_index", *more]
    (found,) = session.run(None, {name: x.numpy() for name, x in zip(names, other, strict=True)})
    torch.testing.assert_close(torch.from_numpy(found), network(*other).detach(), rtol=1e-5, atol=1e-5)
