"""appnas.domains.graphs.loaders: parts of a graph, and sampled neighbours where a sampler is installed."""

from importlib.util import find_spec

import pytest
import torch
from conftest import ring_data

pytest.importorskip("torch_geometric")

import appnas
from appnas.domains.graphs import Batch, Graphs
from appnas.domains.graphs.domain import Options
from appnas.domains.graphs.loaders import neighbours, parts
from appnas.spaces import GNN

SAMPLER = find_spec("pyg_lib") or find_spec("torch_sparse")


def whole(data, nodes):
    """The label of a node is its number."""
    return Batch(data.x, data.edge_index, None, nodes, nodes, getattr(data, "edge_weight", None))


def test_parts_hold_every_node_once_and_their_share_of_the_split():
    data, rng = ring_data(), torch.Generator().manual_seed(0)
    nodes = torch.arange(0, 60, 3)
    before = torch.get_rng_state()
    found = list(parts(whole(data, nodes), 4, rng))
    assert torch.equal(torch.get_rng_state(), before)
    assert sum(len(part.x) for part in found) == 60
    assert sorted(n for part in found for n in part.y.tolist()) == nodes.tolist()
    for part in found:
        assert len(part.nodes) == len(part.y) == 5 and part.edge_weight is None
        assert torch.equal(part.x[part.nodes], data.x[part.y])
        assert part.edge_index.max() < len(part.x)


def test_edges_inside_a_part_are_the_graphs_with_their_weights():
    data = ring_data()
    data.x = torch.arange(60.0)[:, None]  # every node carries its number
    data.edge_weight = torch.arange(360.0)  # and every edge
    known, kept = data.edge_index.T.tolist(), 0
    for part in parts(whole(data, torch.arange(6)), 3, torch.Generator()):
        joined = part.x[part.edge_index, 0].long().T.tolist()
        assert joined == [known[int(number)] for number in part.edge_weight]
        kept += len(joined)
    assert 0 < kept < len(known)


def test_a_search_runs_on_parts():
    domain = Graphs(ring_data(), options=Options(loader="parts", parts=3))
    assert appnas.search(GNN(widest=16), domain, "random", evaluations=2, budget=2).value > 0


@pytest.mark.skipif(bool(SAMPLER), reason="a sampler is installed")
def test_without_a_sampler_the_error_names_the_way_out():
    data = ring_data()
    with pytest.raises(ImportError, match="loader='parts' needs neither"):
        next(neighbours(whole(data, torch.arange(4)), (2,), 2, torch.Generator()))


@pytest.mark.skipif(not SAMPLER, reason="needs pyg-lib or torch-sparse")
@pytest.mark.filterwarnings("default")
def test_neighbours():
    data, nodes = ring_data(), torch.arange(0, 60, 3)
    found = [list(neighbours(whole(data, nodes), (3, 2), 8, torch.Generator().manual_seed(seed))) for seed in (0, 0, 1)]
    assert [len(part.y) for part in found[0]] == [8, 8, 4]
    assert sorted(n for part in found[0] for n in part.y.tolist()) == nodes.tolist()
    for part, again in zip(found[0], found[1], strict=True):
        assert torch.equal(part.x[part.nodes], data.x[part.y]) and torch.equal(part.edge_index, again.edge_index)
        assert part.edge_index.max() < len(part.x)
    assert not all(torch.equal(a.y, b.y) for a, b in zip(found[0], found[2], strict=True))
    domain = Graphs(data, options=Options(loader="neighbours", batch=8))
    assert appnas.search(GNN(widest=16), domain, "random", evaluations=1, budget=2).value > 0
