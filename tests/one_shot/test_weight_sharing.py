"""appnas.one_shot.weight_sharing: weight sharing against steps worked out by hand on a supernet with one weight."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import nn

from appnas.estimate import Evaluator
from appnas.one_shot import Shared
from appnas.space import IO, Choice, full_mask, one_hot, restrict, without
from appnas.strategy import Draw
from appnas.task import DivergedError
from appnas.testing.parts import identical, round_trip


class OneWeight(nn.Module):
    """(g_0 + 2 g_1) w x, with w = 1 at first."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.0))

    def forward(self, x, gates):
        return (gates[0][0] * torch.tensor([1.0, 2.0])).sum() * self.w * x


class Line(NamedTuple):
    """A space of one decision over factors."""

    choices: tuple[Choice, ...] = (Choice("factor", ("one", "two")),)
    mask: None = None

    def supernet(self, io, mask=None):
        return OneWeight()


class Pairs:
    """Training pair (1, 3), validation pair (2, 2); squared error. Counts what is read."""

    io = IO((), ())

    def __init__(self, nan_at=None):
        self.read, self.nan_at = [], nan_at

    def batches(self, split, rng):
        yield {"train": (1.0, 3.0), "valid": (2.0, 2.0)}[split], split

    def epoch(self, split):
        return 1

    def loss(self, model, batch):
        (x, y), split = batch
        self.read.append(split)
        bad = float("nan") if len(self.read) - 1 == self.nan_at else 0.0
        return (model(torch.tensor([x])) - y) ** 2 + bad


def soft(a=0.5, b=0.5):
    gates = torch.tensor([[a, b]], requires_grad=True)
    return Draw((0,), (gates,)), gates


def test_a_score_is_minus_the_validation_loss_attached_to_the_gates():
    """Factor 1.5: (1.5 * 2 - 2)^2 = 1; its slope by g_k is 2 * 1 * (1, 2) * 2 = (4, 8)."""
    shared = Shared(Line(), Pairs())
    assert isinstance(shared, Evaluator)
    draw, gates = soft()
    score = shared.score(draw)
    assert float(score.value.detach()) == -1.0 and score.metrics == {"valid_loss": 1.0}
    (slope,) = torch.autograd.grad(-score.value, gates)
    assert slope.tolist() == [[4.0, 8.0]]
    assert shared.domain.read == ["valid"] and shared.supernet.w.item() == 1.0


def test_a_score_of_an_architecture_carries_no_graph():
    shared = Shared(Line(), Pairs())
    score = shared.score(Draw((1,)))  # factor 2: (4 - 2)^2
    assert float(score.value) == -4.0 and not score.value.requires_grad


def test_learning_is_a_step_of_sgd_by_hand():
    """Factor 1.5 on (1, 3): slope 2 (1.5 - 3) 1.5 = -4.5; with decay 0.1, momentum 0.5 and lr 0.1, 0.2."""
    shared = Shared(Line(), Pairs(), lr=lambda s: 0.1 * (s + 1), momentum=0.5, weight_decay=0.1, clip=0.0)
    draw, gates = soft()
    shared.learn(draw)
    first = -4.5 + 0.1
    w = 1 - 0.1 * first
    assert shared.supernet.w.item() == pytest.approx(w)
    shared.learn(draw)
    second = 2 * (1.5 * w - 3) * 1.5 + 0.1 * w
    assert shared.supernet.w.item() == pytest.approx(w - 0.2 * (0.5 * first + second))
    assert gates.grad is None and shared.step == 2 and shared.domain.read == ["train", "train"]


def test_the_gradient_of_the_weights_is_clipped():
    shared = Shared(Line(), Pairs(), lr=lambda s: 0.1, momentum=0.0, weight_decay=0.0, clip=1.0)
    shared.learn(soft()[0])
    assert shared.supernet.w.item() == pytest.approx(1.1)


@pytest.mark.parametrize("kind", ["exact", "finite"])
def test_the_look_ahead_by_hand(kind):
    """With f = g_0 + 2 g_1 and xi = 0.1: w' = 1 - 0.2 (f - 3) f, L = (2 f w' - 2)^2.

    At f = 1.5: w' = 1.45, L = 2.35^2; dL/df = 2 * 2.35 * 2 (w' + f dw'/df), dw'/df = -0.2 (2 f - 3) = 0.
    """
    shared = Shared(Line(), Pairs(), lr=lambda s: 0.1, momentum=0.0, weight_decay=0.0, lookahead=kind)
    draw, gates = soft()
    value = shared.score(draw).value
    assert float(value.detach()) == pytest.approx(-(2.35**2))
    (slope,) = torch.autograd.grad(-value, gates)
    by_hand = 2 * 2.35 * 2 * 1.45
    assert slope.tolist()[0] == pytest.approx([by_hand, 2 * by_hand], rel=1e-3)
    assert shared.supernet.w.item() == 1.0
    draw, gates = soft(1.0, 0.5)  # f = 2: w' = 1.4, dw'/df = -0.2, L = (4 * 1.4 - 2)^2
    (slope,) = torch.autograd.grad(-shared.score(draw).value, gates)
    by_hand = 2 * 3.6 * 2 * (1.4 + 2 * -0.2)
    assert slope.tolist()[0] == pytest.approx([by_hand, 2 * by_hand], rel=1e-3)


@pytest.mark.parametrize("kind", ["exact", "finite"])
@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_the_look_ahead_is_the_step_that_learning_then_takes(kind, clip):
    """Momentum, decay, clipping and all: after `learn` on the same gates, the plain loss is the look-ahead's value."""
    make = dict(lr=lambda s: 0.05, momentum=0.9, weight_decay=0.1, clip=clip)
    shared = Shared(Line(), Pairs(), lookahead=kind, **make)
    for a, b in ((0.5, 0.5), (0.2, 0.8), (0.9, 0.1)):
        draw, _ = soft(a, b)
        ahead = float(shared.score(draw).value.detach())
        shared.learn(draw)
        with torch.no_grad():
            now = shared._loss(draw.gates, ((2.0, 2.0), "valid"))
        assert -float(now) == pytest.approx(ahead, rel=1e-4)


def test_an_unknown_look_ahead_is_refused():
    with pytest.raises(ValueError, match="lookahead is 'none', 'exact' or 'finite', got 'second'"):
        Shared(Line(), Pairs(), lookahead="second")


def test_a_nan_loss_stops_with_the_step():
    shared = Shared(Line(), Pairs(nan_at=4))
    draw, _ = soft()
    for _ in range(2):
        shared.score(draw)
        shared.learn(draw)
    with pytest.raises(DivergedError, match="the loss is nan at validation, search step 2"):
        shared.score(draw)
    shared = Shared(Line(), Pairs(nan_at=1))
    shared.score(draw)
    before = shared.supernet.w.item()
    with pytest.raises(DivergedError, match="the loss is nan at training, search step 0"):
        shared.learn(draw)
    assert shared.supernet.w.item() == before and shared.step == 0


def test_a_learning_rate_of_1e30_stops_at_the_next_loss():
    shared = Shared(Line(), Pairs(), lr=lambda s: 1e30 if s == 1 else 0.01, clip=0.0)
    draw, _ = soft()
    with pytest.raises(DivergedError, match="the loss is inf at validation, search step 2"):
        for _ in range(5):
            shared.score(draw)
            shared.learn(draw)


def test_scoring_leaves_no_trace_in_a_real_supernet(cells, digits):
    shared = Shared(cells, digits, seed=1)
    before = {name: x.clone() for name, x in shared.supernet.state_dict().items()}
    gates = tuple(m.float().div(8).requires_grad_() for m in full_mask(cells.choices))
    shared.score(Draw((0,) * 28, gates))
    after = shared.supernet.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    shared.learn(Draw((0,) * 28, gates))
    assert any(not torch.equal(before[name], x) for name, x in shared.supernet.state_dict().items())


def test_an_architecture_without_weights_does_not_stop_learning(bench201, digits):
    shared = Shared(bench201, digits)
    shared.learn(Draw((0,) * 6))
    assert shared.step == 1


def test_seeds_and_masks(bench201, digits):
    first, second, other = (Shared(bench201, digits, seed=s) for s in (3, 3, 4))
    assert identical(first.state_dict(), second.state_dict())
    assert not torch.equal(first.train.rng.get_state(), first.valid.rng.get_state())
    assert not torch.equal(first.supernet.classifier.weight, other.supernet.classifier.weight)
    mask = full_mask(bench201.choices)
    mask[0][:, 3] = False
    inner = Shared(restrict(bench201, mask), digits)
    assert any("nor_conv_3x3" in name for name, _ in first.supernet.named_parameters())
    assert not any("nor_conv_3x3" in name for name, _ in inner.supernet.named_parameters())
    assert Shared(bench201, digits, supernet=first.supernet).supernet is first.supernet


@pytest.mark.parametrize("lookahead", ["none", "exact", "finite"])
def test_weight_sharing_resumes_bit_for_bit(bench201, digits, lookahead):
    """Seven steps, a state through a file after the third, in the middle of an epoch of five."""

    def steps(shared, n, start):
        values = []
        for k in range(start, start + n):
            alpha = torch.randn(6, 5, generator=torch.Generator().manual_seed(k), requires_grad=True)
            draw = Draw((0,) * 6, (torch.softmax(alpha, -1),))
            score = shared.score(draw)
            (slope,) = torch.autograd.grad(score.value, alpha)
            values.append((float(score.value.detach()), slope))
            shared.learn(draw)
        return values

    make = dict(lr=lambda s: 0.1 / (s + 1), lookahead=lookahead, seed=2)
    alone = Shared(bench201, digits, **make)
    steps(alone, 3, 0)
    state = round_trip(alone.state_dict())
    rest = steps(alone, 4, 3)
    resumed = Shared(bench201, digits, **make)
    resumed.load_state_dict(state)
    assert identical(steps(resumed, 4, 3), rest)
    assert identical(resumed.state_dict(), alone.state_dict())


def test_hard_gates_and_the_architecture_score_alike(bench201, digits):
    arch = (3, 1, 2, 0, 4, 3)
    a = Shared(bench201, digits).score(Draw(arch))
    b = Shared(bench201, digits).score(Draw(arch, one_hot(bench201.choices, arch)))
    assert float(a.value) == float(b.value)


def dropping(seed=0, lookahead="none"):
    """A supernet that draws dropout masks."""
    from appnas.spaces import Recurrent

    return Recurrent(nodes=2, hidden=5), dict(lr=lambda step: 1.0, seed=seed, lookahead=lookahead)


def test_dropout_depends_on_seed_and_step_alone(licence):
    """Not on what torch drew before, nor on how often a batch was passed; another step draws other masks."""
    space, make = dropping()
    arch = space.discretise(tuple(m.float() for m in full_mask(space.choices)))
    found = []
    for noise in (0, 1):
        torch.manual_seed(noise)
        shared = Shared(space, licence, **make)
        before = torch.get_rng_state()
        batch = next(shared.valid)
        gates = shared._gates(Draw(arch))
        losses = [shared._loss(gates, batch) for _ in range(2)]
        assert torch.equal(*losses) and torch.equal(torch.get_rng_state(), before)
        found.append(losses[0])
        shared.step = 1
        assert not torch.equal(shared._loss(gates, batch), losses[0])
    assert torch.equal(*found)


def test_all_passes_of_a_look_ahead_see_the_same_dropout(licence):
    """Or the finite difference would be one of masks: without kinks it agrees with the exact derivative."""
    slopes = []
    for kind in ("exact", "finite"):
        space, make = dropping(lookahead=kind)
        shared = Shared(restrict(space, without(space.choices, {"relu"})), licence, **make)
        gates = tuple((m.float() / 5).requires_grad_() for m in full_mask(space.choices))
        slopes += torch.autograd.grad(shared.score(Draw((0,) * 3, gates)).value, gates)
    torch.testing.assert_close(*slopes, rtol=0.02, atol=1e-4 * float(slopes[0].abs().max()))
