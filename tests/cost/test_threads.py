"""Threads are taken where they are worth it, and put back."""

import pytest
import torch
from torch import nn

from appnas.cost import threads, threads_worth
from appnas.spaces import Bench201

SPACE = Bench201(channels=2, repeats=1)


class Clock:
    """Passes take the given seconds by number of threads."""

    def __init__(self, seconds):
        self.seconds, self.now, self.asked = seconds, 0.0, []

    def perf_counter(self):
        return self.now

    def __call__(self, model, inputs):
        self.asked.append((torch.get_num_threads(), type(model), len(inputs[0])))
        self.now += self.seconds[torch.get_num_threads()]


def measured(monkeypatch, digits, one, two):
    clock = Clock({1: one, 2: two})
    monkeypatch.setattr(threads, "time", clock)
    monkeypatch.setattr(threads, "_pass", clock)
    return threads_worth(SPACE, digits, 2, rounds=2), clock


def test_more_threads_must_be_faster_by_a_quarter(monkeypatch, digits):
    before = torch.get_num_threads()
    found, clock = measured(monkeypatch, digits, 1.0, 0.7)
    assert found.number == 2 and found.seconds == pytest.approx({1: 1.0, 2: 0.7})
    assert [count for count, _, _ in clock.asked] == [1, 2] * 3 and torch.get_num_threads() == before
    assert {size for _, _, size in clock.asked} == {digits.options.batch}
    assert measured(monkeypatch, digits, 1.0, 0.8)[0].number == 1


def test_a_real_network_is_trained_and_one_processor_is_one_thread(digits):
    found = threads_worth(SPACE, digits, 1, rounds=1)
    assert found.number == 1 and found.seconds[1] > 0
    with pytest.raises(ValueError, match="at least 1 thread"):
        threads_worth(SPACE, digits, 0)


def test_outputs_of_several_heads_are_all_passed_back():
    model = nn.ModuleList([nn.Linear(2, 1), nn.Linear(2, 1)])
    threads._pass(lambda x: (model[0](x), model[1](x)), (torch.ones(3, 2),))
    assert all(part.weight.grad is not None for part in model)
    threads._pass(lambda x: (model[0](x), None), (torch.ones(3, 2),))
