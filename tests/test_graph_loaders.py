"""appnas.domains.graph_loaders: parts of a graph, and sampled neighbours where a sampler is installed."""

from importlib.util import find_spec

import pytest
import torch
from conftest import ring_data

pytest.importorskip("torch_geometric")

import appnas
from appnas.domains.graph_loaders import neighbours, parts
from appnas.domains.graphs import Graphs, Options
from appnas.spaces import GNN

SAMPLER = find_spec("pyg_lib") or find_spec("torch_sparse")


def test_parts_hold_every_node_once_and_their_share_of_the_split():
    data, rng = ring_data(), torch.Generator().manual_seed(0)
    nodes = torch.arange(0, 60, 3)
    before = torch.get_rng_state()
    found = list(parts(data.x, data.edge_index, nodes, 4, rng))
    assert torch.equal(torch.get_rng_state(), before)
    assert sum(len(x) for x, *_ in found) == 60
    assert sorted(n for *_, numbers in found for n in numbers.tolist()) == nodes.tolist()
    for x, edges, mine, numbers in found:
        assert len(mine) == len(numbers) == 5
        assert torch.equal(x[mine], data.x[numbers])
        assert edges.max() < len(x)


def test_edges_inside_a_part_are_the_graphs():
    data = ring_data()
    data.x = torch.arange(60.0)[:, None]  # every node carries its number
    known = set(map(tuple, data.edge_index.T.tolist()))
    kept = 0
    for x, edges, *_ in parts(data.x, data.edge_index, torch.arange(6), 3, torch.Generator()):
        joined = {(int(x[a, 0]), int(x[b, 0])) for a, b in edges.T.tolist()}
        assert joined <= known
        kept += len(joined)
    assert 0 < kept < len(known)


def test_a_search_runs_on_parts():
    domain = Graphs(ring_data(), options=Options(loader="parts", parts=3))
    assert appnas.search(GNN(widest=16), domain, "random", evaluations=2, budget=2).value > 0


@pytest.mark.skipif(bool(SAMPLER), reason="a sampler is installed")
def test_without_a_sampler_the_error_names_the_way_out():
    data = ring_data()
    with pytest.raises(ImportError, match="loader='parts' needs neither"):
        next(neighbours(data.x, data.edge_index, torch.arange(4), (2,), 2, torch.Generator()))


@pytest.mark.skipif(not SAMPLER, reason="needs pyg-lib or torch-sparse")
@pytest.mark.filterwarnings("default")
def test_neighbours():
    data, nodes = ring_data(), torch.arange(0, 60, 3)
    found = [
        list(neighbours(data.x, data.edge_index, nodes, (3, 2), 8, torch.Generator().manual_seed(seed)))
        for seed in (0, 0, 1)
    ]
    assert [len(numbers) for *_, numbers in found[0]] == [8, 8, 4]
    assert sorted(n for *_, numbers in found[0] for n in numbers.tolist()) == nodes.tolist()
    for (x, edges, mine, numbers), again in zip(found[0], found[1], strict=True):
        assert torch.equal(x[mine], data.x[numbers]) and torch.equal(edges, again[1]) and edges.max() < len(x)
    assert not all(torch.equal(a[3], b[3]) for a, b in zip(found[0], found[2], strict=True))
    domain = Graphs(data, options=Options(loader="neighbours", batch=8))
    assert appnas.search(GNN(widest=16), domain, "random", evaluations=1, budget=2).value > 0
