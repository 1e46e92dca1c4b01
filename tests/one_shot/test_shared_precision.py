"""appnas.one_shot.weight_sharing in fewer bits and compiled: about the same, and the same."""

from __future__ import annotations

import warnings
from functools import partial

import pytest
import torch

from appnas.compute import Compute
from appnas.one_shot import Paired, Shared
from appnas.spaces import Bench201
from appnas.strategy import Draw
from appnas.supernet import plain
from appnas.task import placed
from appnas.testing.parts import identical


def placed_digits(digits, **compute):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what this processor does slowly
        return placed(digits, Compute(**compute))


def walk(shared, steps=3):
    """Losses and gates' gradients of some steps under soft gates."""
    alpha = [torch.zeros(c.count, len(c.options)) for c in shared.space.choices]
    found = []
    for _ in range(steps):
        gates = tuple(a.softmax(-1).requires_grad_() for a in alpha)
        score = shared.score(Draw((0,), gates))
        slopes = torch.autograd.grad(score.value, gates)
        found.append((score.value.detach(), torch.cat([s.flatten() for s in slopes]), score.metrics))
        alpha = [a + s for a, s in zip(alpha, slopes, strict=True)]
        shared.learn(Draw((0,), tuple(a.softmax(-1) for a in alpha)))
    return found


@pytest.mark.parametrize("precision", ["bf16", "16"])
def test_fewer_bits_find_about_the_same(precision, digits, bench201):
    """Of a tiny supernet with batch norms the gates' gradient is ill-conditioned: it points about the same way."""
    exact, shared = Shared(bench201, digits), Shared(bench201, placed_digits(digits, precision=precision))
    for step, ((value, slopes, _), (other, close, told)) in enumerate(zip(walk(exact), walk(shared), strict=True)):
        assert float(other) == pytest.approx(float(value), rel=0.02)
        assert step or torch.cosine_similarity(slopes, close, 0) > 0.9
        assert ("rescaled" in told) == (precision == "16")
    assert {w.dtype for w in shared.supernet.parameters()} == {torch.float32}


def test_a_search_in_16_resumes_exactly(digits, bench201):
    lower = placed_digits(digits, precision="16")
    shared, other, plain = Shared(bench201, lower), Shared(bench201, lower), Shared(bench201, digits)
    walk(shared, 2)
    shared.scaling.factor *= 4
    other.load_state_dict(shared.state_dict())
    plain.load_state_dict(shared.state_dict())  # in another precision
    assert other.scaling.factor == shared.scaling.factor
    other.load_state_dict(plain.state_dict())
    assert identical(walk(shared, 2), walk(other, 2))


def test_a_step_that_overflows_is_left_out(digits, bench201):
    shared = Shared(bench201, placed_digits(digits, precision="16"))
    shared.scaling.factor = 2.0**60
    before = [w.detach().clone() for w in shared.supernet.parameters()]
    shared.learn(Draw((0,), tuple(torch.full((c.count, len(c.options)), 0.2) for c in bench201.choices)))
    assert shared.scaling.factor == 2.0**59 and shared.step == 1
    assert all(map(torch.equal, before, shared.supernet.parameters()))


def test_compiled_steps_are_the_same(digits, monkeypatch):
    """The plain form, whole: without a graph break; single paths are not compiled."""
    compilations, fullgraph = [], partial(torch.compile, fullgraph=True)

    def backend(graph, inputs):
        compilations.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", partial(fullgraph, backend=backend))
    space = Bench201(channels=2, repeats=1)
    with plain():
        expected = walk(Shared(space, digits), 2)
    shared = Shared(space, placed_digits(digits, compile=True))
    found = walk(shared, 2)
    for (value, slopes, _), (other, close, _) in zip(expected, found, strict=True):
        torch.testing.assert_close(other, value)
        torch.testing.assert_close(close, slopes)
    assert len(compilations) == 2  # for the gates' gradient, and for the weights'
    shared.learn(Draw((3,) * 6))
    assert len(compilations) == 2 and all(w.requires_grad for w in shared.supernet.parameters())
    torch.compiler.reset()


@pytest.mark.parametrize("lookahead", ["exact", "finite"])
@pytest.mark.parametrize("how", [{"compile": True}, {"precision": "16"}, {"precision": "bf16"}])
def test_a_look_ahead_stays_as_it_is(lookahead, how, digits, bench201):
    """Differences of gradients would be noise in fewer bits, and what is compiled cannot be differentiated twice."""
    found = []
    for domain in (digits, placed_digits(digits, **how)):
        gates = tuple(torch.full((c.count, len(c.options)), 0.2, requires_grad=True) for c in bench201.choices)
        value = Shared(bench201, domain, lookahead=lookahead).score(Draw((0,), gates)).value
        found.append((value.detach(), torch.autograd.grad(value, gates)))
    assert identical(*found)


def test_losses_of_samples_are_not_scaled(digits, bench201):
    with pytest.raises(ValueError, match="take precision 'bf16' or '32', not '16'"):
        Paired(bench201, placed_digits(digits, precision="16"))
