"""appnas.estimate.cost_rewards: costs of architectures, remembered, and rewards made of them."""

import random

import pytest
import torch

from appnas.cost import counts
from appnas.estimate import rewarded
from appnas.estimate.cost_rewards import Measured
from appnas.space import random_arch
from appnas.strategy import Draw
from appnas.testing.parts import round_trip


def test_architectures_are_measured_once(bench201, digits):
    measured = Measured(bench201, digits, ["macs", "latency_ms"], repeats=3)
    arch = random_arch(bench201, random.Random(0))
    before = torch.get_rng_state()
    found = measured(arch)
    assert torch.equal(torch.get_rng_state(), before)
    assert found["macs"] == counts.macs(bench201.build(arch, digits.io), digits.example(1))
    assert measured(arch) is found
    again = Measured(bench201, digits, ["macs", "latency_ms"], repeats=3)
    again.load_state_dict(round_trip(measured.state_dict()))
    assert again(arch) == found
    assert again.meter.conditions == measured.meter.conditions != {}


def test_costs_join_the_metrics_of_a_training(bench201, digits):
    evaluator = rewarded(bench201, digits, 1, 0, "macs", lambda metrics: metrics["value"] - metrics["macs"])
    arch = random_arch(bench201, random.Random(0))
    score = evaluator.score(Draw(arch))
    macs = counts.macs(bench201.build(arch, digits.io), digits.example(1))
    assert score.metrics["macs"] == macs and float(score.value) == pytest.approx(score.metrics["accuracy"] - macs)
    again = rewarded(bench201, digits, 1, 0, "macs", lambda metrics: metrics["value"])
    again.load_state_dict(round_trip(evaluator.state_dict()))
    assert again.cost.known == evaluator.cost.known and float(again.score(Draw(arch)).value) == score.metrics["value"]
    with pytest.raises(ValueError, match="got watts"):
        rewarded(bench201, digits, 1, 0, "watts", lambda metrics: 0.0)
