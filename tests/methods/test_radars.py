import dataclasses
import random

import pytest
import torch

from appnas.methods import darts, radars
from appnas.methods.radars import Bounded, Pruned, need
from appnas.space import decisions, full_mask, only, random_arch
from appnas.spaces import Bench201, Cells
from appnas.strategy import Draw, Random, Score
from appnas.testing import MethodSuite, StrategySuite, planted


class TestOnImages(MethodSuite):
    """The whole supernet needs 1.9 MiB a step: two prunings come first."""

    method = "radars"
    settings = {"memory": 0.8, "episodes": 3, "darts": darts.Config(order="first", epochs=1), "least": 0}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    @pytest.fixture
    def domain(self, digits):
        return digits


class Told(Pruned):
    """Its scores come from an oracle that measures no memory: it falls from round to round."""

    def tell(self, draw, score):
        memory = sum(int(m.sum()) for m in self.mask)
        return super().tell(draw, Score(score.value, {**score.metrics, "memory_mib": float(memory)}))


class TestPruned(StrategySuite):
    """The suite's thirteen steps end in the third round; then random search on what remains."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        def _make(space, seed):
            config = radars.Config(memory=6.0, episodes=5, least=0)
            return Told(space, seed, config, lambda inner: Random(inner, random.Random(seed)), 100)

        return _make


def pruned(space, seed=0, **more):
    return Pruned(space, seed, radars.Config(**{"episodes": 30, **more}), lambda inner: Random(inner, None), 1)


def test_the_least_probable_option_of_every_decision_goes(bench201):
    strategy = pruned(bench201, least=0)
    with torch.no_grad():
        strategy.policy.controller.logits.copy_(torch.arange(30.0).reshape(6, 5).flip(1))
    strategy.prune()
    assert [row.tolist() for row in strategy.mask[0]] == [[True] * 4 + [False]] * 6
    strategy.prune()
    assert all(int(row.sum()) == 3 and not row[4] for row in strategy.mask[0])


def test_no_option_goes_before_it_was_sampled(bench201):
    strategy = pruned(bench201, least=1)
    with pytest.raises(MemoryError, match="nothing can be dropped"):
        strategy.prune(5.0)
    for arch in ((0, 1, 2, 3, 4, 0), (0, 1, 2, 3, 4, 1)):
        strategy.tell(Draw(arch), Score(torch.tensor(1.0), {"memory_mib": 1e9}))
    strategy.prune()
    gone = [row.logical_not().nonzero().flatten().tolist() for row in strategy.mask[0]]
    assert gone[:5] == [[0], [1], [2], [3], [4]] and gone[5] in ([0], [1])


def test_what_a_space_needs_stays(cells: Cells):
    """A cell drops edges by `none`: pruning to one option an edge leaves it wherever cells could not be made."""
    strategy = pruned(cells, least=0)
    for _ in range(8):
        try:
            strategy.prune()
        except MemoryError:
            break
    inner = strategy.policy.space
    assert all(inner.valid(random_arch(inner, random.Random(i))) for i in range(20))
    assert all(inner.valid(strategy.policy.ask().arch) for _ in range(20))


def test_pruning_keeps_the_better_part(bench201):
    """On an oracle what remains is better on average than what a policy that does not learn leaves."""
    means = {}
    for lr in (0.1, 0.0):
        values = []
        for seed in range(5):
            oracle, strategy = planted(bench201, seed), pruned(bench201, seed, lr=lr)
            for _ in range(90):
                draw = strategy.ask()
                strategy.tell(draw, Score(oracle.score(Draw(draw.arch)).value, {"memory_mib": 1e9}))
            gates = tuple(m.double() / m.sum(-1, keepdim=True) for m in strategy.mask)
            values.append(float(oracle.values(gates)))
        means[lr] = sum(values) / 5
    assert means[0.1] > means[0.0] + 0.1


def test_memory_is_measured_and_falls_with_the_options(bench201, digits):
    everything, one = full_mask(bench201.choices), only(bench201.choices, (3,) * 6)
    bare = radars.Config(reserve=0.0)
    whole, path = (need(bench201, digits, bare, mask) for mask in (everything, one))
    assert 0 < path < 0.7 * whole
    assert need(bench201, digits, radars.Config(reserve=0.5), one) == pytest.approx(1.5 * path)


def test_the_budget_holds_in_every_phase(bench201, digits):
    settings = {"episodes": 3, "least": 0, "darts": darts.Config(order="first", epochs=1)}
    result = radars.search(bench201, digits, radars.Config(memory=1.0, **settings))
    rounds = [record.metrics for record in result.history if "memory_mib" in record.metrics]
    assert rounds[0]["memory_mib"] > 1.0 >= rounds[-1]["memory_mib"]
    assert all(metrics["path_mib"] <= 1.0 for metrics in rounds)
    supernet = result.evaluator.two.supernet
    left = sum(p.numel() for p in supernet.parameters())
    assert left < sum(p.numel() for p in bench201.supernet(digits.io).parameters())
    assert len(result.history) == len(rounds) + digits.epoch("train")
    trained = len({record.arch for record in result.history[: len(rounds)]})
    assert result.evaluator.spent == (trained + 1) * digits.epoch("train")
    with pytest.raises(MemoryError, match=r"budget is 0\.0"):
        radars.search(bench201, digits, radars.Config(memory=0.01, **settings))


def test_a_supernet_that_fits_is_searched_at_once(bench201, digits):
    config = radars.Config(darts=darts.Config(order="first", epochs=1))
    result = radars.search(bench201, digits, config)
    assert len(result.history) == 1 + digits.epoch("train")
    assert result.evaluator.mask[0].all()


def test_gates_are_needed(chain):
    evaluator = Bounded(planted(chain), lambda mask: 0.0, 1.0, lambda mask: planted(chain))
    with pytest.raises(ValueError, match="gates"):
        evaluator.score(Draw((1, 1)))


def test_settings():
    config = radars.Config()
    assert config.memory == 12_288 and config.darts == dataclasses.replace(darts.Config(), order="first")
    assert len(decisions(Bench201().choices)) == 6
