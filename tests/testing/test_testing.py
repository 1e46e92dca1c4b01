"""The oracle, the parts that suites share, and the suites on small components (on broken ones: test_testing_faults)."""

import dataclasses
import functools
import itertools
import math
import random
import subprocess
import sys

import pytest
import torch
from torch import nn

from appnas.domains.images import Images, Options
from appnas.estimate import Table
from appnas.space import IO, Choice, argmax, decisions
from appnas.spaces import Bench201
from appnas.spaces.images import bench201
from appnas.strategy import Archive, Draw, Independent, Random
from appnas.testing import (
    DomainSuite,
    Oracle,
    SpaceSuite,
    SupernetSuite,
    Term,
    identical,
    judge,
    planted,
    reachable,
    round_trip,
    tabulated,
)  # fmt: skip


def everything(space) -> list[tuple[int, ...]]:
    """All architectures of a space without rules."""
    return list(itertools.product(*(range(len(options)) for options in decisions(space.choices))))


class TestOracle:
    def test_soft_gates_give_the_expected_value(self, chain):
        """Enumerated: 25 architectures, each with its probability; so is the gradient."""
        oracle = planted(chain)
        alpha = torch.randn(2, 5, dtype=torch.float64, requires_grad=True)
        gates = torch.softmax(alpha, -1)
        expected = sum(gates[0, a] * gates[1, b] * oracle.of((a, b)) for a, b in everything(chain))
        value = oracle.score(Draw((0, 0), (gates,))).value
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(*(torch.autograd.grad(x, alpha, retain_graph=True) for x in (value, expected)))

    def test_hard_gates_and_none_give_the_architecture_s_value(self, chain):
        oracle = planted(chain)
        for a, b in everything(chain):
            gates = torch.zeros(2, 5, dtype=torch.float64)
            gates[0, a] = gates[1, b] = 1.0
            soft, hard = oracle.score(Draw((a, b), (gates,))), oracle.score(Draw((a, b)))
            assert soft.value.item() == pytest.approx(oracle.of((a, b))) == pytest.approx(hard.value.item())
            assert hard.metrics == {"true": oracle.of((a, b))}

    def test_a_batch_axis_is_averaged(self, chain):
        oracle = planted(chain)
        gates = torch.rand(3, 2, 5)
        values = oracle.values((gates,))
        assert values.shape == (3,)
        torch.testing.assert_close(values, torch.stack([oracle.values((row,)) for row in gates]))
        torch.testing.assert_close(oracle.score(Draw((0, 0), (gates,))).value, values.mean())

    def test_a_table_is_one_term(self, chain):
        terms, archs = planted(chain), everything(chain)
        shuffled = random.Random(0).sample(archs, len(archs))
        table = tabulated(chain.choices, shuffled, [terms.of(arch) for arch in shuffled])
        assert table.best == terms.best and len(table.terms) == 1
        gates = (torch.softmax(torch.randn(4, 2, 5, dtype=torch.float64), -1),)
        torch.testing.assert_close(table.values(gates), terms.values(gates))

    @pytest.mark.parametrize("seed", range(3))
    def test_the_planted_optimum_is_the_only_one(self, seed: int):
        space = Bench201()
        oracle = planted(space, seed)
        values = sorted((oracle.of(arch), arch) for arch in everything(space))
        assert values[-1] == (pytest.approx(1.0), oracle.best)
        assert values[-2][0] < 0.99 and values[0][0] > 0
        assert planted(space, seed).best == oracle.best != planted(space, seed + 1).best

    def test_rules_hold_for_the_planted_optimum(self, cells):
        assert cells.valid(planted(cells).best)

    def test_wrong_terms_and_tables(self, chain):
        with pytest.raises(ValueError, match=r"decisions \(0, 1\) has the shape \(5, 5\)"):
            Oracle(chain.choices, [Term((0, 1), torch.zeros(5, 4))], (0, 0))
        with pytest.raises(ValueError, match="25 architectures with one value each, got 1 different ones and 2 values"):
            tabulated(chain.choices, [(0, 0), (0, 0)], [1.0, 2.0])

    def test_score_function_gradient(self, chain):
        """sum_a p(a) R(a) grad log p(a) is the gradient of the expected value, which the oracle knows exactly."""
        oracle, archs = planted(chain), everything(chain)
        controller = Independent(chain.choices, torch.Generator().manual_seed(0), scale=1.0).double()
        logp, _ = controller.evaluate(torch.tensor(archs))
        rewards = torch.tensor([oracle.of(arch) for arch in archs], dtype=torch.float64)
        estimate = torch.autograd.grad((logp.exp().detach() * rewards * logp).sum(), controller.logits)
        exact = torch.autograd.grad(oracle.values((torch.softmax(controller.logits, -1),)), controller.logits)
        torch.testing.assert_close(estimate, exact)

    def test_on_nas_bench_201(self, data):
        archs, columns = bench201.load("cifar10", data / "nasbench201")
        space, values = Bench201(), columns["valid200"].tolist()
        oracle = tabulated(space.choices, archs, values)
        table = Table(archs, columns, "valid200")
        rng = random.Random(0)
        for arch in rng.sample(archs, 50):
            assert float(oracle.score(Draw(arch)).value) == pytest.approx(float(table.score(Draw(arch)).value))
        uniform = (torch.full((6, 5), 0.2, dtype=torch.float64),)
        assert oracle.values(uniform).item() == pytest.approx(sum(values) / len(values))
        assert oracle.of(oracle.best) == max(values)


class TestOnVectors(SpaceSuite, SupernetSuite):
    """Both suites of a space in one class."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def io(self) -> IO:
        return IO((3,), (2,))

    def coincides(self, space, arch) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class Towers:
    """One or two hidden layers, ordered widths: no supernet; a layer that is not there has no width."""

    mask = None
    choices = (Choice("layers", ("1", "2"), ordered=True), Choice("width", ("2", "3", "5"), 2, ordered=True))

    def active(self, arch):
        return (True, True, arch[0] == 1)

    def valid(self, arch):
        return arch[0] == 1 or arch[2] == 0

    def canonical(self, arch):
        return arch

    def discretise(self, gates):
        arch = argmax(gates)
        return arch if arch[0] else (*arch[:2], 0)

    def build(self, arch, io):
        widths = [io.inputs[0], *((2, 3, 5)[k] for k in arch[1 : 2 + arch[0]]), io.outputs[0]]
        return nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(widths)))


class TestConditional(SpaceSuite):
    """A space without a supernet, whose decisions do not always exist."""

    @pytest.fixture
    def space(self):
        return Towers()

    @pytest.fixture
    def io(self) -> IO:
        return IO((3,), (2,))


class TestRegression(DomainSuite):
    @pytest.fixture
    def domain(self, regression):
        return regression

    def identify(self, domain, split):
        return [tuple(x.tolist()) for x in domain.splits[split][0]]


class TestDigits(DomainSuite):
    @pytest.fixture
    def domain(self, digits):
        return digits


class TestPlainDigits(DomainSuite):
    """Without augmentation, images can be told apart."""

    @pytest.fixture
    def domain(self) -> Images:
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        x = x.reshape(-1, 8, 8).astype("float32")
        return Images(x[:200], y[:200], x[200:300], y[200:300], Options(batch=20, crop=0, flip=False))

    def identify(self, domain, split):
        return [tuple(x.flatten().tolist()) for batch in self.epoch(domain, split, 0) for x in batch[0]]


class TestParts:
    def test_identical(self):
        nan = float("nan")
        assert identical({"a": [torch.tensor([1.0, nan]), (1, nan)]}, {"a": [torch.tensor([1.0, nan]), (1, nan)]})
        for other in (torch.tensor([1.0, 2.0]), torch.tensor([1.0]), torch.tensor([1.0, nan]).double(), [1.0, nan], 1):
            assert not identical(torch.tensor([1.0, nan]), other)
        assert not identical({"a": 1}, {"b": 1}) and not identical([1], [1, 1]) and not identical(1.0, nan)
        one, other = Archive(), Archive()
        assert identical(one, other)
        other.update((0,), 1.0)
        assert not identical(one, other)

    def test_round_trip_refuses_what_a_checkpoint_cannot_hold(self):
        state = {"x": torch.arange(3), "y": [1, "a", (2.0, None)]}
        assert identical(round_trip(state), state)
        with pytest.raises(Exception, match=r"weights_only|Weights only"):
            round_trip({"rng": random.Random(0)})

    def test_reachable(self):
        target = Archive()

        class Holder:
            def method(self):
                return None

        holder = Holder()
        holder.inside = target
        closure = lambda: target  # noqa: E731
        for way in (
            holder, holder.method, [({"key": holder},)], functools.partial(print, target), closure, {target},
            functools.partial(print, end=closure),
        ):  # fmt: skip
            assert any(item is target for item in reachable(way))
        assert not any(item is target for item in reachable(Archive()))
        assert not any(item is target for item in reachable([[[holder]]], depth=2))
        loop: list = []
        loop.append(loop)
        assert len(list(reachable(loop))) == 1

    def test_judge(self, chain):
        oracle = planted(chain)
        values = judge(lambda seed: Random(chain, random.Random(seed)), oracle, 200)
        assert values == [pytest.approx(1.0)] * 3
        assert all(math.isfinite(value) for value in values)


def test_importing_needs_neither_spaces_nor_domains_nor_pytest():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pytest', 'appnas.spaces', 'appnas.domains']))\n"
        "from appnas.testing import *\n"
        "from appnas.testing import __all__ as names\n"
        "assert 'SpaceSuite' in names and callable(planted)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
