"""untrained: ranks and votes by hand; the evaluator on every kind of domain, its failures, its seeds."""

import math
import random
from dataclasses import dataclass

import pytest
import torch

import appnas
from appnas.estimate import attempt, evaluator_of
from appnas.one_shot import PROXIES, ZeroCost, rank_sum, vote
from appnas.one_shot.untrained import ranks
from appnas.space import random_arch
from appnas.spaces import GNN, Bench201, Encoder, Recurrent
from appnas.strategy import Draw
from appnas.task import Locked
from appnas.testing import planted


def doubles(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_ranks_by_hand():
    """Shares below, ties half; beyond the ends up to one more rank."""
    among = doubles(0.0, 1.0, 1.0, 2.0)
    assert ranks(doubles(0.5, 1.0, 2.0), among).tolist() == [0.25, 0.5, 0.875]
    beyond = ranks(doubles(3.0, 4.0, -1.0, 1e9), among).tolist()
    assert beyond == pytest.approx([1 + 0.5 / 4, 1 + (2 / 3) / 4, -0.5 / 4, 1.25])
    worst = ranks(doubles(-math.inf, 0.0), doubles(-math.inf, 0.0, 1.0)).tolist()
    assert worst == pytest.approx([0.5 / 3, 1.5 / 3])
    assert ranks(doubles(1.0, 2.0), doubles(1.0, 1.0)).tolist() == pytest.approx([0.5, 1.5])


def test_rank_sum_and_vote_by_hand():
    values, among = doubles([5.0], [5.0], [0.5]), doubles([1.0, 6.0], [1.0, 1.0], [1.0, 0.0])
    # by proxy: 1 of 2 below, above both (beyond: 1 + 1/2, as the others are all one), 1 of 2 below
    assert rank_sum(values, among).tolist() == pytest.approx([(0.5 + 1.5 + 0.5) / 3])
    # the first other loses two of three, the second as well
    assert vote(values, among).tolist() == pytest.approx([1 + (2.5 / 3) / 8])
    even = doubles([1.0], [0.0]), doubles([0.0], [1.0])
    assert vote(*even).tolist() == pytest.approx([0.5 + float(rank_sum(*even)) / 4])


def test_votes_of_a_set_agree_with_a_plain_count():
    table = torch.randn(3, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = vote(table, table)
    plain = [sum(sum(float(p[i] > p[j]) for p in table) >= 2 for j in range(12) if j != i) for i in range(12)]
    assert [round(float(x) * 12 - 0.5) for x in found - rank_sum(table, table) / 48] == plain


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_alone_is_the_value(name, bench201, digits):
    scorer = ZeroCost(bench201, Locked(digits), (name,))
    archs = [random_arch(bench201, random.Random(seed)) for seed in (0, 1)]
    first, second = (scorer.score(Draw(arch)) for arch in archs)
    assert float(first.value) == first.metrics[name] != float(second.value) and math.isfinite(float(first.value))
    again = ZeroCost(bench201, digits, (name,))
    torch.manual_seed(5)
    assert again.score(Draw(archs[1])).metrics == second.metrics  # whatever was scored before
    if name not in ("params", "macs"):
        assert ZeroCost(bench201, digits, (name,), seed=1).score(Draw(archs[1])).metrics != second.metrics


@pytest.mark.parametrize("combine", ["rank", "vote"])
def test_several_are_ranked_among_random_ones(combine, bench201, digits):
    scorer = ZeroCost(bench201, digits, ("params", "naswot"), combine, reference=5)
    arch = random_arch(bench201, random.Random(3))
    score = scorer.score(Draw(arch))
    assert set(score.metrics) == {"params", "naswot"} and scorer.among.shape == (2, 5)
    columns = doubles(*([score.metrics[name]] for name in scorer.proxies))
    assert float(score.value) == pytest.approx(float({"rank": rank_sum, "vote": vote}[combine](columns, scorer.among)))
    assert not scorer.state_dict()


def test_graphs_text_and_agents(ring, licence, catch):
    for space, domain in ((GNN(widest=16), ring), (Recurrent(nodes=3, hidden=4, width=4), licence)):
        scorer = ZeroCost(space, domain, tuple(PROXIES), reference=3)
        found = scorer.measured(random_arch(space, random.Random(1)))
        assert found.keys() == PROXIES.keys() and all(x == x for x in found.values())
    encoder = Encoder(nodes=2, channels=(2, 2), cells=1, width=(2, 2), depth=1, hidden=8)
    found = ZeroCost(encoder, Locked(catch), ("synflow", "jacov", "naswot", "freeflow", "params", "macs"))
    assert all(x == x for x in found.measured(random_arch(encoder, random.Random(1))).values())
    with pytest.raises(TypeError, match=r"snip need a domain with batches and a loss.*those without are synflow"):
        ZeroCost(encoder, Locked(catch), ("synflow", "snip"))


@dataclass(frozen=True)
class Odd(Bench201):
    """A space whose networks give NaN where the first edge is skipped."""

    def build(self, arch, io):
        network = super().build(arch, io)
        if arch[0] == 1:
            with torch.no_grad():
                next(network.parameters()).fill_(math.nan)
        return network


def test_nan_fails_and_never_wins(digits):
    space = Odd(channels=2, repeats=1)
    scorer = ZeroCost(space, digits, ("snip",))
    failed = attempt(scorer, Draw((1, 3, 3, 3, 3, 3)))
    assert failed.failure and "snip of this network is nan" in failed.failure.message
    assert float(failed.value) == -math.inf
    result = appnas.search(space, digits, "zerocost", proxies=("snip", "macs"), reference=6, candidates=12)
    assert result.failures and result.best[0] != 1 and math.isfinite(result.value)
    with pytest.raises(ValueError, match="0 of 4 random architectures could be measured, ranks need two: the proxy"):
        _ = ZeroCost(AllOdd(channels=2, repeats=1), digits, ("snip", "macs"), reference=4).among


class AllOdd(Odd):
    def build(self, arch, io):
        return super().build((1, *arch[1:]), io)


def test_wrong_arguments(bench201, digits):
    for proxies in ((), ("synflow", "synflow"), ("synflo",)):
        with pytest.raises(ValueError, match="one or more different of synflow, snip"):
            ZeroCost(bench201, digits, proxies)
    with pytest.raises(ValueError, match="combine is one of rank, vote"):
        ZeroCost(bench201, digits, combine="sum")
    with pytest.raises(TypeError, match="a Oracle has none"):
        ZeroCost(bench201, planted(bench201))


def test_it_is_an_evaluator(bench201, digits):
    scorer = ZeroCost(bench201, digits, ("macs",))
    assert evaluator_of(bench201, scorer, 1, 0) is scorer
    assert appnas.search(bench201, scorer, "random", evaluations=3).value > 0
