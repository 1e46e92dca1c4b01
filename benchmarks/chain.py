"""UNAS and RADARS where the optimum is known and out of reach of a table: a chain of 21 choices of 7 options.

The chain (`appnas.testing.chained`): every option has a value, and one beside the option before it; the better ones
tend to take longer. The best of 7^21, under a limit on the latency too, is found by dynamic programming.

radars: five rounds leave 2 of 7 options of every decision (`radars.Pruned`; rewards with noise of deviation 0.5). The
mean of what is left, by true value, beside random pruning (learning rate 0), the best of as many random samples, and
what the same policy and evolution find without pruning.
unas: the loss is softplus(2 - 0.12 value), the limit the lower quartile of latencies, 400 steps of 16 samples; the
gradient estimators, and random search and evolution with as many looks or more.
gradient: the deviation of one sample's gradient, at uniform logits and at logits that know the options' values, and how
far its mean is from REINFORCE's, which is unbiased.

    python benchmarks/chain.py --seeds 5 --out chain.jsonl
    python benchmarks/chain.py radars --seeds 2 --looks 100     # quick
"""

import argparse
import random
import statistics
import time
from functools import partial

import numpy as np
import torch
from rows import collect, spread

from appnas.cost import fit_lookup
from appnas.estimate import Stateless
from appnas.loop import search_loop
from appnas.methods import radars, unas
from appnas.one_shot import Expected, LossTerm
from appnas.space import random_arch
from appnas.strategy import Evolution, Independent, PolicyGradient, Random, Sampled, Score
from appnas.supernet import gumbel_sample, straight_through, unified
from appnas.task import cosine
from appnas.testing import chained

ROUNDS = 5


class Noisy(Stateless):
    """Values with noise, and a memory that never is too small."""

    def __init__(self, chain, seed, noise=0.5):
        self.chain, self.noise, self.rng = chain, noise, np.random.default_rng(1000 + seed)

    def score(self, draw):
        value = self.chain.value.of(draw.arch) + self.noise * self.rng.standard_normal()
        return Score(torch.tensor(value), {"memory_mib": float("inf")})


def pruned(chain, seed, looks, lr):
    """What is left after five rounds: the mean, and the best, by true values."""
    config = radars.Config(lr=lr, episodes=looks // ROUNDS)
    strategy, evaluator = radars.Pruned(chain.space, seed, config, None, 1), Noisy(chain, seed)
    for _ in range(ROUNDS * config.episodes):
        draw = strategy.ask()
        strategy.tell(draw, evaluator.score(draw))
    (mask,) = strategy.mask
    left = mask.double() / mask.sum(-1, keepdim=True)
    return {"mean": float(chain.value.values((left,))), "best": chain.value.of(chain.value.within(strategy.mask))}


def searched(chain, seed, looks, make):
    """What a search without pruning chooses by the same rewards: one architecture."""
    found = chain.value.of(search_loop(make(chain.space), Noisy(chain, seed), looks).best)
    return {"mean": found, "best": found}


def policy(seed, space):
    generator = torch.Generator().manual_seed(seed)
    return PolicyGradient(space, Independent(space.choices, generator), generator, 0.1, 0.9)


RADARS = {
    "RADARS": lambda chain, seed, looks: pruned(chain, seed, looks, 0.1),
    "control: random pruning (lr 0)": lambda chain, seed, looks: pruned(chain, seed, looks, 0.0),
    "control: best of as many random samples": lambda chain, seed, looks: searched(
        chain, seed, looks, lambda space: Random(space, random.Random(seed))
    ),
    "control: the policy without pruning": lambda chain, seed, looks: searched(
        chain, seed, looks, partial(policy, seed)
    ),
    "control: evolution (50, 10)": lambda chain, seed, looks: searched(
        chain, seed, looks, lambda space: Evolution(space, random.Random(seed), 50, 10)
    ),
}


def radars_row(name, looks, seed):
    chain, start = chained(seed), time.process_time()
    row = RADARS[name](chain, seed, looks)
    return {**row, "optimum": chain.value.of(chain.value.best), "seconds": time.process_time() - start}


def radars_table(args):
    print(f"radars, {args.seeds} chains; true values; the mean of a whole space is about 0")
    print(
        f"{'looks':<7}{'':<42}{'mean of what is left':>22}{'best inside':>16}{'share of the optimum':>22}{'CPU s':>8}"
    )
    for looks in args.looks:
        for name in RADARS:
            rows = collect(args.out, [("radars", name, looks, seed) for seed in range(args.seeds)],
                           lambda _, *key: radars_row(*key))  # fmt: skip
            cells = [spread([row[key] for row in rows], 1) for key in ("mean", "best")]
            share = spread([100 * row["best"] / row["optimum"] for row in rows], 0)
            print(f"{looks:<7}{name:<42}{cells[0]:>22}{cells[1]:>16}{share:>20} %"
                  f"{statistics.fmean(row['seconds'] for row in rows):>8.1f}", flush=True)  # fmt: skip
    print(f"{'':<49}{'optimum':>22}{spread([row['optimum'] for row in rows], 1):>16}")


def loss_of(chain):
    """Bent as a cross-entropy is."""
    return lambda gates: torch.nn.functional.softplus(2.0 - 0.12 * chain.value.values(gates))


def limit_of(chain):
    """The lower quartile of latencies."""
    costs = sorted(chain.cost.of(random_arch(chain.space, random.Random(i))) for i in range(500))
    return costs[125]


def gradient_search(estimator, chain, limit, args, seed, price=None):
    rng = random.Random(0)
    archs = [random_arch(chain.space, rng) for _ in range(2000)]
    table = fit_lookup(chain.space.choices, archs, [chain.cost.of(a) for a in archs])
    loss, price = loss_of(chain), args.price if price is None else price
    terms = {"loss": LossTerm(lambda gates, step: loss(gates), lambda gates, step: loss(gates))}
    ramp = lambda step: price * min(step / (args.steps / 2), 1.0)  # noqa: E731
    aim = (1 - args.margin) * limit
    terms["excess"] = unas.excess(chain.space, chain.cost.of, table, aim, ramp, args.samples)
    strategy = Sampled(
        chain.space, torch.Generator().manual_seed(seed), args.samples, estimator, 0.4,
        lambda t: cosine(t, args.steps, 0.05, 0.005),
    )  # fmt: skip
    return search_loop(strategy, Expected(terms), args.steps).best


class Priced(Stateless):
    """The same loss and price, of one architecture."""

    def __init__(self, chain, limit, args):
        self.chain, self.aim, self.price = chain, (1 - args.margin) * limit, args.price

    def score(self, draw):
        loss = np.logaddexp(0, 2.0 - 0.12 * self.chain.value.of(draw.arch))
        return Score(torch.tensor(-loss - self.price * max(self.chain.cost.of(draw.arch) - self.aim, 0.0)), {})


def evolved(chain, limit, args, seed):
    """Evolution under the same loss with as many looks."""
    strategy = Evolution(chain.space, random.Random(seed), 50, 10)
    return search_loop(strategy, Priced(chain, limit, args), args.steps * args.samples).best


def guessed(times, chain, limit, args, seed):
    """The best random architecture that meets the limit."""
    rng = np.random.default_rng(seed)
    best, value = None, -np.inf
    lone, pairs = chain.value.lone.numpy(), chain.value.pairs.numpy()
    costs, between = chain.cost.lone.numpy(), chain.cost.pairs.numpy()
    places = np.arange(len(lone))
    for _ in range(times):
        archs = rng.integers(0, lone.shape[1], (args.steps * args.samples, len(lone)))
        values, times_ms = (
            one[places, archs].sum(1) + two[places[1:] - 1, archs[:, :-1], archs[:, 1:]].sum(1)
            for one, two in ((lone, pairs), (costs, between))
        )
        values[times_ms > limit] = -np.inf
        if values.max() > value:
            best, value = tuple(archs[values.argmax()].tolist()), values.max()
    return best


UNAS = {
    "unified (UNAS)": partial(gradient_search, "unified"),
    "control: REINFORCE": partial(gradient_search, "reinforce"),
    "control: Gumbel softmax (SNAS)": partial(gradient_search, "gumbel"),
    "control: GDAS": partial(gradient_search, "gdas"),
    "control: unified, no price": partial(gradient_search, "unified", price=0.0),
    "control: evolution (50, 10)": evolved,
    "control: random, as many looks": partial(guessed, 1),
    "control: random, 16 times as many": partial(guessed, 16),
}


def unas_row(name, args, seed):
    chain, start = chained(seed), time.process_time()
    limit = limit_of(chain)
    arch = UNAS[name](chain, limit, args, seed)
    best = chain.value.of(chain.within(limit))
    return {
        "value": chain.value.of(arch), "cost": chain.cost.of(arch), "limit": limit, "optimum": best,
        "seconds": time.process_time() - start,
    }  # fmt: skip


def unas_table(args):
    looks = args.steps * args.samples
    print(f"\nunas, {args.seeds} chains, {args.steps} steps of {args.samples} samples ({looks} looks), price"
          f" {args.price}, aim {args.margin:.0%} below the limit")  # fmt: skip
    print(f"{'':<36}{'value':>16}{'share of the optimum':>24}{'latency / limit':>18}   met{'CPU s':>8}")
    for name in UNAS:
        keys = [("unas", name, args.steps, args.samples, args.price, args.margin, seed) for seed in range(args.seeds)]
        rows = collect(args.out, keys, lambda _, name, *rest: unas_row(name, args, rest[-1]))
        ratios = [row["cost"] / row["limit"] for row in rows]
        print(f"{name:<36}{spread([row['value'] for row in rows], 1):>16}"
              f"{spread([100 * row['value'] / row['optimum'] for row in rows], 0):>22} %{spread(ratios, 3):>18}"
              f"   {sum(r <= 1 for r in ratios)}/{len(rows)}"
              f"{statistics.fmean(row['seconds'] for row in rows):>8.1f}", flush=True)  # fmt: skip
    print(f"{'optimum under the limit':<36}{spread([row['optimum'] for row in rows], 1):>16}")


def estimates(loss, exact):
    """The estimators, as a mean loss whose gradient is the estimate."""
    return {
        "unified, tau 0.4": (0.4, lambda s: unified(s.logp, loss((s.hard,)),
                                                    loss((s.soft - s.coupled + s.coupled.detach(),)))),
        "unified, tau 1": (1.0, lambda s: unified(s.logp, loss((s.hard,)),
                                                  loss((s.soft - s.coupled + s.coupled.detach(),)))),
        "REINFORCE, the exact mean as baseline": (0.4, lambda s: unified(s.logp, loss((s.hard,)),
                                                                         torch.full_like(s.logp, exact))),
        "Gumbel softmax, tau 0.4": (0.4, lambda s: unified(None, loss((s.hard,)), loss((s.soft,)))),
        "straight through (GDAS), tau 0.4": (0.4, lambda s: unified(None, loss((s.hard,)),
                                                                    loss((straight_through(s.soft),)))),
    }  # fmt: skip


def gradient_row(known, parts, seed, samples=20):
    """Deviation of a sample's gradient, and the distance of its mean from REINFORCE's in standard errors."""
    chain = chained(seed)
    alpha = (chain.value.lone if known else torch.zeros_like(chain.value.lone)).clone().requires_grad_()
    loss, means = loss_of(chain), {}
    with torch.no_grad():
        exact = float(loss((gumbel_sample(alpha, 100_000, torch.Generator().manual_seed(9)).hard,)).mean())
    row = {}
    for name, (tau, estimate) in estimates(loss, exact).items():
        rng = torch.Generator().manual_seed(seed)
        found = torch.stack(
            [torch.autograd.grad(estimate(gumbel_sample(alpha, samples, rng, tau)), alpha)[0] for _ in range(parts)]
        )
        means[name] = found.mean(0), found.var(0).sum() / parts
        row[name] = {"deviation": float(found.std(0).norm()) * samples**0.5}
    centre, error = means["REINFORCE, the exact mean as baseline"]
    for name, (mean, own) in means.items():
        row[name]["off"] = float((mean - centre).norm() / (error + own).sqrt())
    return row


def gradient_table(args):
    print(f"\ngradient, {args.seeds} chains: deviation of one sample's gradient; in brackets the distance of its mean"
          " from REINFORCE's, in standard errors of the difference (about 1 by chance)")  # fmt: skip
    print(f"{'':<42}{'uniform logits':>26}{'logits that know':>26}")
    rows = {
        known: collect(args.out, [("gradient", known, args.parts, seed) for seed in range(args.seeds)],
                       lambda _, *key: gradient_row(*key))
        for known in (False, True)
    }  # fmt: skip
    for name in estimates(None, 0.0):
        cells = ""
        for found in rows.values():
            off = statistics.fmean(row[name]["off"] for row in found)
            cells += f"{spread([row[name]['deviation'] for row in found], 2) + f' ({off:.1f})':>26}"
        print(f"{name:<42}{cells}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["radars", "unas", "gradient", "all"], default="all")
    parser.add_argument("--seeds", type=int, default=5, help="chains, and searches")
    parser.add_argument("--looks", type=int, nargs="+", default=[200, 500], help="of RADARS")
    parser.add_argument("--steps", type=int, default=400, help="of UNAS")
    parser.add_argument("--samples", type=int, default=16, help="a step of UNAS")
    parser.add_argument("--price", type=float, default=0.3, help="loss for each ms above the aim")
    parser.add_argument("--margin", type=float, default=0.03, help="share of the limit that the search stays below")
    parser.add_argument("--parts", type=int, default=500, help="batches of 20 samples for a gradient's deviation")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name, table in (("radars", radars_table), ("unas", unas_table), ("gradient", gradient_table)):
        if args.what in (name, "all"):
            table(args)


if __name__ == "__main__":
    main()
