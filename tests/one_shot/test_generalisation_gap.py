import pytest
import torch

from appnas.one_shot import Paired
from appnas.strategy import Draw
from appnas.task import DivergedError


def gates(n, seed=0):
    return (torch.softmax(torch.randn(n, 2, 5, generator=torch.Generator().manual_seed(seed)), -1),)


def test_the_objective_by_hand(chain, regression):
    """L_train + gap |L_val - L_train|: example i of both batches under sample i."""
    evaluator = Paired(chain, regression, 0.5, optimiser="adam")
    assert evaluator.samples() == 8
    found = evaluator.losses(gates(8))
    train, valid = evaluator._next_batch(), evaluator.judge

    def alone(batch, i):
        x, y = batch
        row = tuple(m[i] for m in gates(8))
        return regression.loss(lambda x: evaluator.supernet(x, gates=row), (x[i : i + 1], y[i : i + 1]))[0]

    for i in range(8):
        low, high = alone(train, i), alone(valid, i)
        torch.testing.assert_close(found[i], low + 0.5 * (high - low).abs())
    torch.testing.assert_close(Paired(chain, regression, 0.0).losses(gates(8))[3], alone(train, 3))


def test_the_gradient_is_that_of_the_gates_alone(chain, regression):
    evaluator = Paired(chain, regression)
    z = tuple(g.requires_grad_() for g in gates(8))
    evaluator.losses(z).mean().backward()
    assert z[0].grad.any() and all(w.grad is None for w in evaluator.supernet.parameters())


def test_hard_and_soft_losses_and_the_step_see_the_same_batch(chain, regression):
    evaluator = Paired(chain, regression)
    first = evaluator.losses(gates(8))
    assert torch.equal(evaluator.losses(gates(8)), first)
    evaluator.learn(Draw((0, 0), gates(8)))
    assert evaluator.step == 1 and not torch.equal(evaluator.losses(gates(8)), first)


def test_one_sample_a_batch(chain, regression):
    evaluator = Paired(chain, regression, 0.5, per_example=False)
    assert evaluator.samples() == 1
    (found,) = evaluator.losses(gates(1))
    row = tuple(m[0] for m in gates(1))
    low, high = (evaluator._losses(gates(1), b)[0] for b in (evaluator._next_batch(), evaluator.judge))
    torch.testing.assert_close(found, low + 0.5 * (high - low).abs())
    x, y = evaluator._next_batch()
    torch.testing.assert_close(low, regression.loss(lambda x: evaluator.supernet(x, gates=row), (x, y)).mean())


def test_too_few_samples_and_inputs_that_are_no_examples(chain, regression):
    with pytest.raises(ValueError, match="one sample a batch"):
        Paired(chain, regression).losses(gates(5))

    class Summed(type(regression)):
        def loss(self, model, batch):
            return model(batch[0]).sum()[None].expand(9)

    with pytest.raises(ValueError, match="as many samples"):
        Paired(chain, Summed()).losses(gates(8))


def test_a_batch_that_is_smaller_uses_the_first_samples(chain, regression):
    evaluator = Paired(chain, regression)
    assert len(evaluator.losses(gates(20))) == 8


def test_divergence_says_where(chain, regression):
    evaluator = Paired(chain, regression)
    with torch.no_grad():
        next(evaluator.supernet.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match="search step 0"):
        evaluator.losses(gates(8))
