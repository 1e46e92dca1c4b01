import copy
import dataclasses

import pytest
import torch

from appnas.loop import Observer
from appnas.methods import darts
from appnas.space import full_mask, restrict
from appnas.spaces import Bench201, Cells
from appnas.strategy import Gradient, OnPaths
from appnas.task import cosine
from appnas.testing import MethodSuite


class TestFirstOrder(MethodSuite):
    method = "darts"
    settings = {"epochs": 2, "order": "first", "alpha_lr": 0.1}  # noqa: RUF012


class TestSecondOrder(TestFirstOrder):
    settings = {"epochs": 2, "order": "second"}  # noqa: RUF012


class TestFiniteDifferences(TestFirstOrder):
    settings = {"epochs": 2, "order": "finite"}  # noqa: RUF012


class TestSampled(TestFirstOrder):
    settings = {"epochs": 2, "order": "first", "alpha_lr": 0.1, "sampled": True}  # noqa: RUF012


class TestSampledSecondOrder(TestFirstOrder):
    settings = {"epochs": 2, "order": "second", "sampled": True, "paths": 2}  # noqa: RUF012


class TestOnImages(MethodSuite):
    """Five batches an epoch on NAS-Bench-201's space."""

    method = "darts"
    settings = {"epochs": 2, "order": "first"}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    @pytest.fixture
    def domain(self, digits):
        return digits


def test_settings_of_the_paper():
    """Liu et al., section A.1.1 and the official code."""
    config = darts.Config()
    expected = {
        "epochs": 50, "order": "second", "lr": 0.025, "lr_min": 0.001, "momentum": 0.9, "weight_decay": 3e-4,
        "clip": 5.0, "alpha_lr": 3e-4, "alpha_betas": (0.5, 0.999), "alpha_weight_decay": 1e-3,
    }  # fmt: skip
    assert expected.items() <= dataclasses.asdict(config).items()


class Watch(Observer):
    """Logits and supernet before the first step, and the learning rate of the weights after every one."""

    def start(self, loop):
        self.rates = []
        self.alpha = [logits.detach().clone().requires_grad_() for logits in loop.strategy.alpha]
        self.supernet = copy.deepcopy(loop.evaluator.supernet)

    def step(self, loop, record):
        self.rates.append(loop.evaluator.optimiser.param_groups[0]["lr"])


def test_learning_rate_follows_a_cosine_by_the_epoch(chain, regression):
    watch = Watch()
    result = darts.search(chain, regression, darts.Config(epochs=4, order="first"), callbacks=[watch])
    steps = regression.epoch("train")
    assert len(result.history) == 4 * steps == len(watch.rates)
    assert watch.rates == [cosine(step // steps, 4, 0.025, 0.001) for step in range(4 * steps)]
    assert watch.rates[0] == 0.025 and watch.rates[2 * steps] == pytest.approx(0.013)


def test_one_step_by_hand(chain, regression):
    """First alpha on a validation batch, then the weights on a training batch, under the gates after that step."""
    config = darts.Config(epochs=1, order="first", alpha_lr=0.1, lr=0.05, weight_decay=0.0, clip=0.0)
    regression = type(regression)(batch=48)
    regression.splits["valid"] = regression.splits["train"]  # one batch an epoch, so one step; the order is free
    watch = Watch()
    result = darts.search(chain, regression, config, callbacks=[watch])
    assert len(result.history) == 1
    alpha, net = watch.alpha[0], watch.supernet
    batch = regression.splits["train"]

    def loss(logits):
        gates = (torch.softmax(logits, -1),)
        return regression.loss(lambda x: net(x, gates=gates), batch).mean()

    (slope,) = torch.autograd.grad(loss(alpha), alpha)
    expected = alpha - 0.1 * (slope + 1e-3 * alpha).sign()  # Adam's first step, weight decay added to the gradient
    torch.testing.assert_close(result.strategy.alpha[0], expected, atol=1e-4, rtol=1e-3)
    gradients = torch.autograd.grad(loss(result.strategy.alpha[0].detach()), list(net.parameters()))
    for before, gradient, after in zip(
        net.parameters(), gradients, result.evaluator.supernet.parameters(), strict=True
    ):
        torch.testing.assert_close(after, before - 0.05 * gradient, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("order", ["first", "second", "finite"])
def test_alpha_moves_and_the_loss_falls(chain, regression, order: str):
    result = darts.search(chain, regression, darts.Config(epochs=30, order=order, lr=0.05, alpha_lr=0.02))
    values = [record.value for record in result.history]
    assert sum(values[-20:]) / 20 > sum(values[:20]) / 20 + 0.2
    assert isinstance(result.strategy, Gradient)
    assert float(result.strategy.distribution()[0].max()) > 0.3


def test_the_orders_differ(chain, regression):
    """They follow the same draws and batches; the finite difference stays close to the exact second order."""
    ends = {}
    for order in ("first", "second", "finite"):
        result = darts.search(chain, regression, darts.Config(epochs=3, order=order, lr=0.1, alpha_lr=0.02))
        ends[order] = result.strategy.alpha[0].detach()
    to_finite, to_first = ((ends["second"] - ends[order]).abs().max() for order in ("finite", "first"))
    assert to_finite < 0.1 * to_first


def test_cells_of_darts_on_images(cells: Cells, digits):
    """One epoch of exact second order in the DARTS space: a valid cell, and every row of alpha has moved."""
    watch = Watch()
    result = darts.search(cells, digits, darts.Config(epochs=1, order="second"), callbacks=[watch])
    assert cells.valid(result.best) and len(result.history) == digits.epoch("train")
    for before, after in zip(watch.alpha, result.strategy.alpha, strict=True):
        assert ((after - before).abs() > 1e-4).any(1).all()


def test_none_is_never_derived_unless_asked_for(bench201: Bench201, digits):
    """NAS-Bench-201's own rule is the plain argmax; a mask that leaves only `none` to an edge is obeyed."""
    mask = full_mask(bench201.choices)
    mask[0][5] = torch.tensor([True, False, False, False, False])
    for space, zero, expected in (
        (bench201, False, (3, 3, 3, 3, 3, 3)),
        (bench201, True, (0, 0, 0, 0, 0, 0)),
        (restrict(bench201, mask), False, (3, 3, 3, 3, 3, 0)),
    ):
        result = darts.search(space, digits, darts.Config(epochs=1, order="first", zero=zero))
        with torch.no_grad():
            result.strategy.alpha[0].copy_(torch.tensor([9.0, 0.0, 0.0, 5.0, 0.0]).expand(6, -1))
        assert result.strategy.best() == expected


@pytest.mark.parametrize("order", ["first", "second", "finite"])
def test_sampled_operations_are_found_too(chain, regression, order: str):
    """The value rises on samples, and the mass of the logits leaves `none`; every step runs one option a layer."""
    ran = []

    class Count(Observer):
        def start(self, loop):
            for layer in loop.evaluator.supernet.layers:
                for op in layer.values():
                    op.register_forward_hook(lambda *_: ran.append(1))

        def step(self, loop, record):
            assert len(ran) <= (2 + 2) * (5 if order == "finite" else 3)  # layers, by passes of a step
            ran.clear()

    config = darts.Config(epochs=40, order=order, lr=0.05, alpha_lr=0.02, sampled=True)
    result = darts.search(chain, regression, config, callbacks=[Count()])
    values = [record.value for record in result.history]
    assert sum(values[-20:]) / 20 > sum(values[:20]) / 20 + 0.1
    assert isinstance(result.strategy, OnPaths) and result.strategy.told == len(values)
    assert result.strategy.tau(0) == 10.0 and result.strategy.tau(len(values)) == pytest.approx(0.1)
    assert (result.strategy.distribution()[0][:, 0] < 0.2).all()


def test_settings_of_gdas():
    """As NASLib runs it; off by default."""
    config = darts.Config()
    assert (config.sampled, config.paths, config.tau, config.tau_end) == (False, 1, 10.0, 0.1)
    with pytest.raises(ValueError, match="paths"):
        darts.Config(paths=0)
