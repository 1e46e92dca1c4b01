"""appnas.strategy.policies.advantage: both forms by hand; a unit that is of no account; a state."""

import math

import pytest
import torch

from appnas.strategy.policies import Advantage, moving_average
from appnas.testing import round_trip


def test_moving_average():
    assert moving_average(None, 3.0, 0.9) == 3.0
    assert moving_average(1.0, 3.0, 0.9) == pytest.approx(1.2)
    assert moving_average(1.0, 3.0, 0.0) == 3.0


def test_by_hand():
    plain, scaled = Advantage(0.5), Advantage(0.5, scaled=True)
    for batch, expected, deviation in (
        ([1.0, 1.0], [0.0, 0.0], 1.0),  # nothing is apart yet
        ([1.0, 5.0], [-1.0, 3.0], math.sqrt(5)),  # b = 2, and (1 + 9) / 2 starts s^2
        ([2.0], [0.0], 1.0),  # b = 2
        ([6.0], [2.0], math.sqrt(3.25)),  # b = 4, s^2 = 5 / 2, then 2.5 / 2 + 4 / 2
    ):
        values = torch.tensor(batch)
        torch.testing.assert_close(plain.of(values), torch.tensor(expected))
        torch.testing.assert_close(scaled.of(values), torch.tensor(expected) / deviation)
    assert plain.average == scaled.average == 4.0 and scaled.square == pytest.approx(3.25)


@pytest.mark.parametrize("unit", [0.01, 100.0])
def test_scaled_the_unit_is_of_no_account(unit):
    one, other = Advantage(0.9, scaled=True), Advantage(0.9, scaled=True)
    for value in (3.0, 1.0, 4.0, 1.0, 5.0):
        assert one.of_one(value) == pytest.approx(other.of_one(unit * value), abs=1e-12)


def test_a_state_goes_on():
    one, other = Advantage(0.9, scaled=True), Advantage(0.9, scaled=True)
    one.of_one(2.0)
    one.of_one(3.0)
    other.load_state_dict(round_trip(one.state_dict()))
    assert one.of_one(7.0) == other.of_one(7.0) != 0.0
