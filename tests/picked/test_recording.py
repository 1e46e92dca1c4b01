"""appnas.picked.recording: what a model is asked, built and run without memory."""

import random
from typing import ClassVar

import pytest
import torch
from torch import nn

from appnas.picked import Refused, pick
from appnas.picked.answering import Key
from appnas.picked.recording import META, Recorder, firsts
from appnas.picked.sources import Source
from appnas.space import IO

IO3 = IO((3,), (2,))


class Layers(nn.Module):
    devices: ClassVar[set[str]] = set()

    def __init__(self, io, scale=1.0):
        super().__init__()
        self.layers = nn.Sequential(*(nn.Linear(3, 3) for _ in range(pick("depth", [1, 2]))))
        self.devices.add(self.layers[0].weight.device.type)

    def forward(self, x):
        return pick("act", {"relu": lambda: torch.relu, "tanh": lambda: torch.tanh})(self.layers(x))


class Switched(nn.Module):
    """One choice hangs on another's value in `__init__`, one in `forward`."""

    def __init__(self):
        super().__init__()
        self.wide = pick("wide", [False, True])
        self.width = pick("width", [8, 16]) if self.wide else 4

    def forward(self, x):
        return x * pick("times", [1, 2]) if self.wide else x


class Numbers(nn.Module):
    """Reads numbers while it is built, which the meta device does not hold."""

    def __init__(self):
        super().__init__()
        self.rate = torch.linspace(0, 1, 3)[1].item()
        self.drop = nn.Dropout(pick("rate", [0.1, 0.2]) * self.rate)

    def forward(self, x):
        return self.drop(x)


class Peeks(nn.Module):
    def forward(self, x):
        return pick("far", [1, 2]) * x if x.abs().max() > 0 else x


class Signs(nn.Module):
    """The sign changes neither with zeros nor with the usual small numbers."""

    def forward(self, x):
        return pick("sign", [1, 2]) * x if x.sum() + 50 > 0 else x


class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.width = pick("width", [1, 2])

    def forward(self, x, edges):
        return x[edges]


def recorder(model, args=()):
    return Recorder(Source(model, args), (torch.ones(2, 3),))


def test_builds_without_memory_and_runs():
    Layers.devices.clear()
    trace = recorder(Layers, args=(IO3,)).trace(firsts)
    assert Layers.devices == {"meta"}
    assert trace.met == {Key("depth"): 0, Key("act"): 0} and trace.running == {Key("act")} and trace.failed is None


def test_meets_what_is_only_there_under_others():
    found = recorder(Switched)
    found.explore(found.trace(firsts, every=True))
    assert found.order == [Key("wide"), Key("width"), Key("times")] and found.running == {Key("times")}
    assert {frozenset(key.name for key in trace.met) for trace in found.traces} == {
        frozenset({"wide"}), frozenset({"wide", "width", "times"}),
    }  # fmt: skip
    names = [key.name for key in found.drawn(random.Random(3)).met]
    assert names in (["wide"], ["wide", "width", "times"])


def test_a_model_that_reads_numbers_is_built_for_real():
    found = recorder(Numbers)
    assert found.device == META
    assert found.trace(firsts).met == {Key("rate"): 0} and found.device.type == "cpu"


def test_a_choice_that_depends_on_data():
    with pytest.raises(Refused, match="whether the choice 'far' is met in `forward` depends on the data"):
        recorder(Peeks).trace(firsts, every=True)
    with pytest.raises(Refused, match="whether the choice 'sign' is met in `forward` depends on the data"):
        recorder(Signs).trace(firsts, every=True)


def test_a_forward_that_cannot_be_run_is_remembered():
    found = recorder(Fails)
    trace = found.trace(firsts)
    assert trace.met == {Key("width"): 0} and isinstance(trace.failed, TypeError)
    assert found.inputs is None and found.device == META


def test_random_numbers_go_on_as_before():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    found = recorder(Numbers)
    found.explore(found.trace(firsts, every=True))
    assert torch.equal(torch.get_rng_state(), before)
