"""single_path: single paths are trained alone, scores are the domain's own, phases say which step does what."""

import random

import pytest
import torch

from appnas.loop import search_loop
from appnas.one_shot import Alone, OneShot
from appnas.prune import shrink
from appnas.space import one_hot, random_arch
from appnas.strategy import Draw, Evolution, Score, SinglePaths, first
from appnas.task import Locked
from appnas.testing import identical, round_trip


def run(space, domain, steps=30, more=10, seed=0, **settings):
    rng, trains = random.Random(seed), first(steps)
    strategy = SinglePaths(space, rng, Evolution(space, rng, 4, 2), trains)
    return search_loop(strategy, OneShot(space, domain, trains, seed=seed, **settings), steps + more)


def test_a_step_moves_the_weights_of_its_path_alone_and_as_worked_out_by_hand(chain, regression):
    evaluator = OneShot(chain, regression, first(1), lambda step: 0.05, weight_decay=0.0, clip=0.0)
    before = {name: w.detach().clone() for name, w in evaluator.supernet.named_parameters()}
    draw = Draw((2, 4))  # tanh, then linear
    score = evaluator.score(draw)
    evaluator.learn(draw)
    fresh = OneShot(chain, regression, first(1))  # the same seed: the same weights and batches
    loss = regression.loss(
        lambda x: fresh.supernet(x, gates=one_hot(chain.choices, draw.arch)), next(fresh.train)
    ).mean()
    assert float(score.value) == pytest.approx(-float(loss.detach()))
    names = {name for name, _ in fresh.supernet.named_parameters()}
    path = {name for name in names if "layers" not in name or "0.tanh" in name or "1.linear" in name}
    gradients = torch.autograd.grad(loss, [dict(fresh.supernet.named_parameters())[name] for name in sorted(path)])
    gradient = dict(zip(sorted(path), gradients, strict=True))
    for name, weight in evaluator.supernet.named_parameters():
        moved = 0.05 * gradient[name] if name in path else torch.zeros(())
        torch.testing.assert_close(weight.detach(), before[name] - moved)
    assert 0 < len(path) < len(names)


def test_a_score_is_that_of_the_network_with_the_shared_weights(bench201, digits):
    evaluator = run(bench201, digits, 6, 1).evaluator
    arch = (3, 1, 2, 0, 3, 4)
    network = shrink(bench201, evaluator.supernet, arch, digits.io)
    for module in network.modules():
        if hasattr(module, "track_running_stats"):
            module.track_running_stats, module.running_mean, module.running_var = False, None, None
    score, expected = evaluator.measure(arch), digits.score(network)
    assert float(score.value) == pytest.approx(expected["value"])
    assert score.metrics["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_training_helps_and_its_steps_are_told_to_nobody(chain, regression):
    short, long = run(chain, regression, 1), run(chain, regression, 400, lr=lambda step: 0.05)
    assert long.value > short.value + 0.2
    assert {*long.history[399].metrics} == {"train_loss"} and not long.history[400].metrics
    assert long.strategy.strategy.asked == 10 and long.evaluator.step == 400
    scored = {record.arch: record.value for record in long.history[400:]}
    assert scored[long.best] == max(scored.values())


def test_an_architecture_is_measured_once_until_the_supernet_is_trained_again(chain, regression):
    phases = [True, False, False, True, False]
    evaluator = OneShot(chain, regression, phases.__getitem__)
    calls, draw = [], Draw((2, 2))
    evaluator.measure = lambda arch: Score(torch.tensor(float(calls.append(arch) or len(calls))))
    values = []
    for _ in phases:
        values.append(float(evaluator.score(draw).value))
        evaluator.learn(draw)
    assert values[1:3] == [1, 1] and values[4] == 2 and evaluator.step == 2


def course(strategy, evaluator, steps):
    """Values of so many steps of the loop."""
    values = []
    for _ in range(steps):
        draw = strategy.ask()
        score = evaluator.score(draw)
        evaluator.learn(strategy.tell(draw, score) or draw)
        values.append(float(score.value))
    return values


@pytest.mark.parametrize("stop", [3, 8])
def test_it_is_resumed_in_either_phase(chain, regression, stop):
    def make(seed):
        rng = random.Random(seed)
        strategy = SinglePaths(chain, rng, Evolution(chain, rng, 4, 2), first(6))
        return strategy, OneShot(chain, regression, first(6), seed=seed)

    whole, part, again = make(0), make(0), make(9)
    values = course(*part, stop)
    for fresh, state in zip(again, round_trip([x.state_dict() for x in part]), strict=True):
        fresh.load_state_dict(state)
    assert values + course(*again, 12 - stop) == course(*whole, 12)
    assert again[0].best() == whole[0].best()
    assert identical(again[1].state_dict(), whole[1].state_dict())


def test_nesterov_is_torchs(chain, regression):
    plain, nesterov = run(chain, regression, 5), run(chain, regression, 5, nesterov=True)
    assert not identical(plain.evaluator.supernet.state_dict(), nesterov.evaluator.supernet.state_dict())
    assert nesterov.evaluator.optimiser.param_groups[0]["nesterov"]


def test_it_reads_no_test_data(chain, regression):
    assert run(chain, Locked(regression), 4, 2).history[-1].value < 0
    assert chain.valid(random_arch(chain, random.Random(0)))


def test_a_path_alone_is_what_it_is_in_the_supernet(bench201, digits):
    arch, (x,) = (3, 1, 2, 0, 3, 4), digits.example(5)
    path, whole = Alone(bench201).build(arch, digits.io), bench201.supernet(digits.io)
    path.supernet.load_state_dict(
        {name: w for name, w in whole.state_dict().items() if name in path.supernet.state_dict()}
    )
    torch.testing.assert_close(path(x), whole(x, gates=one_hot(bench201.choices, arch)))
    assert len(list(path.parameters())) < len(list(whole.parameters()))
