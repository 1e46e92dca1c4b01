"""appnas.strategy.policies.controllers: two policies, judged by listing every architecture of a small space."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from appnas.space import Choice, decisions, full_mask
from appnas.strategy import LSTM, Independent
from appnas.strategy.policies.controllers import option_mask

CHOICES = (Choice("a", ("x", "y"), 2), Choice("b", ("p", "q", "r")), Choice("c", ("x", "y", "z", "w")))
EVERY = torch.tensor(list(product(*(range(len(options)) for options in decisions(CHOICES)))))  # 48
FORBIDDEN = (EVERY[:, 0] == 1) | (EVERY[:, 2] != 1) | (EVERY[:, 3] == 3)


def mask():
    """Decision 0 takes x only, decision 2 takes q only, decision 3 not w."""
    narrow = full_mask(CHOICES)
    narrow[0][0, 1] = narrow[1][0, 0] = narrow[1][0, 2] = narrow[2][0, 3] = False
    return narrow


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


KINDS = {
    "independent": lambda mask: Independent(CHOICES, rng(), mask, scale=1.0),
    "lstm": lambda mask: spread(LSTM(CHOICES, rng(), mask, hidden=8)),
    "lstm, ENAS": lambda mask: spread(LSTM(CHOICES, rng(), mask, hidden=8, temperature=5.0, tanh=2.5)),
}


def spread(controller):
    """Weights large enough for a policy far from uniform."""
    with torch.no_grad():
        for parameter in controller.parameters():
            parameter.mul_(20)
    return controller


@pytest.fixture(params=list(KINDS))
def make(request):
    return KINDS[request.param]


def test_option_mask_pads_and_narrows():
    assert option_mask(CHOICES, None).sum(1).tolist() == [2, 2, 3, 4]
    assert option_mask(CHOICES, mask()).tolist() == [
        [True, False, False, False], [True, True, False, False],
        [False, True, False, False], [True, True, True, False],
    ]  # fmt: skip


def test_probabilities_of_all_architectures_add_up_to_1(make):
    logp = make(None).evaluate(EVERY)[0].detach()
    assert logp.shape == (48,)
    assert float(logp.exp().sum()) == pytest.approx(1, abs=1e-5)
    assert float(logp.max() - logp.min()) > 0.5  # not the uniform policy, which would hide mistakes


def test_masks_are_respected(make):
    controller = make(mask())
    logp = controller.evaluate(EVERY)[0].detach()
    assert (logp[FORBIDDEN] == -torch.inf).all() and torch.isfinite(logp[~FORBIDDEN]).all()
    assert int((~FORBIDDEN).sum()) == 1 * 2 * 1 * 3
    assert float(logp.exp().sum()) == pytest.approx(1, abs=1e-5)
    drawn = controller.sample(500, rng(1))
    assert torch.isfinite(controller.evaluate(drawn)[0]).all()
    for matrix, allowed in zip(controller.marginals(), mask(), strict=True):
        assert (matrix[~allowed] == 0).all()
        assert matrix.sum(-1).tolist() == pytest.approx([1.0] * len(matrix))


def test_samples_follow_the_probabilities(make):
    controller = make(None)
    n = 20_000
    drawn = controller.sample(n, rng(1))
    assert drawn.shape == (n, 4) and drawn.dtype == torch.int64
    code = (drawn * torch.tensor([24, 12, 4, 1])).sum(1)
    expected = controller.evaluate(EVERY)[0].exp()
    deviation = (expected * (1 - expected) / n).sqrt()
    assert ((code.bincount(minlength=48) / n - expected).abs() < 5 * deviation + 1e-9).all()


def test_entropy_is_that_of_the_whole_policy(make):
    """By the chain rule, the entropies along the paths average to the joint entropy."""
    controller = make(None)
    logp, entropy = (x.detach() for x in controller.evaluate(EVERY))
    joint = -(logp.exp() * logp).sum()
    assert float((logp.exp() * entropy).sum()) == pytest.approx(float(joint), rel=1e-4)


def test_gradients_stay_finite_under_a_mask(make):
    controller = make(mask())
    logp, entropy = controller.evaluate(controller.sample(8, rng(1)))
    assert torch.isfinite(entropy).all() and (entropy > 0).all()
    (logp.mean() + entropy.mean()).backward()
    for name, parameter in controller.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name
    assert any(parameter.grad.abs().max() > 0 for parameter in controller.parameters())


def test_a_decided_policy_has_entropy_0():
    narrow = full_mask(CHOICES)
    for matrix in narrow:
        matrix[:, 1:] = False
    for kind in KINDS.values():
        logp, entropy = kind(narrow).evaluate(torch.zeros(1, 4, dtype=torch.int64))
        assert logp.item() == 0 and entropy.item() == 0


def test_independent_by_hand():
    controller = Independent((Choice("a", ("x", "y", "z")), Choice("b", ("p", "q"))), rng())
    with torch.no_grad():
        controller.logits.copy_(torch.tensor([[1.0, 2.0, 5.0], [3.0, 1.0, 9.0]]).log())  # the 9 is padding
    logp, entropy = (x.detach() for x in controller.evaluate(torch.tensor([[2, 0], [0, 1]])))
    assert logp.exp().tolist() == pytest.approx([5 / 8 * 3 / 4, 1 / 8 * 1 / 4])
    by_hand = -sum(p * torch.tensor(p).log().item() for p in (1 / 8, 2 / 8, 5 / 8, 3 / 4, 1 / 4))
    assert entropy.tolist() == pytest.approx([by_hand] * 2)
    first, second = controller.marginals()
    assert first.tolist()[0] == pytest.approx([0.125, 0.25, 0.625])
    assert second.tolist()[0] == pytest.approx([0.75, 0.25])


def test_the_lstm_conditions_on_what_came_before():
    controller = KINDS["lstm"](None)
    logp = controller.evaluate(EVERY)[0].detach().reshape(2, 2, 3, 4).exp()
    last = logp / logp.sum(-1, keepdim=True)
    assert float((last[0, 0, 0] - last[1, 1, 2]).abs().max()) > 0.01


def test_sampling_depends_on_the_generator_alone(make):
    controller = make(None)
    before = torch.get_rng_state()
    assert torch.equal(controller.sample(5, rng(3)), controller.sample(5, rng(3)))
    assert all(torch.equal(a, b) for a, b in zip(controller.marginals(), controller.marginals(), strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_state_dict_leads_back(make):
    first, second = make(mask()), make(mask())
    with torch.no_grad():
        for parameter in second.parameters():
            parameter.add_(1.0)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.evaluate(EVERY)[0], second.evaluate(EVERY)[0])


def test_completing_keeps_what_is_known_and_counts_only_the_rest(chain):
    generator = torch.Generator().manual_seed(0)
    controller = LSTM(chain.choices, generator, hidden=8)
    archs = torch.tensor([[3, 0]] * 200)
    drawn, logp, entropy = controller.complete(archs, 1, generator)
    assert (drawn[:, 0] == 3).all() and len(drawn[:, 1].unique()) > 1
    torch.testing.assert_close(controller.evaluate(drawn, 1)[0].detach(), logp)
    assert float(logp.exp().max()) < 1 and float(entropy.max()) <= math.log(5) + 1e-6
    whole = controller.evaluate(drawn)[0] - controller.evaluate(drawn, 1)[0]
    torch.testing.assert_close(whole, whole[:1].expand(200))  # the first decision's own log-probability
