"""appnas.domains.graphs.instructions: the lines do what the options did."""

import pytest
import torch
from conftest import ring_data

pytest.importorskip("torch_geometric")

import torch_geometric
from test_typed import tiny

import appnas
from appnas.domains.graphs import Graphs, Options, one_graph
from appnas.domains.graphs.instructions import instructions


def done(code, **given):
    scope = {"torch_geometric": torch_geometric, "appnas": appnas, **given}
    for line in code:
        exec(line, scope)
    return scope


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("featured", [False, True])
def test_lines_do_what_options_did(weighted, featured):
    data = ring_data()
    data.edge_index = data.edge_index[:, ::2]
    given = {"x": data.x, "edge_index": data.edge_index}
    if weighted:
        given["edge_weight"] = data.edge_weight = torch.rand(180)
    if featured:
        given["edge_attr"] = data.edge_attr = torch.rand(180, 3)
    domain = Graphs(data, options=Options(normalise=True, undirected=True))
    scope = done(domain.preprocessing()["code"], **given)
    assert all(torch.equal(scope[key], part) for key, part in zip(given, domain.example(1), strict=True))


def test_a_graph_of_several_types_is_joined():
    options = Options(normalise=True, undirected=True)
    graph = one_graph(tiny(), options=options)
    said = instructions(options, ["edge_attr"], graph)
    assert said["node_types"] == ["author", "paper"] and len(said["edge_types"]) == 3
    found = done(said["code"], data=tiny())["graph"]
    assert torch.equal(found.x, graph.x) and torch.equal(found.edge_attr, graph.edge_attr)
    assert instructions(Options(), [], None)["code"] == []
