"""appnas.compute.compiling: one compilation a network, the same numbers, and no silent way back."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from appnas.compute import CompileError, Compute
from appnas.compute.compiling import compiled


@pytest.fixture(autouse=True)
def few():
    with torch._dynamo.config.patch(recompile_limit=2):
        yield
    torch.compiler.reset()


def counting(backend, graph, inputs):
    backend.append(len(inputs))
    return graph


def test_every_network_has_a_compilation_of_its_own():
    """Torch gives up after some of one piece of code, here 2: a search from scratch trains more networks than that."""
    graphs = []
    for width in range(1, 5):
        net = nn.Linear(width, 2)
        called = compiled(net, backend=partial(counting, graphs))
        x = torch.randn(3, width)
        assert torch.equal(called(x), net(x)) and len(graphs) == width


def test_a_ragged_last_batch_compiles_once_more():
    graphs, net = [], nn.Linear(3, 2)
    called = compiled(net, backend=partial(counting, graphs))
    for size in (8, 8, 5, 8, 5, 6):
        assert called(torch.randn(size, 3)).shape == (size, 2)
    assert len(graphs) == 2


def test_what_cannot_be_compiled_is_one_line():
    def broken(graph, inputs):
        raise NotImplementedError("no such instruction")

    called = compiled(nn.Linear(3, 2), backend=broken)
    with pytest.raises(CompileError, match=r"could not compile the network \(.*no such instruction.*leave compile out"):
        called(torch.randn(1, 3))


def test_compiling_again_and_again_is_an_error():
    class Counts(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x * [i for i in range(self.calls)][-1]

    called = compiled(Counts(), backend="eager", dynamic=False)
    with pytest.raises(CompileError, match="leave compile out"):
        for _ in range(5):
            called(torch.ones(2))


def test_a_setting_asks_for_it(monkeypatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    net = nn.Linear(3, 2)
    called = Compute(precision="bf16", compile=True).prepared(net)
    y = called(torch.randn(2, 3))
    assert y.dtype == torch.float32 and called is not net
    y.sum().backward()
    assert net.weight.grad is not None
