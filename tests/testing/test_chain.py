"""appnas.testing.chain: the optimum is the optimum, with and without a limit; and gates are valued as architectures."""

import itertools
import random

import pytest
import torch

from appnas.space import Combinations, one_hot, random_arch, restrict
from appnas.testing import Oracle, best_of_chain, chained


def everything(chain):
    options = len(chain.space.choices[0].options)
    return list(itertools.product(range(options), repeat=chain.space.choices[0].count))


@pytest.mark.parametrize("seed", range(5))
def test_the_optimum_is_that_of_all_combinations(seed):
    chain = chained(seed, 5, 3)
    every = everything(chain)
    assert chain.value.best == max(every, key=chain.value.of)
    costs = sorted(map(chain.cost.of, every))
    for limit in (costs[0], costs[3], costs[60], costs[-1]):
        allowed = [arch for arch in every if chain.cost.of(arch) <= limit + 1e-12]
        assert chain.within(limit + 1e-12) == max(allowed, key=chain.value.of)
    with pytest.raises(ValueError, match=r"no combination costs .* or less"):
        chain.within(costs[0] - 1e-9)


def test_the_best_of_what_a_mask_leaves():
    chain = chained(1, 4, 3)
    mask = (torch.tensor([[True, False, True]] * 4),)
    left = [arch for arch in everything(chain) if 1 not in arch]
    assert chain.value.within(mask) == max(left, key=chain.value.of)
    assert restrict(chain.space, mask).valid((0, 2, 0, 2))


def test_gates_are_valued_as_the_oracle_does_with_a_gradient():
    chain, rng = chained(2, 6, 4), torch.Generator().manual_seed(0)
    gates = torch.rand(3, 6, 4, generator=rng, dtype=torch.float64).softmax(-1).requires_grad_()
    slow = Oracle.values(chain.value, (gates,))
    assert torch.allclose(chain.value.values((gates,)), slow)
    (mine,) = torch.autograd.grad(chain.value.values((gates,)).sum(), gates)
    (theirs,) = torch.autograd.grad(slow.sum(), gates)
    assert torch.allclose(mine, theirs)
    arch = random_arch(chain.space, random.Random(0))
    hard = one_hot(chain.space.choices, arch)
    assert float(chain.value.values(hard)) == pytest.approx(chain.value.of(arch), rel=1e-5)


def test_seven_to_the_twenty_first():
    """The optimum of the benchmark; no random architecture comes near it, and the better options cost more."""
    chain = chained(0)
    assert isinstance(chain.space, Combinations) and chain.value.of(chain.value.best) == pytest.approx(33.315, abs=1e-3)
    drawn = [random_arch(chain.space, random.Random(i)) for i in range(500)]
    assert max(map(chain.value.of, drawn)) < 0.6 * chain.value.of(chain.value.best)
    both = torch.tensor([[chain.value.of(arch), chain.cost.of(arch)] for arch in drawn]).T
    assert torch.corrcoef(both)[0, 1] > 0.3
    limited = chain.within(11.0)
    assert chain.cost.of(limited) <= 11 and chain.value.of(limited) < chain.value.of(chain.value.best)


def test_costs_below_zero_are_told():
    lone, pairs = torch.zeros(3, 2), torch.zeros(2, 2, 2)
    with pytest.raises(ValueError, match="costs are at least 0"):
        best_of_chain(lone, pairs, lone - 1, pairs, 1.0)
