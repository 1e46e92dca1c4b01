import copy

import pytest
import torch

from appnas.one_shot import Adapted, Shared
from appnas.strategy import Draw
from appnas.task import DivergedError
from appnas.testing import identical

SETTINGS = {"lr": lambda step: 0.1 / (1 + step), "momentum": 0.9, "weight_decay": 0.01, "clip": 0.5}


def soft(chain, seed=0):
    logits = torch.randn(2, 5, generator=torch.Generator().manual_seed(seed))
    return Draw((0, 0), (torch.softmax(logits, -1),))


def make(chain, regression, **more):
    return Adapted(chain, regression, **{"inner": 3, "candidates": 2, **SETTINGS, **more})


def test_a_candidate_s_steps_are_the_real_ones(chain, regression):
    """Momentum, weight decay, clipping and schedule included; and the supernet is left as it was."""
    adapted, real = make(chain, regression), make(chain, regression)
    for evaluator in (adapted, real):  # a round first: momentum buffers are full
        for _ in range(2):
            evaluator.score(soft(chain))
            evaluator.learn(soft(chain, 1))
    adapted.score(soft(chain))
    real.score(soft(chain))
    before = copy.deepcopy([adapted.supernet.state_dict(), adapted.optimiser.state_dict()])
    found = adapted.adapted(soft(chain, 2).gates)
    assert identical([adapted.supernet.state_dict(), adapted.optimiser.state_dict()], before)
    real.learn(soft(chain, 2))
    real.learn(soft(chain, 2))
    for name, weight in real.supernet.named_parameters():
        torch.testing.assert_close(found[name], weight.detach(), rtol=1e-5, atol=1e-7)
        assert not torch.equal(found[name], dict(adapted.supernet.named_parameters())[name]), name


def test_a_candidate_is_judged_with_its_own_weights(chain, regression):
    evaluator = make(chain, regression)
    score = evaluator.score(soft(chain))
    weights = evaluator.adapted(soft(chain).gates)
    with torch.no_grad():
        expected = evaluator._loss(soft(chain).gates, evaluator.judge, weights)
        untrained = evaluator._loss(soft(chain).gates, evaluator.judge)
    torch.testing.assert_close(-score.value, expected)
    assert not torch.allclose(expected, untrained)


def test_a_round_has_one_set_of_batches_and_one_of_steps(chain, regression):
    evaluator = make(chain, regression)
    values = []
    for i in range(4):
        values.append(float(evaluator.score(soft(chain)).value))
        evaluator.learn(soft(chain))
        assert evaluator.step == 3 * ((i + 1) // 2)
    assert values[0] == values[1] != values[2] == values[3]
    assert evaluator.tried == 12 and evaluator.spent == 18


def test_attached_gates_are_scored_as_they_are(chain, regression):
    """With a gradient of the gates alone, on the round's validation batch."""
    evaluator = make(chain, regression)
    gates = tuple(g.requires_grad_() for g in soft(chain).gates)
    score = evaluator.score(Draw((0, 0), gates))
    torch.testing.assert_close(-score.value, evaluator._loss(gates, evaluator.judge))
    score.value.backward()
    assert gates[0].grad.any() and evaluator.tried == 0
    assert all(w.grad is None for w in evaluator.supernet.parameters())


def test_warming_up_takes_every_draw_for_a_round(chain, regression):
    evaluator = make(chain, regression, warmup=2)
    for _ in range(2):
        evaluator.score(soft(chain))
        evaluator.learn(soft(chain))
    assert evaluator.step == 6 and evaluator.tried == 0
    evaluator.score(soft(chain))
    evaluator.learn(soft(chain))
    assert evaluator.step == 6 and evaluator.tried == 3


def test_running_statistics_of_a_supernet_that_keeps_them_stay(chain, regression):
    class Tracking(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.last = torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1)

        def forward(self, x, gates):
            return self.last(self.norm(x)) * gates[0].sum()

    evaluator = make(chain, regression, supernet=Tracking())
    before = copy.deepcopy(evaluator.supernet.state_dict())
    evaluator.score(soft(chain))
    assert identical(evaluator.supernet.state_dict(), before)


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_goes_on_in_the_middle_of_a_round(chain, regression, stop):
    def steps(evaluator, count):
        for seed in range(count):
            evaluator.score(soft(chain, seed))
            evaluator.learn(soft(chain, seed))

    whole, part, other = (make(chain, regression, seed=seed) for seed in (0, 0, 1))
    steps(whole, stop)
    steps(part, stop)
    other.load_state_dict(part.state_dict())
    for evaluator in (whole, other):
        steps(evaluator, 3)
    assert identical(other.state_dict(), whole.state_dict())


def test_a_candidate_that_diverges_says_so(chain, regression):
    with pytest.raises(DivergedError, match="candidate"):
        make(chain, regression, lr=lambda step: 1e30, clip=0.0).score(soft(chain))


def test_without_steps_of_candidates_it_is_weight_sharing(chain, regression):
    """The first value of a warm-up is that of `Shared` on the same weights and batch."""
    evaluator, shared = make(chain, regression, warmup=1), Shared(chain, regression, **SETTINGS)
    torch.testing.assert_close(evaluator.score(soft(chain)).value, shared.score(soft(chain)).value)
