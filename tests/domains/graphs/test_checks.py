"""appnas.domains.graphs.checks: one clear error for everything that a graph must not be."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ring_data

from appnas.domains.graphs.checks import as_graph, as_labels, as_masks, random_splits

NAN = float("nan")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"x": None}, "no features x"),
        ({"y": None}, "its y is NoneType"),
        ({"y": None, "edge_label": torch.zeros(360)}, "labels of edges: appnas.domains.graphs.Links is their domain"),
        ({"x": torch.zeros(0, 8)}, r"at least one of each, got \(0, 8\)"),
        ({"x": torch.zeros(60)}, r"\[nodes, features\]"),
        ({"x": torch.full((60, 8), NAN)}, "60 of 60 nodes have NaN or infinity"),
        ({"edge_index": torch.zeros(3, 4, dtype=torch.long)}, r"\[2, edges\] of integers, got \(3, 4\)"),
        ({"edge_index": torch.zeros(2, 4)}, "float32"),
        ({"edge_index": torch.tensor([[0], [60]])}, "join the nodes 0 to 59, found 0 to 60"),
        ({"edge_index": torch.tensor([[-1], [0]])}, "found -1 to 0"),
        ({"edge_weight": torch.ones(9)}, r"mine: edge_weight is \[360\], one number an edge, got \(9,\)"),
        ({"edge_weight": torch.ones(360, 1)}, r"got \(360, 1\)"),
        ({"edge_weight": [1.0] * 360}, "got list"),
        ({"edge_weight": torch.arange(-1, 359)}, "at least 0, found -1.0 to 358.0"),
        ({"edge_weight": torch.full((360,), NAN)}, "edge_weight is finite"),
        ({"edge_index": None, "adj_t": torch.eye(60)}, "leave out the transform ToSparseTensor"),
    ],
)
def test_what_is_no_graph(change, match):
    data = ring_data()
    vars(data).update(change)
    with pytest.raises(ValueError, match=match):
        as_graph(data, "mine")


def test_labels_that_are_numbers_of_numpy():
    """As tensors are: -1 is no label, a matrix of 0 and 1 is one of sets."""
    data = ring_data()
    for y in (np.arange(60) % 4 - 1, np.eye(60, 5, dtype=int) | 1, np.arange(60) % 2 == 0):
        data.y = y
        assert as_graph(data, "mine").y.tolist() == as_labels(torch.from_numpy(y), "mine").tolist()


def test_features_are_divided_by_their_sum():
    data = SimpleNamespace(x=torch.tensor([[1, 3], [0, 0], [-2, 2]]), edge_index=torch.zeros(2, 0, dtype=torch.long))
    data.y = torch.tensor([0, 1, 1])
    assert as_graph(data, "g", normalise=True).x.tolist() == [[0.25, 0.75], [0, 0], [-0.5, 0.5]]
    assert as_graph(data, "g").x.tolist() == [[1, 3], [0, 0], [-2, 2]]
    data.x = data.x.float().to_sparse()
    assert as_graph(data, "g", normalise=True).x.tolist() == [[0.25, 0.75], [0, 0], [-0.5, 0.5]]


def test_a_weight_is_the_mean_of_those_listed_where_edges_are_made_undirected():
    utils = pytest.importorskip("torch_geometric.utils")
    data = ring_data()
    data.edge_index = torch.tensor([[0, 0, 1, 1, 2], [1, 1, 0, 2, 2]])
    data.edge_weight = torch.tensor([1, 2, 6, 5, 7])
    graph = as_graph(data, "g", undirected=True)
    assert graph.edge_index.tolist() == [[0, 1, 1, 2, 2], [1, 0, 2, 1, 2]] and graph.edge_weight.tolist() == [
        3,
        3,
        5,
        5,
        7,
    ]
    theirs = utils.to_undirected(data.edge_index, data.edge_weight.float(), reduce="mean")
    assert torch.equal(theirs[0], graph.edge_index) and torch.equal(theirs[1], graph.edge_weight)
    assert as_graph(data, "g").edge_weight.tolist() == [1, 2, 6, 5, 7]


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (torch.zeros(2, 1, 2), r"of classes.*of a whole graph \[1\], or \[1, labels\]"),
        (torch.tensor([[0, 2]]), "0 and 1 only, found 0 to 2"),
        (torch.zeros(2, 2, 2), "of classes"),
    ],
)
def test_what_are_no_labels(y, match):
    with pytest.raises(ValueError, match=match):
        as_labels(y, "g")


def test_one_column_of_classes_is_a_list_of_classes():
    assert as_labels(torch.tensor([[3], [1]]), "g").tolist() == [3, 1]
    assert as_labels(torch.tensor([[0, 1]]), "g").dtype == torch.float32
    assert as_labels(torch.tensor(3), "g").tolist() == [3]


def masks(train, valid, test):
    parts = zip(("train_mask", "val_mask", "test_mask"), (train, valid, test), strict=True)
    return SimpleNamespace(**{name: mask for name, mask in parts if mask is not None})


def nodes(*numbers):
    mask = torch.zeros(4, dtype=torch.bool)
    mask[list(numbers)] = True
    return mask


def test_masks_by_hand():
    found = as_masks(masks(nodes(0, 2), nodes(1), nodes(3)), 4, 0)
    assert {split: part.tolist() for split, part in found.items()} == {"train": [0, 2], "valid": [1], "test": [3]}
    assert as_masks(masks(None, None, None), 4, 0) is None
    assert as_masks(masks(nodes(0, 2), nodes(1), None), 4, 0).keys() == {"train", "valid"}
    several = masks(*(torch.stack([nodes(i), nodes(i + 1)], 1) for i in range(3)))
    assert as_masks(several, 4, 1)["train"].tolist() == [1]


@pytest.mark.parametrize(
    ("found", "column", "match"),
    [
        (masks(nodes(0), None, nodes(1)), 0, "missing are val_mask"),
        (masks(nodes(0), nodes(), nodes(1)), 0, "val_mask is empty"),
        (masks(nodes(0, 1), nodes(1), nodes(2, 1)), 0, "overlap: 1 nodes"),
        (masks(nodes(0).long(), nodes(1), nodes(2)), 0, "of bool"),
        (masks(nodes(0)[:3], nodes(1), nodes(2)), 0, r"\[4\] of bool, got \(3,\)"),
        (masks(*[nodes(0)[:, None]] * 3), 2, "holds 1 splits, got split=2"),
    ],
)
def test_what_are_no_masks(found, column, match):
    with pytest.raises(ValueError, match=match):
        as_masks(found, 4, column)


def test_a_random_split_without_an_example():
    with pytest.raises(ValueError, match="'valid' is empty: 3 nodes"):
        random_splits(3, 0.6, 0.1, 0, "nodes")


def test_features_of_graphs_without():
    """1, and logarithms of 1 + the edges in and out."""
    data = SimpleNamespace(edge_index=torch.tensor([[0, 0, 1], [1, 2, 2]]), y=torch.tensor([0, 1, 1]), x=None)
    with pytest.raises(ValueError, match=r"no features x; Options\(features='degree'\)"):
        as_graph(data, "g")
    assert as_graph(data, "g", features="constant").x.tolist() == [[1.0]] * 3
    wanted = torch.log1p(torch.tensor([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]))
    torch.testing.assert_close(as_graph(data, "g", features="degree").x[:, 1:], wanted)
    data.num_nodes = 4
    data.y = torch.tensor([0, 1, 1, 0])
    assert as_graph(data, "g", features="constant").x.shape == (4, 1)


def test_nodes_of_several_types_are_named():
    data = SimpleNamespace(node_types=["user", "item"])
    with pytest.raises(ValueError, match=r"several types, user, item.* data.to_homogeneous\(\)"):
        as_graph(data, "g")
