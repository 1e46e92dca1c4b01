"""appnas.domains.graphs.typed: columns and edges by hand, the suite, a task that only the types of edges tell."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("torch_geometric")

from conftest import opinions
from test_graphs_domain import OfEdges, OfGraphs
from torch_geometric.data import HeteroData
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import HeteroConv, SAGEConv
from torch_geometric.transforms import ToUndirected

import appnas
from appnas.domains.graphs import RECIPE, Graphs, Links, Options, one_graph
from appnas.retrain import export, load
from appnas.space import IO
from appnas.spaces import GNN, GraphNet
from appnas.spaces.graphs.edges import Edges
from appnas.spaces.graphs.graph_parts import operation_of
from appnas.spaces.graphs.operations import OPERATIONS
from appnas.spaces.graphs.place import Place

FAST = Options(recipe=dataclasses.replace(RECIPE, lr=0.05, lr_min=0.05))


def tiny():
    data = HeteroData()
    data["paper"].x, data["paper"].y = torch.tensor([[1.0, 3], [0, 0], [-2, 2]]), torch.tensor([0, 1, 1])
    data["author"].x = torch.tensor([[5.0], [7]])
    data["author", "writes", "paper"].edge_index = torch.tensor([[0, 0, 1], [0, 1, 2]])
    data["author", "writes", "paper"].edge_attr = torch.tensor([[0.5], [1.5], [2.5]])
    data["paper", "cites", "paper"].edge_index = torch.tensor([[0], [1]])
    return data


def test_one_graph_by_hand():
    """Authors come first, types by name: author, paper; edges: author writes paper, paper cites paper."""
    graph = one_graph(tiny())
    assert graph.names == (("author", "paper"), ("author writes paper", "paper cites paper"))
    assert graph.x.tolist() == [
        [5, 0, 0, 1, 0], [7, 0, 0, 1, 0], [0, 1, 3, 0, 1], [0, 0, 0, 0, 1], [0, -2, 2, 0, 1],
    ]  # fmt: skip
    assert graph.edge_index.tolist() == [[0, 0, 1, 2], [2, 3, 4, 3]]
    assert graph.edge_attr.tolist() == [[0.5, 1, 0], [1.5, 1, 0], [2.5, 1, 0], [0, 0, 1]]
    assert graph.asked.tolist() == [2, 3, 4] and graph.y[graph.asked].tolist() == [0, 1, 1]
    assert graph.relations == 2 and graph.edge_weight is None and graph.target == "paper"
    assert one_graph(tiny(), options=Options(normalise=True)).x[2:, 1:3].tolist() == [[0.25, 0.75], [0, 0], [-0.5, 0.5]]
    assert one_graph(tiny(), options=Options(edge_attr=False)).edge_attr.shape == (4, 2)
    data = tiny()
    data["paper", "cites", "paper"].edge_weight = torch.tensor([0.25])
    assert one_graph(data).edge_weight.tolist() == [1, 1, 1, 0.25]
    both = one_graph(tiny(), options=Options(undirected=True))
    assert both.names[1] == ("author writes paper", "author writes paper, back", "paper cites paper")
    assert both.edge_index.tolist() == [[0, 0, 1, 2, 3, 4, 2, 3], [2, 3, 4, 0, 0, 1, 3, 2]]
    theirs = ToUndirected()(tiny())
    assert one_graph(theirs).edge_index.shape == both.edge_index.shape
    del data["paper"].y
    assert one_graph(data, "paper").y.isnan().all()  # of new data


def test_features_that_types_lack():
    data = tiny()
    del data["author"].x
    data["author"].num_nodes = 2
    assert one_graph(data, options=Options(features="constant")).x.shape == (5, 4)
    degrees = one_graph(data, options=Options(features="degree")).x[:2, :2]
    torch.testing.assert_close(degrees, torch.log1p(torch.tensor([[0.0, 2], [0, 1]])))
    learnt = one_graph(data, options=Options(features="embedding"))
    assert learnt.x[:, -1].tolist() == [1, 2, 0, 0, 0] and learnt.learnt == 2
    domain = Graphs(opinions(bare=True), options=Options(features="embedding", embedding=7))
    assert domain.io == IO((3 + 2 + 7,), (2,), 2, 2, (30, 7))
    network = GraphNet(layers=1).build((1, *[0] * 7), domain.io)
    assert network.embedding.weight.shape == (31, 7) and network(*domain.example(1)).shape == (110, 2)


@pytest.mark.parametrize(
    ("change", "options", "match"),
    [
        (lambda d: d["paper"].pop("y"), {}, "no type has y, got target=None"),
        (lambda d: setattr(d["author"], "y", torch.zeros(2)), {}, "those with y are author, paper|paper, author"),
        (lambda d: setattr(d["paper"], "y", torch.zeros(2)), {}, "3 nodes of type paper need as many rows of y, got 2"),
        (lambda d: d["author"].pop("x"), {}, "nodes of type author have neither x nor num_nodes"),
        (lambda d: setattr(d["author"], "x", torch.rand(2)), {}, r"x of nodes author is \[nodes, features\]"),
        (
            lambda d: setattr(d["paper", "cites", "paper"], "edge_index", torch.tensor([[0], [3]])),
            {},
            "0 to 2, found 0",
        ),
        (
            lambda d: setattr(d["author", "writes", "paper"], "edge_index", torch.tensor([[2], [0]])),
            {},
            "2 nodes author",
        ),
        (lambda d: setattr(d["author", "writes", "paper"], "edge_attr", torch.rand(2, 1)), {}, "edge_attr.*Options"),
        (lambda d: setattr(d["paper"], "train_mask", torch.zeros(2).bool()), {}, r"train_mask of the target is \[3\]"),
    ],
)
def test_what_is_no_task(change, options, match):
    data = tiny()
    change(data)
    with pytest.raises(ValueError, match=match):
        Graphs(data, options=Options(**options))


def test_what_is_not_supported():
    data = opinions()
    with pytest.raises(ValueError, match="target is a type of nodes of the graph, book, reader, got 'film'"):
        Graphs(data, target="film")
    with pytest.raises(ValueError, match="target is a type of nodes of one HeteroData"):
        Graphs([data, data], target="book")
    with pytest.raises(ValueError, match=r"several types, book, reader: .*Graphs\(data, target=...\)"):
        Graphs([data, data])
    with pytest.raises(ValueError, match="nodes of several types"):
        Links(data)
    with pytest.raises(ValueError, match=r"no place for 2 types of edges: take GraphNet"):
        GNN().build((0,) * 11, Graphs(data).io)
    bare = opinions(bare=True)
    with pytest.raises(ValueError, match=r"type reader have no features x; Options\(features='embedding'\)"):
        Graphs(bare)


def test_only_nodes_of_the_target_are_split():
    data = opinions()
    data["book"].y = torch.where(torch.arange(80) < 10, -1, data["book"].y)
    with pytest.warns(UserWarning, match="10 of 80 nodes have no label"):
        domain = Graphs(data)
    nodes = torch.cat([domain._whole[split].nodes for split in ("train", "valid", "test")])
    assert sorted(nodes.tolist()) == list(range(10, 80))
    masks = torch.arange(80)[:, None] % torch.tensor([3, 5])
    data = opinions()
    for i, name in enumerate(("train_mask", "val_mask", "test_mask")):
        data["book"][name] = masks == i
    splits = Graphs(data).splits()
    assert [len(one._whole["test"].nodes) for one in splits] == [26, 16] and splits[1].io == Graphs(data).io
    names = opinions()
    names["book"].y = ["good" if y else "bad" for y in names["book"].y]
    with pytest.warns(UserWarning, match="texts became the classes"):
        assert Graphs(names).labels == ("bad", "good")


class TestTypes(OfGraphs):
    @pytest.fixture
    def domain(self):
        return Graphs(opinions(), options=dataclasses.replace(FAST, loader="parts", parts=2))

    def network(self, domain):
        torch.manual_seed(0)
        return OfEdges(domain.io)  # reads how many of each type point at a node

    def identify(self, domain, split):
        return domain._split(split).nodes.tolist()


def test_types_of_edges_tell(tmp_path):
    """With the types a network learns it; with one type for all edges it cannot."""
    data, space = opinions(), GraphNet(layers=1, operations=("sage", "gin"), repeats=(1,))
    found = appnas.search(space, Graphs(data, options=FAST), "random", evaluations=3, budget=40, out=tmp_path / "run")
    assert max(record.value for record in found.history) > 80
    graph = one_graph(data)
    alike = SimpleNamespace(x=graph.x[:, :-2], edge_index=graph.edge_index, y=graph.y)
    for i, name in enumerate(("train_mask", "val_mask", "test_mask")):
        setattr(alike, name, (torch.arange(110) % 3 == i) & (torch.arange(110) < 80))
    other = appnas.search(space, Graphs(alike, options=FAST), "random", evaluations=3, budget=40)
    assert max(record.value for record in other.history) < 75
    trained = found.retrain(20)
    export(tmp_path / "run", tmp_path / "net", onnx=False, domain=Graphs(data, options=FAST))
    network = load(tmp_path / "net")
    del data["book"].y
    graph = one_graph(data, "book", FAST)
    torch.testing.assert_close(
        network(graph.x, graph.edge_index, edge_attr=graph.edge_attr),
        trained.model(graph.x, graph.edge_index, edge_attr=graph.edge_attr),
    )


def test_a_layer_is_that_of_a_hetero_conv():
    """With weights of its own for every type of edges, over each type's own features, and their mean."""
    data = opinions()
    graph, ours = one_graph(data), operation_of(OPERATIONS["sage"], Place(7, 4), 2)
    convs = {("reader", name, "book"): SAGEConv((2, 3), 4) for name in ("hates", "likes")}
    for each, conv in zip(ours, convs.values(), strict=True):
        each.own.weight.data[:, :3] = conv.lin_r.weight
        each.own.weight.data[:, 5:] = 0
        each.neighbours.weight.data[:, 3:5] = conv.lin_l.weight
        each.neighbours.weight.data[:, 6] = 0
        each.neighbours.bias.data = conv.lin_l.bias
    x = {"book": data["book"].x, "reader": data["reader"].x}
    with pytest.warns(UserWarning, match="do not get updated"):
        convs = HeteroConv(convs, aggr="mean")
    wanted = convs(x, data.edge_index_dict)["book"]
    edges = Edges.of_relations(graph.edge_index, None, 110, torch.float32, graph.edge_attr, 2)
    torch.testing.assert_close(ours((graph.x, edges, None))[:80], wanted)


def test_explainers_say_that_they_cannot():
    domain, space = Graphs(opinions()), GraphNet(layers=1, operations=("sage",), repeats=(1,))
    network = space.build((0,) * len(space.choices), domain.io).eval()
    explainer = Explainer(
        network, GNNExplainer(epochs=1), explanation_type="model", edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )  # fmt: skip
    x, edges, attr = domain.example(1)
    with pytest.raises(ValueError, match="explainers mask every edge of one list"):
        explainer(x, edges, edge_attr=attr)
