"""appnas.cost.fitting: what a training is said to need against its own peak, and when nothing is tried."""

import random

import pytest
import torch
from conftest import ring_data
from torch import nn

from appnas.cost import check_fits, fitting, peak_bytes, training_bytes
from appnas.domains.graphs import Graphs, Options
from appnas.estimate import Cached, Scratch, attempt
from appnas.methods import baselines
from appnas.space import random_arch
from appnas.spaces import GNN, GraphNet
from appnas.strategy import Draw
from appnas.support import MIB, memory
from appnas.task import Locked


def grown(nodes=6000, **more):
    """A ring of which a network is tried on a twelfth; more edges where that is asked for."""
    return Graphs(ring_data(nodes), options=Options(**more))


def bytes_of(model):
    return sum(p.numel() * p.element_size() for p in model.parameters())


@pytest.mark.parametrize("more", [{}, {"loader": "parts", "parts": 3}])
@pytest.mark.parametrize("space", [GNN(), GraphNet()], ids=["gnn", "graphnet"])
def test_what_a_graph_network_needs_is_within_a_factor_of_two(space, more):
    pytest.importorskip("torch_geometric")
    domain = grown(**more)
    for seed in range(4):
        model = space.build(random_arch(space, random.Random(seed)), domain.io)
        need = training_bytes(model, domain)
        real = bytes_of(model) + peak_bytes(lambda model=model: domain.fit(model, 1))
        assert real / 2 < need < 2 * real


def test_graphs_of_a_batch_are_counted():
    pytest.importorskip("torch_geometric")
    graphs = [ring_data(60) for _ in range(100)]
    for number, graph in enumerate(graphs):
        graph.y = torch.tensor([number % 2])
    domain, space = Graphs(graphs, options=Options(batch=20)), GNN(layers=3)
    model = space.build(random_arch(space, random.Random(0)), domain.io)
    real = bytes_of(model) + peak_bytes(lambda: domain.fit(model, 1))
    assert real / 2 < training_bytes(model, domain) < 2 * real


def test_an_image_network_is_tried_on_a_few_images(bench201, digits):
    """A step of a whole batch, by hand; the network's buffers, mode and torch's generator are left alone."""
    model = bench201.build(random_arch(bench201, random.Random(0)), digits.io)
    model.eval()
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    need = training_bytes(model, Locked(digits)) - 5 * bytes_of(model)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items()) and not model.training
    assert torch.equal(torch.get_rng_state(), state)
    inputs = digits.example(digits.options.batch)

    def step():
        torch.autograd.grad(model.train()(*inputs).sum(), list(model.parameters()), allow_unused=True)

    assert need == pytest.approx(peak_bytes(step), rel=0.2)


def test_where_data_are_small_nothing_is_tried(ring, digits, monkeypatch):
    def never(*args):
        raise AssertionError("a step was made")

    monkeypatch.setattr(fitting, "_peak", never)
    linear = nn.Linear(8, 3)
    free = fitting.places(ring, fitting.passes(ring, True)[0]) * fitting.PLACE
    assert training_bytes(linear, ring, int(free) + 5 * bytes_of(linear) + 1) == 0
    with pytest.raises(AssertionError, match="a step"):
        training_bytes(linear, ring, int(free) // 2)
    assert training_bytes(nn.Linear(1000, 1000), digits, 2**20) == 5 * 4 * 1_001_000  # weights alone are too much
    monkeypatch.setattr(memory, "free_bytes", lambda device=None: None)
    check_fits(linear, ring)


class Odd:
    """A domain whose inputs are no tensors."""

    def example(self, count):
        return ("words",)


def test_inputs_that_are_no_tensors_are_not_tried():
    assert training_bytes(nn.Linear(2, 2), Odd()) == 0


def test_a_network_that_does_not_fit_is_a_failed_candidate_and_the_search_goes_on(monkeypatch):
    """By 40 MiB, a wide network of 6,000 nodes fails with what it needs; small ones are trained."""
    pytest.importorskip("torch_geometric")
    domain, space = grown(), GraphNet(hidden=(4, 256), repeats=(1,), operations=("gcn", "mlp"), pre=(1,))
    monkeypatch.setattr(memory, "free_bytes", lambda device=None: 40 * MIB)
    wide = next(a for a in (random_arch(space, random.Random(i)) for i in range(99)) if
                space.named(a)["hidden"] == ["256"])  # fmt: skip
    score = attempt(Cached(Scratch(space, domain, 1)), Draw(wide))
    assert score.failure and score.failure.kind == "MemoryError" and float(score.value) == pytest.approx(domain.chance)
    said = score.failure.message
    assert "training this network needs about" in said and "40 MiB are free" in said and "loader='parts'" in said
    found = baselines.random(space, domain, baselines.RandomConfig(evaluations=6, budget=1), seed=1)
    failed = [record.failure is not None for record in found.history]
    assert any(failed) and not all(failed) and space.named(found.best)["hidden"] == ["4"]
