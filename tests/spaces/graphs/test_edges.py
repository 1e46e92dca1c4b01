"""appnas.spaces.graphs.edges: loops and weights by hand."""

import pytest
import torch

pytest.importorskip("torch_geometric")


from appnas.spaces.graphs.edges import Edges, with_loops

GIVEN = torch.tensor([[2, 0, 1, 0, 0], [0, 1, 1, 2, 1]])
"""Edges of four nodes, a loop at node 1 among them, 0 -> 1 twice."""


def test_loops_by_hand():
    """One loop a node, old loops not doubled, edges ordered by target, direction and double edges as they were."""
    graph = with_loops(GIVEN, 4)
    assert graph.edge_index.tolist() == [[2, 0, 0, 0, 1, 0, 2, 3], [0, 0, 1, 1, 1, 2, 2, 3]]
    assert graph.degree.tolist() == [2, 3, 2, 1]
    assert graph.gcn[2] == pytest.approx((2 * 3) ** -0.5)
    assert graph.pattern.transposed.column.tolist() == [0, 1, 1, 2, 1, 0, 2, 3]  # the targets, ordered by source


def test_weights_of_entries():
    """With a loop at every node (1 where none was given), and with those alone that were given."""
    weight = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5])
    edges = Edges.of(GIVEN, weight, 4, torch.float64)
    order = [0.1, 1, 0.2, 0.5, 0.3, 0.4, 1, 1]  # by target: into 0 from 2 and 0, into 1 from 0, 0 and 1, ...
    given = [0.1, 0, 0.2, 0.5, 0.3, 0.4, 0, 0]
    entries = sorted(zip(edges.graph.edge_index.T.tolist(), edges.entries.tolist(), strict=True), key=str)
    found = [round(value, 3) for _, value in entries]
    target = edges.graph.edge_index[1].tolist()
    assert edges.entries.dtype == torch.float64 and len(found) == 8 and target == [0, 0, 1, 1, 1, 2, 2, 3]
    for node in range(4):
        mine = [i for i, t in enumerate(target) if t == node]
        assert sorted(edges.entries[mine].tolist()) == pytest.approx(sorted(order[i] for i in mine))
        assert sorted(edges.alone(torch.float64)[mine, 0].tolist()) == pytest.approx(sorted(given[i] for i in mine))
    assert Edges.of(GIVEN, None, 4, torch.float32).alone(torch.float32).sum() == 5
    shares = edges.attention(torch.zeros(8, 2, dtype=torch.float64), 0.0, True)
    torch.testing.assert_close(shares[:2, 0], torch.tensor([0.1, 1.0], dtype=torch.float64).index_select(
        0, torch.tensor([0, 1] if edges.graph.edge_index[0, 0] == 2 else [1, 0])) / 2)  # fmt: skip
