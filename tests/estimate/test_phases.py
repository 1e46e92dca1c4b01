"""estimate.phases: the last stage trains from scratch, each time with another seed; its state."""

import random

import pytest
import torch

from appnas.estimate import Cached, Scratch, ThenScratch
from appnas.loop import search_loop
from appnas.strategy import Draw, Random, Ranked
from appnas.testing import round_trip


def test_repeats_are_trainings_from_scratch_with_seeds_of_their_own(chain, regression):
    inner = Cached(Scratch(chain, regression, 1))
    evaluator = ThenScratch(inner, 2, chain, regression, 3, seed=5)
    result = search_loop(Ranked(Random(chain, random.Random(0)), 2, 2), evaluator, 6)
    again = result.history[2:]
    assert [r.arch for r in again[:2]] == [r.arch for r in again[2:]] and inner.queries == 2
    for record, seed in zip(again, (5, 5, 6, 6), strict=True):
        expected = Scratch(chain, regression, 3, seed).score(Draw(record.arch)).value
        assert record.value == pytest.approx(float(expected))
    other = ThenScratch(Cached(Scratch(chain, regression, 1)), 2, chain, regression, 3, seed=5)
    other.load_state_dict(round_trip(evaluator.state_dict()))
    draw = Draw(again[0].arch)
    assert torch.equal(other.score(draw).value, evaluator.score(draw).value)
