"""appnas.domains.graphs.splitting.pairs: nothing of a pair is in two splits, and pairs without a label are in none."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ring_data

from appnas.domains.graphs import RECIPE, LinkOptions, Links

FAST = LinkOptions(recipe=replace(RECIPE, lr=0.05, lr_min=0.05), dim=4, valid=0.1, train=0.7)


def graph(**parts):
    """Both ways of 180 edges, nothing else known."""
    data = ring_data()
    return SimpleNamespace(x=data.x, edge_index=data.edge_index, **parts)


def three():
    """Training, validation and test pairs of one graph, as RandomLinkSplit gives them."""
    edges = graph().edge_index
    label = torch.arange(120) % 2
    return [graph(edge_label_index=edges[:, k::3], edge_label=label.clone()) for k in range(3)]


def sorted_pairs(whole):
    return {tuple(sorted(pair)) for pair in whole.nodes.tolist()}


def test_both_ways_of_an_undirected_edge_are_in_one_split():
    """Scores are symmetric: the label of (i, j) would tell that of (j, i)."""
    edges = graph().edge_index
    label = (edges.sum(0) * 7 % 5 % 2).numpy()  # an array, alike for both ways
    domain = Links(graph(edge_label=label), options=FAST)
    parts = [sorted_pairs(domain._whole[split]) for split in ("train", "valid", "test")]
    assert not domain.directed and not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert sum(map(len, parts)) == 180 and len(domain._whole["train"].nodes) == 2 * len(parts[0])


def test_edges_without_a_label():
    label = np.arange(360) % 3
    label[:60] = -1
    with pytest.warns(UserWarning, match="60 of 360 edges have no label"):
        domain = Links(graph(edge_label=label), options=FAST)
    assert sum(len(domain._whole[split].y) for split in ("train", "valid", "test")) == 300


def test_pairs_without_a_label():
    given = three()
    for part in given:
        part.edge_label = part.edge_label * 2 + 0.5
        part.edge_label[:3] = float("nan")
    with pytest.warns(UserWarning, match="9 of .* pairs have no label"):
        domain = Links(*given, options=FAST)
    assert domain.kind == "numbers" and len(domain._whole["valid"].y) == len(given[1].edge_label) - 3


def test_a_last_graph_without_pairs_is_no_test():
    """As RandomLinkSplit(num_test=0) leaves it."""
    train, valid, test = three()
    test.edge_label_index, test.edge_label = torch.zeros(2, 0, dtype=torch.long), torch.zeros(0)
    assert not Links(train, valid, test, options=FAST).has_test
