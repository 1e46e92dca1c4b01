"""CTNAS on NAS-Bench-201: agreement of the comparator with the table, and regret of what is found.

The function searched is the table's test accuracy on CIFAR-10 after 200 epochs (`--label valid200`: the validation
accuracy; the regret is then that of the test accuracy of what validation chose). Needs the table in APPNAS_DATA:

    python benchmarks/ctnas.py --seeds 10 --out ctnas.jsonl       # rows are kept there, and not run again
"""

import argparse
import random
import statistics
import time
from dataclasses import replace

import torch
from rows import collect, regret, setting, spread, weights
from scipy.stats import kendalltau

from appnas.methods import baselines, ctnas
from appnas.predict import Reference
from appnas.spaces import Bench201

BASE = ctnas.Config(labels=156, iterations=2000, form="antisymmetric", readout="nodes")
VARIANTS = {
    "antisymmetric, nodes": BASE,
    "concat, nodes": replace(BASE, form="concat"),
    "official: concat, mean": replace(BASE, form="concat", readout="mean"),
    "official, 10,000 iterations": replace(BASE, form="concat", readout="mean", iterations=10_000),
    "no pseudo-labels": replace(BASE, ratio=0.0),
    "fixed baseline": replace(BASE, baseline="fixed"),
    "controller's lr 0": replace(BASE, lr=0.0),
    "controller's lr 0.002": replace(BASE, lr=2e-3),
    "50 labels": replace(BASE, labels=50),
    "423 labels": replace(BASE, labels=423),
}


def run(variant, label, seed):
    """One search: tau over the whole space, regret, the ledger, CPU seconds."""
    archs, columns, table = setting(label)
    config, start = VARIANTS[variant], time.process_time()
    result = ctnas.search(Bench201(), table, config, seed=seed)
    scores = result.strategy.proposer.comparator.predict(archs).numpy()
    return {
        "tau": float(kendalltau(scores, columns["test200"]).statistic),
        "regret": regret(archs, columns, result.best),
        "labelled": regret(archs, columns, max(result.history[: config.labels], key=lambda r: r.value).arch),
        "first": regret(archs, columns, result.history[config.labels].arch),
        **result.info["ledger"],
        "seconds": time.process_time() - start,
    }


def control(name, label, seed):
    """Predictors fitted to as many labels, with their first ten verified; or random search at equal queries."""
    archs, columns, table = setting(label)
    space, start = Bench201(), time.process_time()
    if name == "random":
        result = baselines.random(space, table, baselines.RandomConfig(166, distinct=False), seed=seed)
        return {"tau": 0.0, "regret": regret(archs, columns, result.best), "seconds": time.process_time() - start}
    chosen = random.Random(seed).sample(range(len(archs)), 156)
    if name == "parameters":
        scores = torch.tensor([weights(arch) for arch in archs])
    else:
        model = Reference(space, name, seed)
        model.fit([archs[i] for i in chosen], [table.values[i] for i in chosen])
        scores = model.predict(archs)
    first = scores.argsort(descending=True, stable=True).tolist()
    first = [i for i in first if i not in set(chosen)][:10]
    best = max(chosen + first, key=table.values.__getitem__)
    return {
        "tau": float(kendalltau(scores.numpy(), columns["test200"]).statistic),
        "regret": regret(archs, columns, archs[best]),
        "seconds": time.process_time() - start,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--label", choices=("test200", "valid200"), default="test200")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), help=f"of {list(VARIANTS)}")
    parser.add_argument("--controls", nargs="*", default=["random", "parameters", "ridge", "forest"])
    parser.add_argument("--iterations", type=int, help="of the controller, instead of the variant's own")
    parser.add_argument("--epochs", type=int, help="of the comparator, likewise")
    parser.add_argument("--out", help="file that keeps the rows")
    args = parser.parse_args()
    torch.set_num_threads(1)
    given = {name: getattr(args, name) for name in ("iterations", "epochs") if getattr(args, name)}
    VARIANTS.update({name: replace(config, **given) for name, config in VARIANTS.items()})
    print(f"{args.seeds} seeds, labels {args.label}; tau with the test accuracy of all 15,625 cells; regret, points")
    print(f"{'':<30}{'tau':>16}{'regret: mean':>17}{'median':>8}{'largest':>8}{'queries':>8}{'CPU s':>7}")
    for name in [*args.controls, *args.variants]:
        one = run if name in VARIANTS else control
        rows = collect(args.out, [(name, args.label, seed) for seed in range(args.seeds)], one)
        regrets = [row["regret"] for row in rows]
        queries = rows[0].get("labels", 156) + 10
        print(f"{name:<30}{spread([row['tau'] for row in rows]):>16}{spread(regrets):>17}"
              f"{statistics.median(regrets):>8.2f}{max(regrets):>8.2f}{queries:>8}"
              f"{statistics.fmean(row['seconds'] for row in rows):>7.1f}", flush=True)  # fmt: skip
        if "labels" in rows[0]:
            labels = statistics.fmean(row.get("pseudo-labels", 0) for row in rows)
            comparisons = statistics.fmean(row["comparisons"] for row in rows)
            print(f"    before verifying {spread([row['labelled'] for row in rows])}; the comparator's first choice"
                  f" {spread([row['first'] for row in rows])}; ledger: {rows[0]['labels']} labels, {labels:.0f}"
                  f" pseudo-labels, {comparisons:.0f} comparisons")  # fmt: skip


if __name__ == "__main__":
    main()
