"""The graph of every space in the catalogue: the contract, and equal graphs are of equal networks."""

import random

import networkx as nx
import pytest
import torch
from test_matrix import GRAPHS, ON_NETS, RECURRENT, TINY_SPACES

from appnas.predict import as_tensor
from appnas.predict.gcn import GCN
from appnas.report import diagram
from appnas.space import decisions, describe, drawing, neighbours, op_graph, random_arch
from appnas.space.encoding import words
from appnas.spaces import SPACES


@pytest.fixture(params=SPACES)
def name(request):
    return request.param


@pytest.fixture
def space(name):
    return SPACES[name](**TINY_SPACES[name])


def anything(space, count):
    """Indices in range, whatever the rules say."""
    rng, every = random.Random(0), decisions(space.choices)
    return [tuple(rng.randrange(len(names)) for names in every) for _ in range(count)]


def test_the_contract(space):
    """Parts by name, acyclic, with ends; operations are words, on nodes or on edges; any indices are taken."""
    ends = [tuple(0 for _ in decisions(space.choices)), tuple(len(o) - 1 for o in decisions(space.choices))]
    for arch in (*anything(space, 20), *ends):
        parts = space.graph(arch)
        assert parts and all(isinstance(name, str) for name in parts)
        for part in parts.values():
            assert nx.is_directed_acyclic_graph(part)
            assert part.graph["inputs"] and {*part.graph["inputs"], *part.graph["outputs"]} <= set(part)
            on_nodes = [op for _, op in part.nodes(data="op") if op is not None]
            on_edges = [op for *_, op in part.edges(data="op") if op is not None]
            assert not (on_nodes and on_edges) and all(isinstance(w, str) and w for op in on_nodes for w in words(op))
            assert all(isinstance(op, str) for op in on_edges)
        graph = op_graph(parts)
        assert graph.ops[0] == ("input",) and graph.ops[-1] == ("output",) and all(graph.ops)
        assert nx.is_directed_acyclic_graph(nx.DiGraph(graph.arrows))
        assert drawing(space, arch).startswith(next(iter(parts)) + ":")


def test_equal_graphs_are_of_equal_networks(name, space, digits, ring, licence, chips):
    """Networks that differ in their modules have different graphs; one decision away most do."""
    io = (ring if name in GRAPHS else licence if name in RECURRENT else chips if name in ON_NETS else digits).io
    rng, different = random.Random(1), 0
    for _ in range(3):
        arch = random_arch(space, rng)
        near = list(neighbours(space, arch))
        for other in [*rng.sample(near, min(len(near), 6)), random_arch(space, rng)]:
            graphs = zip(space.graph(arch).values(), space.graph(other).values(), strict=True)
            if all(nx.utils.graphs_equal(*pair) for pair in graphs):
                assert str(space.build(arch, io)) == str(space.build(other, io)), describe(space.choices, other)
            else:
                different += 1
    assert different >= 3


def test_predictors_and_reports_take_them(space):
    """The embeddings of one batch differ; every decision has an edge or none; words fit the drawing."""
    archs = list(dict.fromkeys(anything(space, 12)))
    found = GCN(space, 0, width=8, layers=3)(as_tensor(archs))
    assert torch.isfinite(found).all() and len(found.unique(dim=0)) > 1
    assert len(diagram.edges_of(space)) == len(archs[0])
