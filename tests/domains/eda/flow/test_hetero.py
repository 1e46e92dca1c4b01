"""appnas.domains.eda.flow.hetero: a small design by hand; what torch_geometric and the domain of graphs make of it."""

import io

import numpy as np
import pytest
import torch
from test_design import three  # noqa: F401
from test_lefdef import files  # noqa: F401

from appnas.domains.eda.flow import Grid, features
from appnas.domains.eda.flow.hetero import CELL, NET, adjacent, hetero, within


@pytest.fixture
def graph(three):  # noqa: F811
    """Gcells of 20 x 20: two rows, four columns. Cells 4 x 10, 4 x 10 and 8 x 10, the last at 60 to 68."""
    return hetero(three, Grid(three.die, 2, 4), features(three, 2, 4), covers=True)


def test_by_hand(graph):
    cells, nets = (
        dict(zip(names, graph[kind]["x"].T.tolist(), strict=True)) for kind, names in (("cell", CELL), ("net", NET))
    )
    assert graph["cell"]["names"] == ["i1", "i2", "f1"] and graph["net"]["names"] == ["in", "mid", "clk"]
    assert cells["area"] == pytest.approx([0.1, 0.1, 0.2]) and cells["height"] == [0.5] * 3
    assert cells["pins"] == [2, 1, 2] and cells["sequential"] == [0, 0, 1] and cells["buffer"] == [1, 1, 0]
    assert cells["x"] == pytest.approx([12 / 80, 42 / 80, 64 / 80]) and cells["y"] == [15 / 40] * 3
    assert nets["pins"] == [2, 3, 2] and nets["long"] == [1, 1, 0] and nets["clock"] == [0, 0, 0]
    assert nets["width"][:2] == pytest.approx([11 / 20, 50.5 / 20]) and nets["height"][0] == pytest.approx(7 / 20)
    assert graph["cell", "pin", "net"]["edge_index"].tolist() == [[0, 0, 1, 2, 2], [0, 1, 1, 1, 2]]
    assert graph["cell", "pin", "net"]["edge_attr"].flatten().tolist() == [0, 1, 0, 0, 0]
    assert graph["net", "pin_in", "gcell"]["edge_index"][:, :5].tolist() == [[0, 0, 1, 1, 1], [4, 0, 0, 2, 3]]
    assert graph["cell", "in", "gcell"]["edge_index"].tolist() == [[0, 1, 2], [0, 2, 3]]
    assert graph["cell", "in", "gcell"]["edge_attr"].flatten().tolist() == pytest.approx([0.1, 0.1, 0.2])
    covered = graph["net", "covers", "gcell"]["edge_index"]
    assert covered[1, covered[0] == 0].tolist() == [0, 4] and covered[1, covered[0] == 1].tolist() == [0, 1, 2, 3]
    assert graph["gcell"]["x"].shape == (8, 2 + 24) and graph["gcell"]["features"][:3] == ["x", "y", "macro"]
    np.testing.assert_allclose(graph["gcell"]["x"][4, :2], [1 / 8, 3 / 4])


def test_boxes_on_gcells():
    """One over four gcells, one that ends where a gcell does, one without an area."""
    of, gcell, share = within(Grid((0, 0, 40, 20), 2, 4), np.array([[5.0, 5, 15, 15], [10, 0, 20, 10], [20, 3, 20, 3]]))
    assert of.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2] and gcell.tolist() == [0, 1, 4, 5, 1, 2, 5, 6, 2]
    assert share.tolist() == [0.25, 0.25, 0.25, 0.25, 1, 0, 0, 0, 0]
    edges = adjacent(2, 3)
    assert edges.shape == (2, 14) and {tuple(e) for e in edges.T.tolist()} >= {(0, 1), (1, 0), (0, 3), (5, 2)}


def test_it_loads_safely_and_is_a_graph_of_torch_geometric(graph):
    """It is sound, and the domain of graphs takes it: which gcells are hotspots, say."""
    data = pytest.importorskip("torch_geometric.data", reason="the extra `graphs` is not installed")
    from appnas.domains.graphs import Graphs

    buffer = io.BytesIO()
    torch.save(graph, buffer)
    buffer.seek(0)
    loaded = data.HeteroData.from_dict(torch.load(buffer, weights_only=True))
    assert loaded.validate() and loaded.node_types == ["cell", "net", "gcell"] and loaded["cell"].features == list(CELL)
    assert loaded.grid == [2, 4] and not loaded.has_isolated_nodes()
    loaded["gcell"].y = torch.tensor([0, 1] * 4)
    for k, name in enumerate(("train_mask", "val_mask", "test_mask")):
        loaded["gcell"][name] = torch.arange(8) // 2 % 3 == k
    domain = Graphs(loaded)
    assert domain.io.relations == 6 and domain.io.outputs == (2,)
