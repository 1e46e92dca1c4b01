import dataclasses

import pytest
import torch

from appnas.cost import LookUp
from appnas.methods import unas
from appnas.spaces import Slots
from appnas.testing import MethodSuite


class TestUnified(MethodSuite):
    method = "unas"
    settings = {"epochs": 2, "warmup": 1}  # noqa: RUF012


class TestReinforce(TestUnified):
    settings = {"epochs": 2, "warmup": 1, "estimator": "reinforce", "samples": "batch", "gap": 0.0}  # noqa: RUF012


def test_settings_of_the_code():
    expected = {
        "epochs": 100, "warmup": 15, "gap": 0.5, "tau": 0.4, "lr": 3e-4, "lr_min": 1e-4, "weight_decay": 3e-4,
        "clip": 5.0, "alpha_lr": 1e-3, "alpha_lr_min": 3e-4, "alpha_weight_decay": 1e-6, "duplicates": 0.2,
        "price": 0.1, "ramp": 30_000, "fitted": 10_000, "estimator": "unified", "samples": "example",
    }  # fmt: skip
    assert expected.items() <= dataclasses.asdict(unas.Config()).items()


@pytest.mark.parametrize(
    ("wrong", "words"), [({"epochs": 15}, "more than 15"), ({"tau": 0.0}, "above 0"), ({"estimator": "snas"}, "one of")]
)
def test_wrong_settings(wrong, words):
    with pytest.raises(ValueError, match=words):
        unas.Config(**wrong)


@pytest.mark.parametrize("estimator", ["unified", "gumbel", "gdas", "reinforce"])
def test_alpha_moves_and_the_loss_falls(chain, regression, estimator):
    config = unas.Config(estimator, epochs=25, warmup=3, lr=0.01, alpha_lr=0.05, alpha_lr_min=0.05)
    result = unas.search(chain, regression, config)
    values = [record.value for record in result.history]
    assert sum(values[-20:]) / 20 > sum(values[:10]) / 10 + 0.2
    assert float(result.strategy.distribution()[0].max()) > 0.35


def test_slots_on_images_have_a_price_for_duplicates(digits):
    space = Slots(ops=("none", "skip_connect", "sep_conv_3x3"), nodes=2, channels=2, cells=3, width=2, depth=3)
    result = unas.search(space, digits, unas.Config(epochs=1, warmup=0, gap=0.0))
    assert space.valid(result.best)
    assert all({"loss", "duplicates"} <= set(record.metrics) for record in result.history)
    assert 0 <= result.history[0].metrics["duplicates"] <= 0.2 * 4


def test_excess_by_hand(chain):
    """One measurement an architecture; at one-hot gates of a true table both parts agree."""
    asked = []

    def cost(arch):
        asked.append(arch)
        return 3.0 * arch[0] + arch[1]

    rows = torch.stack([3.0 * torch.arange(5), torch.arange(5.0)])
    term = unas.excess(chain, cost, LookUp(chain.choices, (rows,), 0.0), 7.0, lambda step: 0.5 * step, samples=2)
    gates = (torch.nn.functional.one_hot(torch.tensor([[2, 4], [1, 1], [4, 4]]), 5).float(),)
    for part in (term.hard, term.soft):
        torch.testing.assert_close(part(gates, 2), torch.tensor([3.0, 0.0]))
    term.hard(gates, 1)
    assert asked == [(2, 4), (1, 1)]


def test_a_target_pulls_the_search_below_it(chain, regression):
    """Sigmoid layers (option 3) at 1 each, linear ones (4) at 2: with a steep price nothing above 1 survives."""
    prices = (0.0, 0.0, 0.5, 1.0, 2.0)
    config = unas.Config(epochs=12, warmup=0, lr=0.01, alpha_lr=0.1, target=1.0, price=20.0, ramp=10, fitted=25)
    result = unas.search(chain, regression, config, cost=lambda arch: sum(prices[k] for k in arch))
    assert sum(prices[k] for k in result.best) <= 1.0
    free = unas.search(chain, regression, dataclasses.replace(config, target=0.0))
    assert "excess" in result.history[0].metrics and "excess" not in free.history[0].metrics


def test_the_default_cost_is_measured_latency(chain, regression):
    config = unas.Config(epochs=1, warmup=0, target=1e6, fitted=10)
    result = unas.search(chain, regression, config)
    assert {record.metrics["excess"] for record in result.history} == {0.0}
