import copy
import random

import pytest
import torch

from appnas.prune import Indicators, SelfMasked, Sourced, costs, dense
from appnas.prune.indicators import redraw
from appnas.space import IO, constant_arch, full_mask, one_hot, random_arch, restrict
from appnas.spaces import MLP, Maskable
from appnas.strategy import Draw, Score
from appnas.testing import StrategySuite

SPACE = MLP(width=6)


def strategy(space=SPACE, seed=0, **more):
    return Indicators(space, torch.Generator().manual_seed(seed), **more)


def sourced(digits, source, penalty=0.0, space=SPACE, **more):
    return Sourced(space, digits, source, dense(space), penalty, **more)


def test_it_starts_with_nearly_everything():
    found = strategy(start=0.2, scale=0.01)
    assert found.best() == (1,) * 12
    assert torch.equal(found.gates()[0], torch.tensor([0.0, 1.0]).expand(6, 2))
    assert strategy(start=-0.2, scale=0.01).best() == (1, 1, 0, 0, 0, 0) * 2 or sum(strategy(start=-0.2).best()) == 4


def test_it_keeps_what_pays_and_drops_what_costs():
    """The value is known: two parts of the first layer are worth more than their price."""
    found = strategy(low=0.02)
    worth = torch.tensor([2.0, -1.0, 2.0, -1.0, -1.0, -1.0])
    for _ in range(120):
        draw = found.ask()
        value = (draw.gates[0][:, 1] * worth).sum() - draw.gates[1][:, 1].sum()
        found.tell(draw, Score(value))
    assert found.best()[:6] == (1, 0, 1, 0, 0, 0)
    assert sum(found.best()[6:]) == 2  # the floor
    v = found.distribution()
    assert (v[0][:, 1] > 0.5).tolist() == [True, False, True, False, False, False]
    torch.testing.assert_close(v[0].sum(-1), torch.ones(6))


def test_what_the_rules_keep_is_on_while_the_rest_stays_relaxed():
    """The floor of two units lifts the strongest of a layer that is off, and nothing else; slopes stay."""
    found = strategy(low=0.5)
    with torch.no_grad():
        found.alpha[0][:, 1] = torch.tensor([-3.0, -1.0, -2.0, -3.0, -3.0, -3.0])
        found.alpha[1][:, 1] = torch.tensor([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    first, second = (matrix[:, 1] for matrix in found.gates())
    assert first.detach()[[1, 2]].tolist() == [1, 1] and float(first.detach()[0]) < 0.01
    torch.testing.assert_close(second.detach(), torch.sigmoid(2 * found.alpha[1][:, 1]).detach())
    slopes = torch.autograd.grad(first.sum(), found.alpha[0])[0][:, 1]
    assert (slopes > 0).all()


def test_logits_stay_within_reach():
    found = strategy(lr=10.0, reach=3.0)
    for _ in range(3):
        draw = found.ask()
        found.tell(draw, Score(-draw.gates[0].sum()))
    assert float(found.alpha[0][:, 1].detach().max()) == -3.0
    assert torch.isfinite(found.alpha[1]).all()


def test_none_wins_where_every_part_is_off(bench201):
    found = strategy(bench201)
    with torch.no_grad():
        found.alpha[0][:] = -1.0
        found.alpha[0][2, 3] = 0.5
    assert found.best() == (0, 0, 3, 0, 0, 0)
    assert float(found.gates()[0].detach().sum()) == 1.0


def test_a_mask_is_obeyed(bench201):
    mask = full_mask(bench201.choices)
    mask[0][:, 3] = False
    found = strategy(restrict(bench201, mask), start=2.0)
    assert not found.gates()[0][:, [0, 3]].any() and 3 not in found.best()


def body(evaluator):
    return {name: weight.detach().clone() for name, weight in evaluator.supernet.named_parameters()}


@pytest.mark.parametrize("source", ["fixed", "resample", "resample_abs", "binary", "joint", "pretrained"])
def test_sources_of_weights(digits, source):
    """What changes from one step to the next, and what it is."""
    space = MLP(width=6, parts="weights")
    evaluator = sourced(digits, source, space=space, pretrain=40)
    draw = Draw(random_arch(space, random.Random(0)))
    seen = []
    for _ in range(3):
        evaluator.score(draw)
        seen.append(body(evaluator))
        evaluator.learn(draw)
    moved = {name for name in seen[0] if not torch.equal(seen[0][name], seen[2][name])}
    head = {name for name in seen[0] if name.startswith("classifier")}
    hidden = seen[0].keys() - head
    assert moved == (head | hidden if source in ("resample", "resample_abs", "joint") else head)
    values = torch.cat([seen[2][name].flatten() for name in sorted(hidden)])
    assert (values == 1).all() == (source == "binary")
    assert (values >= 0).all() == (source in ("binary", "resample_abs"))
    if source == "pretrained":
        whole = Draw(constant_arch(space, "keep"), dense(space))
        values = [float(one.score(whole).value) for one in (evaluator, sourced(digits, "fixed", space=space))]
        assert values[0] > values[1] + 0.2


def test_a_redraw_is_a_new_supernet(digits):
    supernet = SPACE.supernet(digits.io)
    names = {name: weight.requires_grad_(False) for name, weight in supernet.named_parameters() if "layers" in name}
    redraw(SPACE, supernet, digits.io, names, 5)
    torch.manual_seed(5)
    fresh = dict(SPACE.supernet(digits.io).named_parameters())
    assert all(torch.equal(weight, fresh[name]) for name, weight in names.items())
    assert not torch.equal(supernet.classifier.weight, fresh["classifier.weight"])


def test_the_penalty_is_a_price_of_what_is_kept(digits):
    """Its gradient is lambda c_i / sum c times the slope, whatever the data say."""
    free, priced = (sourced(digits, "fixed", penalty) for penalty in (0.0, 2.0))
    gates = tuple(matrix.clone().requires_grad_() for matrix in dense(SPACE))
    scores = [evaluator.score(Draw((1,) * 12, gates)) for evaluator in (free, priced)]
    assert float((scores[0].value - scores[1].value).detach()) == pytest.approx(2.0, rel=1e-5)
    assert scores[1].metrics["complexity"] == scores[1].metrics["density"] == 1.0
    slopes = [torch.autograd.grad(score.value, gates)[0] for score in scores]
    torch.testing.assert_close(
        slopes[0] - slopes[1], (2 / 12) * torch.tensor([0.0, 1.0]).expand(6, 2), atol=1e-6, rtol=0
    )


def test_density_is_that_of_the_hard_mask(digits):
    gates = tuple(0.4 * matrix for matrix in dense(SPACE))
    gates[0][:2, 1] = 0.9
    metrics = sourced(digits, "fixed").score(Draw((1,) * 12, gates)).metrics
    assert metrics["density"] == pytest.approx(2 / 12)
    assert metrics["complexity"] == pytest.approx((2 * 0.9 + 10 * 0.4) / 12)


def test_costs_in_parameters_prune_what_is_heavy(digits, bench201):
    """With a price on weights alone, convolutions go and pools stay."""
    space = Maskable(bench201)
    prices = costs(space, digits.io, "parameters")
    found = strategy(space, lr=0.1, start=1.0)
    for _ in range(30):
        draw = found.ask()
        found.tell(draw, Score(-(draw.gates[0] * prices[0]).sum() / prices[0].sum()))
    names = bench201.choices[0].options[1:] * 6
    on = {name for name, kept in zip(names, found.best(), strict=True) if kept}
    assert on == {"skip_connect", "avg_pool_3x3"}
    assert one_hot(space.choices, found.best())[0][:, 1].sum() == 12


@pytest.mark.parametrize("make", [lambda space, seed: strategy(space, lr=0.1, seed=seed)], ids=["two temperatures"])
class TestStrategy(StrategySuite):
    @pytest.fixture(params=["bench201", "cells", "chain", "masks"])
    def space(self, request, bench201):
        return Maskable(bench201) if request.param == "masks" else request.getfixturevalue(request.param)


def test_a_host_s_network_owns_its_indicators():
    """The gradient of a host's loss at the indicators, and the price's on top, through the slope of the high
    temperature; rules lift what they must keep."""
    space, io = MLP(width=4, floor=2), IO((3,), (2,))
    prices = costs(space, io, "parameters")
    rng = torch.Generator().manual_seed(0)
    network = SelfMasked(space, space.supernet(io), rng, prices, penalty=3.0, scale=0.0)
    x = torch.randn(5, 3)
    assert all(getattr(theta, "is_arch", False) for theta in network.alpha)
    torch.testing.assert_close(network(x), network.supernet(x))  # everything is on at first
    free = copy.deepcopy(network)
    free.pull = tuple(0 * c for c in prices)
    for model in (network, free):
        model(x).square().sum().backward()
    slope = torch.sigmoid(torch.tensor(0.4)) * torch.sigmoid(torch.tensor(-0.4)) / 0.5
    whole = sum(float(c.sum()) for c in prices)
    for ours, theirs, price in zip(network.alpha, free.alpha, prices, strict=True):
        torch.testing.assert_close(ours.grad - theirs.grad, 3.0 * price / whole * slope)
    with torch.no_grad():
        network.alpha[0][:, 1] = torch.tensor([-9.0, -1.0, -2.0, -3.0])
        assert network.arch() == (0, 1, 1, 0, 1, 1, 1, 1)
        assert not network.gates()[0].requires_grad and float(network.alpha[0][0, 1]) == -5.0, "within reach"
