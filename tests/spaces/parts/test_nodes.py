import math

import torch

from appnas.spaces.parts import dense, entering, obeys, picture, sequence, strongest, swapped, wired
from appnas.spaces.parts.nodes import path

OPS = ("none", "skip", "conv")
EDGES = dense(1, 3)


def test_edges():
    assert EDGES == ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    assert entering(EDGES) == [[0], [1, 2], [3, 4, 5]]
    assert dense(2, 1) == ((0, 2), (1, 2))


def test_the_rule():
    assert obeys(EDGES, OPS, (1, 2, 2, 0, 1, 1))
    assert not obeys(EDGES, OPS, (0, 2, 2, 0, 1, 1)), "the first node keeps its only edge"
    assert not obeys(EDGES, OPS, (1, 2, 2, 1, 1, 1)), "a third edge"


def test_the_strongest():
    scores = torch.tensor([[9, 1, 0], [9, 0, 1], [9, 1, 0], [9, 5, 4], [9, 1, 2], [9, 1, 3.0]])
    assert strongest(EDGES, OPS, scores) == [1, 2, 1, 1, 0, 2]
    assert strongest(EDGES, OPS, scores.expand(4, -1, -1)) == [1, 2, 1, 1, 0, 2]
    assert strongest(EDGES, OPS, torch.zeros(6, 3)) == [1, 1, 1, 1, 1, 0], "ties go to the first edge and option"


def test_the_picture():
    graph = picture(EDGES, OPS, (1, 2, 2, 0, 1, 1), ["in"], "out")
    assert sorted(graph.edges(data="op"))[:2] == [("0", "1", "conv"), ("0", "2", "skip")]
    assert graph.graph == {"inputs": ["in"], "outputs": ["out"]} and graph.in_degree("out") == 3


def test_operations_on_nodes():
    graph = sequence(["conv", ("dense", "growth 4")])
    assert list(graph.edges) == [("in", "1"), ("1", "2")] and graph.graph == {"inputs": ["in"], "outputs": ["2"]}
    assert dict(graph.nodes(data="op")) == {"in": None, "1": "conv", "2": ("dense", "growth 4")}
    assert list(sequence([])) == ["in"] == sequence([]).graph["outputs"], "an empty row passes its input on"
    fork = wired({"a": None, "b": "conv", "c": "add"}, [("a", "b"), ("a", "c"), ("b", "c")])
    assert fork.graph == {"inputs": ["a"], "outputs": ["c"]} and fork.nodes["c"] == {"op": "add"}


def test_two_states_exchanged():
    """Edges 0-1 0-2 1-2 0-3 1-3 2-3: without an operation on 1-2, states 1 and 2 are alike."""
    assert swapped(EDGES, OPS, (1, 2, 0, 1, 0, 2), 1) == (2, 1, 0, 1, 2, 0)
    assert swapped(EDGES, OPS, (1, 2, 1, 1, 0, 2), 1) is None


def test_the_cheapest_path():
    free = [0.0] * 6
    assert path(EDGES, free) == (3,), "ties go to the first edge"
    assert path(EDGES, [0, 1, 2, 5, 3, 1]) == (1, 5)
    assert path(EDGES, [0, math.inf, 0, math.inf, math.inf, 1]) == (0, 2, 5)
    assert path(EDGES, [*free[:3], math.inf, math.inf, math.inf]) == ()
    assert path(dense(2, 1), [3, 1]) == (1,), "from either input"
