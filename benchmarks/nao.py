"""NAO on NAS-Bench-201: regret at 250 look-ups, what the predictor and the decoder are worth, ablations.

The function searched is the table's test accuracy on CIFAR-10 after 200 epochs (`--label valid200`: the validation
accuracy; the regret is then that of the test accuracy of what validation chose). Needs the table in APPNAS_DATA:

    python benchmarks/nao.py --seeds 10 --out nao.jsonl       # rows are kept there, and not run again
"""

import argparse
import random
import statistics
import time
from dataclasses import replace

import torch
from rows import collect, regret, setting, spread
from scipy.stats import kendalltau

from appnas.methods import baselines, nao
from appnas.spaces import Bench201


class NoSymmetry(Bench201):
    """The space, silent about which of its cells are the same."""

    equivalents = None


BASE = nao.Config(start=100, rounds=3, new=50, parents=50)
VARIANTS = {
    "rank targets": replace(BASE, target="rank"),
    "min-max targets, the authors'": BASE,
    "rank, random direction": replace(BASE, target="rank", direction="random"),
    "rank, no symmetry": replace(BASE, target="rank"),
    "rank, lam 0.5": replace(BASE, target="rank", lam=0.5),
    "rank, first step 1": replace(BASE, target="rank", eta=1.0),
}
CONTROLS = {
    "random": (baselines.random, baselines.RandomConfig(250, distinct=False)),
    "evolution (P=50, S=10)": (baselines.evolution, baselines.EvolutionConfig(250, 50, 10, distinct=False)),
}


def pairwise(scores, truth):
    """Share of pairs in the right order, ties of the truth left out."""
    i, j = torch.triu_indices(len(truth), len(truth), 1)
    differ = truth[i] != truth[j]
    return float(((scores[i] > scores[j]) == (truth[i] > truth[j]))[differ].float().mean())


def run(variant, label, seed):
    """One search; then tau, pairwise accuracy and reconstruction on cells that it has not scored."""
    archs, columns, table = setting(label)
    start = time.process_time()
    if variant in CONTROLS:
        method, config = CONTROLS[variant]
        result = method(Bench201(), table, config, seed=seed)
        return {"regret": regret(archs, columns, result.best), "seconds": time.process_time() - start}
    space = NoSymmetry() if "symmetry" in variant else Bench201()
    result = nao.search(space, table, VARIANTS[variant], seed=seed)
    seconds = time.process_time() - start
    proposer = result.strategy.proposer
    known = {record.arch for record in result.history}
    unseen = random.Random(seed).sample([arch for arch in archs if arch not in known], 1000)
    truth = torch.tensor([table.values[table.row(arch)] for arch in unseen])
    scores = proposer.model.predict(unseen)
    return {
        "regret": regret(archs, columns, result.best),
        "tau": float(kendalltau(scores.numpy(), truth.numpy()).statistic),
        "pairwise": 100 * pairwise(scores, truth),
        "rebuilt": rebuilt(proposer.model, unseen),
        "rebuilt seen": rebuilt(proposer.model, [*known]),
        "last step": statistics.fmean(proposer.steps),
        "drawn": proposer.drawn,
        "seconds": seconds,
    }


def rebuilt(model, archs):
    """Share of architectures that are decoded from where they lie, in percent."""
    return 100 * statistics.fmean(a == b for a, b in zip(archs, model.decode(model.embed(archs)), strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--label", choices=("test200", "valid200"), default="test200")
    parser.add_argument("--variants", nargs="+", default=[*CONTROLS, *VARIANTS], help=f"of {[*CONTROLS, *VARIANTS]}")
    parser.add_argument("--epochs", type=int, help="of a fit, instead of the authors' 1,000")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.epochs:
        VARIANTS.update({name: replace(config, epochs=args.epochs) for name, config in VARIANTS.items()})
    print(f"{args.seeds} seeds, labels {args.label}; 250 look-ups; regret of the test accuracy, points")
    print(f"{'':<31}{'regret: mean':>17}{'median':>8}{'CPU s':>7}   on 1,000 cells that were not scored")
    for name in args.variants:
        rows = collect(args.out, [(name, args.label, seed) for seed in range(args.seeds)], run)
        regrets = [row["regret"] for row in rows]
        print(f"{name:<31}{spread(regrets):>17}{statistics.median(regrets):>8.2f}"
              f"{statistics.fmean(row['seconds'] for row in rows):>7.1f}", end="")  # fmt: skip
        if name in VARIANTS:
            mean = {key: statistics.fmean(row[key] for row in rows) for key in rows[0] if key != "key"}
            line = "   tau {tau:.2f}, pairs {pairwise:.0f} %, rebuilt {rebuilt:.0f} % (scored: {rebuilt seen:.0f} %);"
            print((line + " last step {last step:.0f}, drawn {drawn:.0f}").format(**mean), end="")
        print(flush=True)


if __name__ == "__main__":
    main()
