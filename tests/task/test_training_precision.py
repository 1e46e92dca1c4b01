"""appnas.task.training in fewer bits and compiled: about the same, and the same."""

from __future__ import annotations

import copy
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from appnas.compute import Compute
from appnas.spaces import Bench201
from appnas.support import seeded
from appnas.task import Recipe, fit

PLAIN = Recipe(lr=0.1, momentum=0.0, weight_decay=0.0, clip=0.0)


@pytest.mark.parametrize("precision", ["32", "bf16", "16"])
def test_fewer_bits_learn_about_the_same(precision, digits, tmp_path):
    """Weights and losses are in float32; a training that goes on ends in the same bits, its scale included."""
    net = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10))  # noqa: E731
    data = copy.copy(digits)
    data.compute = Compute(precision=precision)
    models = [seeded(0, net) for _ in range(3)]
    exact = fit(models[0], digits, "train", digits.loss, 4, PLAIN, 0)
    whole = fit(models[1], data, "train", data.loss, 4, PLAIN, 0)
    assert whole == exact if precision == "32" else whole == pytest.approx(exact, rel=0.01)

    class Stopped(Exception):
        pass

    def stop(done, loss):
        if done == 3:
            raise Stopped

    file = tmp_path / "train.pt"
    with pytest.raises(Stopped):
        fit(seeded(0, net), data, "train", data.loss, 4, PLAIN, 0, file, stop)
    assert fit(models[2], data, "train", data.loss, 4, PLAIN, 0, file) == whole
    assert all(map(torch.equal, models[1].parameters(), models[2].parameters()))
    data.compute = Compute(precision="bf16" if precision == "32" else "32")
    with pytest.raises(ValueError, match=r"of another training .*precision"):
        fit(seeded(0, net), data, "train", data.loss, 4, PLAIN, 0, file)


def test_a_step_that_overflows_is_left_out():
    """60000 is finite in float16, 65536 times it is not: half of the scale, until one fits."""
    data = SimpleNamespace(
        batches=lambda split, rng: iter([torch.full((1, 1), 100.0)]), compute=Compute(precision="16")
    )
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 1.0)
    for epochs, moved in ((5, False), (10, True)):
        fit(model, data, "train", lambda model, batch: model(batch)[:, 0], epochs, PLAIN, 0)
        assert (model.weight.item() < 1.0) is moved


def test_compiled_training_is_the_same(digits, monkeypatch):
    """One compilation for a training with drop-path and ragged batches, names of the weights as they were."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    space = Bench201(channels=2, repeats=1)
    build = partial(space.build, (3, 1, 0, 2, 4, 1), digits.io)
    models, losses = [seeded(0, build) for _ in range(2)], []
    for model, compiles in zip(models, (False, True), strict=True):
        data = copy.copy(digits)
        data.compute = Compute(compile=compiles)
        losses.append(fit(model, data, "train", data.loss, 2, PLAIN, 0))
    assert losses[1] == pytest.approx(losses[0], rel=1e-5) and 1 <= len(graphs) <= 2
    assert list(models[0].state_dict()) == list(models[1].state_dict())
    torch.compiler.reset()
