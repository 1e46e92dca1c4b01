"""appnas.space.encoding: architectures as gates, vectors, tokens and graphs."""

from __future__ import annotations

import random

import networkx as nx
import pytest
import torch

from appnas.space import Choice, argmax, features, offsets, one_hot, random_arch, tokens, vocabulary
from appnas.space.encoding import from_tokens, op_graph
from appnas.spaces.images.cells import DARTS_V2

CHOICES = (Choice("a", ("x", "y"), 2), Choice("b", ("p", "q", "r")), Choice("c", ("x", "y")))


def test_one_hot_by_hand():
    a, b, c = one_hot(CHOICES, (0, 1, 2, 1))
    assert a.tolist() == [[1, 0], [0, 1]] and b.tolist() == [[0, 0, 1]] and c.tolist() == [[0, 1]]
    assert {m.dtype for m in (a, b, c)} == {torch.float32}
    assert features(CHOICES, (0, 1, 2, 1)).tolist() == [1, 0, 0, 1, 0, 0, 1, 0, 1]


def test_tokens_by_hand():
    assert offsets(CHOICES) == [1, 1, 3, 1]  # decisions over the same options share their tokens
    assert vocabulary(CHOICES) == 1 + 2 + 3
    growing = (Choice("a", ("0",)), Choice("op", ("x", "y")), Choice("b", ("0", "1", "2")), Choice("c", ("0", "1")))
    assert offsets(growing) == [1, 4, 1, 1] and vocabulary(growing) == 1 + 3 + 2  # the longest holds the others
    assert tokens(CHOICES, (0, 1, 2, 1)) == [1, 2, 5, 2]
    assert from_tokens(CHOICES, [1, 2, 5, 2]) == (0, 1, 2, 1)


def test_every_code_leads_back(cells, bench201):
    rng = random.Random(0)
    for space in (cells, bench201):
        for _ in range(20):
            arch = random_arch(space, rng)
            assert argmax(one_hot(space.choices, arch)) == arch
            assert from_tokens(space.choices, tokens(space.choices, arch)) == arch
            assert int(features(space.choices, arch).sum()) == len(arch)


def test_illegal_tokens_are_named():
    with pytest.raises(ValueError, match="has 4 tokens, got 3"):
        from_tokens(CHOICES, [1, 2, 5])
    with pytest.raises(ValueError, match="position 2 takes the tokens 3 to 5, got 2"):
        from_tokens(CHOICES, [1, 2, 2, 1])
    with pytest.raises(ValueError, match="position 0 takes the tokens 1 to 2, got 0"):
        from_tokens(CHOICES, [0, 2, 5, 1])


def arrows(graph):
    """Which words feed which."""
    said = [" ".join(op) for op in graph.ops]
    return {(said[i], said[j]) for i, j in graph.arrows}


def test_operations_on_edges_by_hand():
    """The line graph; what leads nowhere, what nothing reaches and what is `none` is left out."""
    cell = nx.MultiDiGraph(inputs=["in"], outputs=["out"])
    wires = ("in", "1", "conv"), ("in", "out", "skip"), ("1", "out", "pool"), ("1", "2", "dead"), ("3", "out", "far")
    cell.add_edges_from((u, v, {"op": op}) for u, v, op in (*wires, ("in", "out", "none")))
    graph = op_graph({"cell": cell})
    assert graph.ops == (("input",), ("conv",), ("skip",), ("pool",), ("output",))
    assert arrows(graph) == {
        ("input", "conv"), ("input", "skip"), ("conv", "pool"), ("pool", "output"), ("skip", "output"),
    }  # fmt: skip
    assert graph.adjacency.nonzero().tolist() == [list(arrow) for arrow in graph.arrows]


def test_operations_on_nodes_by_hand():
    """Nodes stay nodes, those without an operation are passed through; a layer has several words."""
    cell = nx.DiGraph(inputs=["in"], outputs=["out"])
    ops = {"1": ("mbconv", "kernel 5"), "2": "conv", "dead": "conv", "off": "none", "out": "add"}
    cell.add_nodes_from((node, {"op": op}) for node, op in ops.items())
    cell.add_edges_from([("in", "1"), ("1", "state"), ("state", "2"), ("2", "out"), ("state", "out"), ("in", "dead")])
    cell.add_edges_from([("in", "off"), ("off", "out")])
    graph = op_graph({"cell": cell})
    assert graph.ops == (("input",), ("mbconv", "kernel 5"), ("conv",), ("add",), ("output",))
    assert arrows(graph) == {
        ("input", "mbconv kernel 5"), ("mbconv kernel 5", "conv"), ("mbconv kernel 5", "add"), ("conv", "add"),
        ("add", "output"),
    }  # fmt: skip


def test_parts_lie_side_by_side():
    """The part's name is a further word; several inputs are told apart."""
    first, second = nx.DiGraph(inputs=["a", "b"], outputs=["c"]), nx.DiGraph(inputs=["in"], outputs=["in"])
    first.add_edges_from([("a", "c", {"op": "conv"}), ("b", "c", {"op": "conv"})])
    second.add_node("in")
    assert arrows(op_graph({"left": first, "right": second})) == {
        ("input", "a left"), ("input", "b left"), ("a left", "conv left"), ("b left", "conv left"),
        ("conv left", "output"), ("input", "output"),
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"`inputs` and `outputs`, that of 'cell' has \['inputs'\]"):
        op_graph({"cell": nx.DiGraph(inputs=["in"])})


def test_op_graph_of_a_published_cell(cells):
    graph = op_graph({"normal": cells.graph(cells.from_cells(DARTS_V2))["normal"]})
    n = len(graph.ops)
    assert n == 4 + 8 + 4  # output, three inputs, two operations into each of four nodes, four edges to the join
    assert [graph.ops.count((op,)) for op in ("sep_conv_3x3", "skip_connect", "dil_conv_3x3", "concat")] == [5, 2, 1, 4]
    made = nx.DiGraph(graph.arrows)
    assert nx.is_directed_acyclic_graph(made) and nx.descendants(made, 0) == set(range(1, n))


def test_a_dead_end_is_no_output(bench201):
    """in -> 1 leads nowhere, in -> out is all there is; and a network in which nothing leads anywhere."""
    graph = op_graph(bench201.graph((3, 0, 0, 1, 0, 0)))
    assert arrows(graph) == {("input", "skip_connect"), ("skip_connect", "output")}
    assert op_graph(bench201.graph((3, 0, 0, 0, 0, 0))) == ((("input",), ("output",)), ())
