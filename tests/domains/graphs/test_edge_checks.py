"""appnas.domains.graphs.edge_checks: features of edges, and edges made to go both ways, as torch_geometric does."""

from types import SimpleNamespace

import pytest
import torch

from appnas.domains.graphs.edge_checks import as_edge_features, both_ways

EDGES = torch.tensor([[0, 0, 1, 1, 2], [1, 1, 0, 2, 2]])


def data(**parts):
    return SimpleNamespace(edge_index=EDGES, **parts)


def test_what_are_features_of_edges():
    integers = torch.arange(10).view(5, 2)
    found = as_edge_features(data(edge_attr=integers), 5, "g")
    assert found.dtype == torch.float32 and torch.equal(found, integers.float())
    assert as_edge_features(data(), 5, "g") is None and as_edge_features(data(edge_attr=torch.ones(5)), 5, "g") is None
    assert as_edge_features(data(edge_attr=torch.ones(5), edge_weight=torch.ones(5)), 5, "g").shape == (5, 1)


@pytest.mark.parametrize(
    ("attr", "match"),
    [
        (torch.ones(4, 2), r"mine: edge_attr, features of edges, is \[5, features\], got \(4, 2\).*edge_attr=False"),
        (torch.ones(5, 2, 1), r"got \(5, 2, 1\)"),
        (torch.ones(5, 0), r"got \(5, 0\)"),
        ([[1.0]] * 5, "got list"),
        (torch.tensor([[float("nan")]] * 2 + [[1.0]] * 3), "2 of 5 edges have NaN"),
    ],
)
def test_what_are_none(attr, match):
    with pytest.raises(ValueError, match=match):
        as_edge_features(data(edge_attr=attr), 5, "mine")


def test_both_ways_as_in_torch_geometric():
    utils = pytest.importorskip("torch_geometric.utils")
    weight, attr = torch.arange(5.0), torch.arange(10.0).view(5, 2)
    edges, (their_weight, their_attr) = utils.to_undirected(EDGES, [weight, attr], reduce="mean")
    found = both_ways(EDGES, weight, attr)
    assert all(torch.equal(a, b) for a, b in zip(found, (edges, their_weight, their_attr), strict=True))
    assert both_ways(EDGES, None, None)[1:] == (None, None)
