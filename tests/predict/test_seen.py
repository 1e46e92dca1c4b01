"""appnas.predict.seen: batches of graphs by hand, words that were not met, what is kept, the chain of last resort."""

import warnings

import networkx as nx
import pytest
import torch

from appnas.predict import BlindWarning, GCNRegressor, as_tensor, seen
from appnas.predict.gcn import GCN
from appnas.predict.seen import Networks, view
from appnas.space import Choice
from appnas.spaces import Bench201
from appnas.spaces.parts import sequence

SPACE = Bench201()


class Rows:
    """Layers in a row; those of the last option have a number of their own."""

    mask = None
    choices = (Choice("layer", ("none", "a", "b"), 3),)

    def graph(self, arch):
        return {"row": sequence(("rare", "word") if sum(arch) == 6 else "none a b".split()[k] for k in arch)}


class Relabelled(Bench201):
    """The same cells, their nodes named and ordered otherwise."""

    def graph(self, arch):
        (cell,) = super().graph(arch).values()
        other = nx.MultiDiGraph(inputs=[("n", "in")], outputs=[("n", "out")])
        other.add_nodes_from(("n", node) for node in reversed(list(cell)))
        other.add_edges_from((("n", u), ("n", v), {"op": op}) for u, v, op in reversed(list(cell.edges(data="op"))))
        return {"cell": other}


def test_a_batch_by_hand():
    """in -> conv 3x3 -> out; and the same beside a skip: filled up to the larger one."""
    networks = Networks(SPACE)
    batch = networks(torch.tensor([[0, 0, 0, 3, 0, 0], [0, 3, 0, 1, 0, 3]]))
    said = [
        [[word for word, i in networks.words.items() if i == k] for k in row] for row in batch.words[..., 0].tolist()
    ]
    assert said == [
        [["input"], ["nor_conv_3x3"], ["output"], [], []],
        [["input"], ["nor_conv_3x3"], ["skip_connect"], ["nor_conv_3x3"], ["output"]],
    ]
    assert batch.alive.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch.adjacency[0].nonzero().tolist() == [[0, 1], [1, 2]]
    assert batch.adjacency[1].nonzero().tolist() == [[0, 1], [0, 2], [1, 3], [2, 4], [3, 4]]


def test_what_is_kept_changes_nothing(monkeypatch):
    """One by one, all at once, from a memory that overflows: the same; smaller graphs come after larger ones."""
    archs = as_tensor([(3,) * 6, (0, 0, 0, 3, 0, 0), (1, 2, 0, 0, 0, 4), (0,) * 6, (1, 2, 3, 4, 1, 2)])
    net = GCN(SPACE, 0, width=4, layers=2)
    whole = net(archs)
    assert len(net.view.rows) == 5
    monkeypatch.setattr(seen, "KEPT", 2)
    again = GCN(SPACE, 0, width=4, layers=2)
    for part in (archs.flip(0), archs[2:3], archs):
        torch.testing.assert_close(again(part), net(part))
    assert len(again.view.rows) == 5 and torch.equal(net(archs), whole)


def test_the_names_of_nodes_say_nothing():
    archs = as_tensor([(1, 2, 3, 4, 1, 2), (3, 0, 1, 2, 3, 1), (0, 0, 0, 4, 0, 0)])
    torch.testing.assert_close(GCN(SPACE, 0)(archs), GCN(Relabelled(), 0)(archs))


def test_an_operation_is_the_sum_of_its_words():
    """Those that the sample did not meet share one."""
    space = Rows()
    networks = Networks(space)
    assert {"none", "a", "b", "input", "output"} <= networks.words.keys()
    networks.words = {word: i for word, i in networks.words.items() if word not in ("rare", "word")}
    assert networks(torch.tensor([[2, 2, 2]])).words[0, 1].tolist() == [networks.count - 1] * 2
    net = GCN(space, 0, width=4, layers=0)
    words, table = net.view.words, net.embed.weight
    rare = table[words["rare"]] + table[words["word"]]
    torch.testing.assert_close(
        net(torch.tensor([[2, 2, 2]]))[0], (table[words["input"]] + table[words["output"]] + 3 * rare) / 5
    )


def test_without_a_graph_the_decisions_are_a_chain():
    class Plain:
        mask = None
        choices = (Choice("layer", ("none", "a"), 2), Choice("width", ("4", "8")))

    with pytest.warns(
        BlindWarning, match=r"Plain has no graph\(arch\), so the predictor sees its 3 decisions as a chain"
    ):
        found = view(Plain())
    batch = found(torch.tensor([[0, 1, 1]]))
    assert batch.adjacency[0].nonzero().tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert batch.words.flatten().tolist() == [1, 2, 3, 5, 6] and batch.alive.tolist() == [[1, 0, 1, 1, 1]]
    with pytest.warns(BlindWarning) as told:
        GCNRegressor(Plain(), width=4, epochs=1).fit([(0, 1, 1), (1, 1, 0)], [0.0, 1.0])
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(view(SPACE), Networks)
