"""appnas.cli.eda.graph: DEF files as graphs, which load as the command says."""

import pytest
import torch
from test_eda_features import made

from appnas.cli import main
from appnas.domains.eda.flow import TRACKS


def test_a_graph_that_loads_as_is_said(tmp_path, capsys):
    files = made(tmp_path)
    assert main(["eda", "graph", *files, "--grid", "6x9", "--covers"]) == 0
    out = tmp_path / "a-graph.pt"
    said = " ".join(capsys.readouterr().out.split())
    assert "2 nets, 54 gcells" in said and "HeteroData.from_dict(torch.load(" in said
    graph = torch.load(out, weights_only=True)
    assert set(TRACKS) < set(graph["gcell"]["features"]) and graph["_global_store"]["grid"] == [6, 9]
    assert ("net", "covers", "gcell") in graph
    HeteroData = pytest.importorskip("torch_geometric.data", reason="the extra `graphs` is not installed").HeteroData
    assert HeteroData.from_dict(torch.load(out)).validate()
    assert main(["eda", "graph", *files, "--ideal", "CLOCK", "--out", str(tmp_path / "other.pt")]) == 0
    assert len(torch.load(tmp_path / "other.pt")["net"]["x"]) == 1
    assert main(["eda", "graph", files[0]]) == 2
