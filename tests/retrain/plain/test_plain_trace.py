"""Networks as torch writes them down."""

import torch
from torch import nn

from appnas.retrain.plain.plain_trace import own_path, traced


def test_parts_are_found_by_their_own_names():
    model = nn.Sequential()
    model.add_module("graph", nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    found = traced(model, (torch.randn(2, 3),), (torch.randn(5, 3),), training=True)
    assert {"", "graph", "graph.0", "graph.1"} <= set(found.parts)
    assert [node.target for node in found.parts["graph"][0].graph.nodes if node.op == "call_module"] == ["0", "1"]
    assert own_path("a.graph__.0") == "a.graph.0"
