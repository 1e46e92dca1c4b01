"""MnasNet, MONAS, NAO, REINFORCE and rivals in 5.9 x 10^11 networks: a surrogate of published trainings.

The benchmark is a gradient boosting fitted to nine tenths of Accel-NASBench's 5,138 short trainings on ImageNet in
MnasNet's frame (28 decisions; `appnas.spaces.images.accelbench`), with the latency of an FPGA (zcu102) and
multiply-adds; nobody exhausts it. What is best here is the surrogate's best, not the truth's: `fit` prints how far they
agree on the tenth held back, and `near` what was measured beside the networks found.

Goals: accuracy (top-1, %); soft and hard, MnasNet's rewards with T the median latency; front, the hypervolume of
accuracy against multiply-adds. A method's line of `METHODS` says which goals it is for and how it is called. Controls:
a learning rate of 0, a random direction of equal length, random search, evolution. Settings are the methods' defaults
but for what the table names; nothing was tuned here. Rows are kept in `--out`. Needs APPNAS_DATA:

    python benchmarks/surrogate.py --seeds 5 --out surrogate.jsonl
    python benchmarks/surrogate.py --seeds 2 --samples 200 --goals accuracy --methods random evolution   # quick
"""

import argparse
import statistics
import time
from functools import cache, partial
from typing import NamedTuple

import numpy as np
import torch
from rows import collect, spread
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from appnas.cost import kendall, weighted_product
from appnas.estimate import Rewarded, Surrogate
from appnas.loop import front, hypervolume, worth
from appnas.methods import bananas, baselines, local_search, mnasnet, monas, nao, nsga2, reinforce
from appnas.space import Combinations
from appnas.spaces.images.accelbench import load

LATENCY = "zcu102_latency"
EXPONENTS = {"soft": (-0.07, -0.07), "hard": (0.0, -1.0)}
ALPHAS = (0.5, 0.7, 0.8, 0.9, 1.0)
POINTS = (100, 200, 500, 1000, 3000)


def boosting(column):
    """The regression of a column: of a latency, that of its logarithm."""
    trees = HistGradientBoostingRegressor(
        max_iter=400, learning_rate=0.05, max_leaf_nodes=15, random_state=0, early_stopping=False
    )
    return TransformedTargetRegressor(trees, func=np.log, inverse_func=np.exp) if column == LATENCY else trees


class Bench(NamedTuple):
    """The space, its surrogate, the median latency and the most multiply-adds of the trainings."""

    space: Combinations
    surrogate: Surrogate
    target: float
    macs: float


@cache
def bench():
    data = load()
    latency = data.columns[LATENCY]
    columns = {
        "top1": data.columns["top1"], LATENCY: np.where(latency > 0, latency, np.nan), "macs": data.columns["macs"]
    }  # fmt: skip
    surrogate = Surrogate(data.archs, columns, "top1", boosting, held_out=0.1)
    return Bench(
        Combinations(data.choices), surrogate, float(np.nanmedian(columns[LATENCY])), float(max(columns["macs"]))
    )


def evaluator(goal, alpha=None):
    """The surrogate, under the reward of a goal."""
    made = bench()
    if goal in EXPONENTS:
        return Rewarded(
            made.surrogate, lambda m: weighted_product(m["value"], m[LATENCY], made.target, *EXPONENTS[goal])
        )
    if goal == "front":
        return Rewarded(made.surrogate, lambda m: alpha * m["value"] / 100 - (1 - alpha) * m["macs"] / made.macs)
    return made.surrogate


def controlled(config, goal, n, seed):
    """MnasNet's controller; the history."""
    below, above = EXPONENTS[goal]
    config = mnasnet.Config(n, target=bench().target, below=below, above=above, cost=LATENCY, **config)
    return mnasnet.search(bench().space, bench().surrogate, config, seed=seed)


def swept(search, goal, n, seed):
    """A search for every alpha with its share of the samples, one after the other; only for fronts."""
    history = []
    for i, alpha in enumerate(ALPHAS):
        history += search(alpha, n // len(ALPHAS), 100 * seed + i).history
    return history


def weighed(config, alpha, n, seed):
    config = monas.Config(n, cost="macs", reference=bench().macs, alpha=alpha, **config)
    return monas.search(bench().space, bench().surrogate, config, seed=seed)


def drawn(goal, n, seed):
    return baselines.random(bench().space, evaluator(goal, 0.5), baselines.RandomConfig(n), seed=seed)


def bred(goal, n, seed, alpha=None):
    config = baselines.EvolutionConfig(n, 50, 10)
    return baselines.evolution(bench().space, evaluator(goal, alpha), config, seed=seed)


def policy(config, goal, n, seed):
    return reinforce.search(bench().space, evaluator(goal), reinforce.Config(n, **config), seed=seed)


def climbed(config, goal, n, seed):
    """NAO: 100 random ones, then 50 a round."""
    config = nao.Config(start=100, rounds=(n - 100) // 50, new=50, parents=50, target="rank", epochs=300, **config)
    return nao.search(bench().space, evaluator(goal), config, seed=seed)


def local(goal, n, seed):
    return local_search.search(bench().space, evaluator(goal), local_search.Config(n), seed=seed)


def guided(goal, n, seed):
    """BANANAS with a forest, 20 random ones at first."""
    return bananas.search(bench().space, evaluator(goal), bananas.Config(n), seed=seed)


def sorted_out(goal, n, seed):
    """NSGA-II on accuracy and the goal's cost; where the reward is hard, under its limit."""
    cost = "macs" if goal == "front" else LATENCY
    limits = (f"{LATENCY}<={bench().target}",) if goal == "hard" else ()
    config = nsga2.Config(n, objectives=("value:max", f"{cost}:min"), limits=limits)
    return nsga2.search(bench().space, bench().surrogate, config, seed=seed)


class Method(NamedTuple):
    """How a row is made.

    Attributes:
        goals: what it is shown on.
        search: (goal, samples, seed) -> result, or a history.
        most: samples at most; 0 for as many as asked for.
        beside: the control that it must beat.
    """

    goals: str
    search: object
    most: int = 0
    beside: str = "random"


METHODS = {
    "random": Method("accuracy soft hard front", drawn, beside=""),
    "evolution (50, 10)": Method("accuracy soft hard", bred),
    "local search": Method("accuracy soft hard", local),
    "BANANAS, a forest": Method("accuracy soft hard", guided, 200),
    "NSGA-II": Method("soft hard front", sorted_out),
    "MnasNet": Method("soft hard", partial(controlled, {}), beside="MnasNet, lr 0"),
    "MnasNet, lr 0": Method("soft hard", partial(controlled, {"lr": 0.0})),
    "MnasNet, one softmax a decision, lr .05": Method(
        "soft hard", partial(controlled, {"controller": "independent", "lr": 0.05}), beside="MnasNet, lr 0"
    ),
    "REINFORCE": Method("accuracy", partial(policy, {}), beside="REINFORCE, lr 0"),
    "REINFORCE, lr .05": Method("accuracy", partial(policy, {"lr": 0.05}), beside="REINFORCE, lr 0"),
    "REINFORCE, lr 0": Method("accuracy", partial(policy, {"lr": 0.0})),
    "NAO": Method("accuracy", partial(climbed, {}), 200),
    "NAO, random direction": Method("accuracy", partial(climbed, {"direction": "random"}), 200),
    "MONAS, 5 alphas": Method("front", partial(swept, partial(weighed, {})), beside="MONAS, lr 0"),
    "MONAS, lr 0": Method("front", partial(swept, partial(weighed, {"lr": 0.0}))),
    "evolution, 5 alphas": Method("front", partial(swept, lambda alpha, n, seed: bred("front", n, seed, alpha))),
}


def near(arch):
    """What was measured beside a network among the trainings that no regression saw: ten nearest."""
    found = bench().surrogate.near(arch, 10)
    measured = bench().surrogate.columns["top1"]
    guess = bench().surrogate.predict([bench().surrogate.archs[row] for row, _ in found])["top1"]
    return {
        "measured": statistics.fmean(measured[row] for row, _ in found), "guess": float(guess.mean()),
        "apart": statistics.fmean(differ for _, differ in found),
    }  # fmt: skip


def reward(goal, record):
    """What a goal makes of a score, whatever the search maximised."""
    if goal in EXPONENTS:
        return weighted_product(worth(record), record.metrics[LATENCY], bench().target, *EXPONENTS[goal])
    return worth(record)


def run(name, goal, n, seed):
    """One search: the best at some numbers of samples, what is sampled late, the network found."""
    method, start = METHODS[name], time.process_time()
    result = method.search(goal, n, seed)
    history = result if isinstance(result, list) else result.history
    row = {"seconds": time.process_time() - start, "samples": len(history), "best": {}}
    rewards = [reward(goal, record) for record in history]
    for point in (p for p in POINTS if p <= len(history)):
        if goal == "front":
            row["best"][point] = volume(history[:: len(history) // point][:point])
        else:
            row["best"][point] = max(rewards[:point])
    top, late = history[rewards.index(max(rewards))], history[-100:]
    row |= {
        "arch": top.arch, "accuracy": worth(top), "ratio": top.metrics[LATENCY] / bench().target,
        "late": statistics.fmean(rewards[-100:]),
        "late allowed": statistics.fmean(record.metrics[LATENCY] <= bench().target for record in late),
        "near": near(top.arch), "near first": near(history[0].arch),
    }  # fmt: skip
    return row


def volume(history):
    """Hypervolume of accuracy above the worst training and multiply-adds below the most, % of that box to 70 %."""
    lowest = float(bench().surrogate.columns["top1"].min())
    points = [(worth(record), -record.metrics["macs"] / bench().macs) for record in front(history, ["macs"])]
    return 100 * hypervolume(points, (lowest, -1.0)) / (70 - lowest)


def told():
    """The fit, and how far the truth itself can be trusted."""
    made, data = bench(), load()
    print(f"T = {made.target:.3f} ms, the median latency on zcu102")
    for name, found in made.surrogate.agreement.items():
        print(f"surrogate of {name:<16}: tau {found.tau:.3f}, R2 {found.r2:.3f} on {found.held_out} trainings held back"
              f" ({found.fitted} fitted)")  # fmt: skip
    held = made.surrogate.held
    guess = made.surrogate.predict([made.surrogate.archs[row] for row in held])["top1"]
    true = data.columns["top1"][held]
    best, likely = true >= np.quantile(true, 0.9), guess.argsort()[-10:]
    tau = kendall(torch.tensor(guess[best]), torch.tensor(true[best]))
    print(f"the best tenth of them: tau {tau:.3f}, measured {true[best].mean():.2f} %, predicted"
          f" {guess[best].mean():.2f} %; the ten best predictions: {guess[likely].mean():.2f} %, measured"
          f" {true[likely].mean():.2f} %; best of all trainings {data.columns['top1'].max():.2f} %")  # fmt: skip
    rows = {}
    for arch, top1 in zip(data.archs, data.columns["top1"], strict=True):
        rows.setdefault(arch, []).append(float(top1))
    twice = [found for found in rows.values() if len(found) > 1]
    off = (statistics.fmean(statistics.variance(found) for found in twice)) ** 0.5
    print(f"the truth: trainings of one network ({len(twice)} were trained more than once) differ by {off:.2f} points"
          f" (one standard deviation), all trainings by {data.columns['top1'].std():.2f}", flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=1000, help="networks that a search may look up")
    parser.add_argument("--goals", nargs="+", default=["accuracy", "soft", "hard", "front"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        told()
        for goal in args.goals:
            table(goal, args)


def table(goal, args):
    points = [p for p in POINTS if p <= args.samples]
    print(f"\n{goal}, {args.seeds} seeds; best at so many samples" + (", hypervolume, %" if goal == "front" else ""))
    print(f"{'':<42}" + "".join(f"{f'@{p}':>16}" for p in points)
          + f"{'last 100':>16}{'ms / T':>14}{'less its control':>24}{'CPU s':>8}")  # fmt: skip
    known, beside = {}, []
    for name in (m for m in args.methods if goal in METHODS[m].goals.split()):
        method = METHODS[name]
        n = min(args.samples, method.most or args.samples)
        rows = known[name] = collect(args.out, [(name, goal, n, seed) for seed in range(args.seeds)], run)
        beside += [(row["near"], row["near first"]) for row in rows]
    for name, rows in known.items():
        seen = [{int(p): value for p, value in row["best"].items()} for row in rows]
        cells = "".join(f"{spread([s[p] for s in seen], 2) if p in seen[0] else '':>16}" for p in points)
        last, control = max(seen[0], default=0), known.get(METHODS[name].beside)
        gain = ""
        if control and last:
            theirs = [{int(p): value for p, value in row["best"].items()}[last] for row in control]
            gain = spread([s[last] - theirs[i] for i, s in enumerate(seen)], 2)
        print(f"{name:<42}{cells}{spread([row['late'] for row in rows], 2):>16}"
              f"{spread([row['ratio'] for row in rows], 2):>14}{gain:>24}"
              f"{statistics.fmean(row['seconds'] for row in rows):>8.1f}", flush=True)  # fmt: skip
    for i, word in enumerate(("networks found", "networks drawn at random")):
        found = [pair[i] for pair in beside]
        columns = [[row[key] for row in found] for key in ("apart", "measured", "guess")]
        print(f"ten nearest of the trainings held back, of {len(found)} {word}: {spread(columns[0], 1)} decisions"
              f" apart, measured {spread(columns[1], 2)} %, predicted {spread(columns[2], 2)} %")  # fmt: skip


if __name__ == "__main__":
    main()
