"""appnas.one_shot.expected_loss: terms, baselines and warm-up by hand."""

import pytest
import torch

from appnas.one_shot import Expected, LossTerm
from appnas.strategy import Draw, Sampled
from appnas.testing import identical, planted, round_trip


def sampled(space, seed, estimator="unified", **more):
    generator = torch.Generator().manual_seed(seed)
    return Sampled(space, generator, 4, estimator, lr=lambda told: 0.1, **more)


def expected(oracle, **more):
    def loss(gates, step):
        return -oracle.values(gates)

    return Expected({"loss": LossTerm(loss, loss)}, **more)


def test_a_moving_average_is_reinforce_s_control(chain):
    """The first loss is its own baseline: no gradient. The second is compared with the first."""
    losses = iter([torch.tensor([1.0, 3.0]), torch.tensor([4.0, 4.0])])
    evaluator = Expected({"loss": LossTerm(lambda g, s: next(losses), lambda g, s: torch.zeros(2))}, momentum=0.5)
    strategy = Sampled(chain, torch.Generator().manual_seed(0), 2, "reinforce")
    draw = strategy.ask()
    score = evaluator.score(draw)
    assert float(score.value.detach()) == -2.0 and evaluator.baseline == {"loss": 2.0}
    draw = strategy.ask()
    score = evaluator.score(draw)
    assert evaluator.baseline == {"loss": 3.0}
    slope = torch.autograd.grad(-score.value, strategy.alpha)[0]
    again = torch.autograd.grad(2.0 * strategy._draw().logp.mean(), strategy.alpha)[0]
    assert slope.shape == again.shape and slope.any()


def test_terms_add_up_and_may_look_at_fewer_samples(chain):
    terms = {
        "a": LossTerm(lambda g, s: torch.full((4,), 2.0), lambda g, s: g[0].sum((1, 2)) * 0.0),
        "b": LossTerm(lambda g, s: torch.tensor([10.0]) * s, lambda g, s: g[0][:1].sum((1, 2)) * 0.0),
    }
    evaluator, strategy = Expected(terms, warmup=1), sampled(chain, 0, warmup=1)
    score = evaluator.score(strategy.ask())
    assert not score.value.requires_grad and strategy.tell(Draw((0, 0)), score) is None
    for step in range(2):
        score = evaluator.score(strategy.ask())
        assert score.metrics == {"a": 2.0, "b": 10.0 * step} and float(score.value.detach()) == -2 - 10 * step


def test_draws_without_samples_are_refused(chain):
    with pytest.raises(ValueError, match="Sampled"):
        expected(planted(chain)).score(Draw((0, 0)))


def test_state_of_the_evaluator(chain):
    evaluator, other = expected(planted(chain)), expected(planted(chain))
    strategy = sampled(chain, 0, "reinforce")
    evaluator.score(strategy.ask())
    other.load_state_dict(round_trip(evaluator.state_dict()))
    assert identical(other.state_dict(), evaluator.state_dict()) and other.spent == 0
