"""UNAS: bias of its gradient, search under a latency constraint, and the generalisation gap on real images.

bias: one 5-way choice with a loss that is not linear in the gates; the exact gradient by enumeration. Distance of the
mean estimate from it, in Monte Carlo standard errors.

table: NAS-Bench-201 as a multilinear oracle (CIFAR-10 validation accuracy after 200 epochs), cost the published latency
of a device (HELP, Lee et al., arXiv 2106.08630); loss (100 - accuracy) / 100 + price relu(latency - target), the linear
surrogate fitted on 80 % of 10,000 random cells. The target is a quantile of the cells' latencies. Controls: the
constrained optimum by enumeration, the best of so many random cells, and 3x3 convolution everywhere. Price, margin and
learning rate were chosen on the device raspi4, seeds 100 to 102.

gap: UNAS with lambda 0 and 0.5 on digits, a supernet of NAS-Bench-201's space (C = 4, N = 1), an architecture an
example; the derived cells trained on the training images from scratch: validation minus training loss. `--out` keeps
what is done. Needs APPNAS_DATA for the table. On one core minutes each:

    python benchmarks/unas.py bias
    python benchmarks/unas.py table --seeds 10
    python benchmarks/unas.py gap --seeds 5 --out unas.jsonl
"""

import argparse
import json
import random
import statistics
import time
from pathlib import Path

import torch
from rows import spread

from appnas.cost import fit_lookup
from appnas.domains.images import Options, digits
from appnas.loop import search_loop
from appnas.methods import unas
from appnas.one_shot import Expected, LossTerm
from appnas.space import constant_arch, describe, random_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import latencies, load
from appnas.strategy import Sampled
from appnas.supernet import gumbel_sample, straight_through, unified
from appnas.task import Recipe, cosine
from appnas.testing import tabulated


def bias(samples, parts=200):
    c = torch.tensor([1.0, 0.2, -0.6, 0.5, 2.0]).double()
    w = torch.tensor([0.5, -1.0, 0.3, 2.0, -0.7]).double()

    def loss(z):
        return (z * c).sum((-1, -2)) + 2 * (z * w).sum((-1, -2)).sin() ** 2

    alpha = torch.tensor([[0.3, -0.5, 0.8, 0.0, -0.2]], dtype=torch.float64, requires_grad=True)
    every = loss(torch.eye(5).double()[:, None])
    (exact,) = torch.autograd.grad((alpha.softmax(-1)[0] * every).sum(), alpha)
    mean = float((alpha.detach().softmax(-1)[0] * every).sum())
    values = {
        "unified": lambda s: unified(s.logp, loss(s.hard), loss(s.soft - s.coupled + s.coupled.detach())),
        "unified without correction": lambda s: unified(s.logp, loss(s.hard), loss(s.soft)),
        "REINFORCE, mean as baseline": lambda s: unified(s.logp, loss(s.hard), torch.full_like(s.logp, mean)),
        "Gumbel": lambda s: unified(None, loss(s.hard), loss(s.soft)),
        "straight through (GDAS)": lambda s: unified(None, loss(s.hard), loss(straight_through(s.soft))),
    }
    print(f"{samples} samples, norms{'':24}bias   standard error   bias / error   deviation of a sample")
    for name, tau in [(n, 0.4) for n in values] + [("unified", 1.0), ("Gumbel", 0.1)]:
        rng, found = torch.Generator().manual_seed(0), []
        for _ in range(parts):
            sample = gumbel_sample(alpha, samples // parts, rng, tau)
            found.append(torch.autograd.grad(values[name](sample), alpha)[0])
        grads = torch.stack(found)
        off, error = float((grads.mean(0) - exact).norm()), float(grads.std(0).norm()) / parts**0.5
        label = f"{name}, tau {tau}"
        print(f"{label:<38}{off:>14.4f}{error:>17.4f}{off / error:>15.1f}{error * samples**0.5:>24.2f}")


def table(args):
    space = Bench201()
    archs, columns = load("cifar10")
    accuracy = dict(zip(archs, columns["valid200"].tolist(), strict=True))
    test = dict(zip(archs, columns["test200"].tolist(), strict=True))
    cells, times = latencies()
    cost = dict(zip(cells, times[args.device].tolist(), strict=True))
    target = sorted(cost.values())[int(args.quantile * len(cost))]
    rng = random.Random(0)
    fitted = [random_arch(space, rng) for _ in range(10_000)]
    surrogate = fit_lookup(space.choices, fitted, [cost[a] for a in fitted])
    oracle = tabulated(space.choices, archs, [(accuracy[a] - 100) / 100 for a in archs])
    allowed = [a for a in archs if cost[a] <= target]
    best = max(allowed, key=accuracy.__getitem__)
    print(f"{args.device}: target {target:.3f} ms (quantile {args.quantile}); surrogate off by {surrogate.error}")
    print(f"{'':<34}{'valid accuracy':>18}{'test accuracy':>18}{'latency, ms':>18}  met   cells seen")
    for name, arch in {"constrained optimum": best, "3x3 everywhere": constant_arch(space, "nor_conv_3x3")}.items():
        met = "1/1" if cost[arch] <= target else "0/1"
        print(f"{name:<34}{accuracy[arch]:>18.2f}{test[arch]:>18.2f}{cost[arch]:>18.3f}  {met}")

    def loss(gates, step):
        return -oracle.values(gates)

    def run(estimator, seed, price):
        seen = set()

        def priced(arch):
            seen.add(arch)
            return cost[arch]

        ramp = lambda step: price * min(step / (args.steps / 2), 1.0)  # noqa: E731
        terms = {"loss": LossTerm(loss, loss)}
        if price:
            aim = (1 - args.margin) * target
            terms["excess"] = unas.excess(space, priced, surrogate, aim, ramp, args.samples)
        generator = torch.Generator().manual_seed(seed)
        strategy = Sampled(
            space, generator, args.samples, estimator, 0.4, lambda t: cosine(t, args.steps, args.lr, args.lr / 10)
        )
        return search_loop(strategy, Expected(terms), args.steps).best, len(seen)

    def show(name, found):
        parts = [[column[a] for a, _ in found] for column in (accuracy, test, cost)]
        cell = "".join(f"{statistics.fmean(p):>9.2f} +- {statistics.stdev(p):<5.2f}" for p in parts)
        met = sum(cost[a] <= target for a, _ in found)
        print(f"{name:<34}{cell}  {met}/{len(found)}  {statistics.fmean(n for _, n in found):.0f}", flush=True)

    for count in (100, 1000):
        rng = random.Random(1)
        picks = [[a for a in (rng.choice(archs) for _ in range(count)) if cost[a] <= target] for _ in range(args.seeds)]
        show(f"best of {count} random that meet it", [(max(p, key=accuracy.__getitem__), count) for p in picks])
    seeds = range(args.first, args.first + args.seeds)
    for name in args.estimators:
        show(name, [run(name, seed, args.price) for seed in seeds])
    show("unified, no constraint", [run("unified", seed, 0.0) for seed in seeds])


def gap(args):
    done = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    done = {(row["seed"], row["gap"]): row for row in done}
    data = digits(Options(limit=556, batch=24, valid=0.1, crop=1, flip=False, recipe=Recipe(lr=0.05)))
    space = Bench201(channels=4, repeats=1)
    for seed in range(args.seeds):
        for weight in (0.0, 0.5, "random"):
            if (seed, weight) in done:
                continue
            start = time.process_time()
            if weight == "random":
                arch, entropy = random_arch(space, random.Random(seed)), None
            else:
                config = unas.Config(
                    epochs=args.epochs, warmup=args.epochs // 4, gap=weight, lr=3e-3, alpha_lr=0.03, alpha_lr_min=0.01
                )
                result = unas.search(space, data, config, seed=seed)
                arch, shares = result.best, result.strategy.distribution()[0]
                entropy = float(-(shares * shares.log()).sum(-1).mean())
            row = {
                "seed": seed,
                "gap": weight,
                "arch": arch,
                "entropy": entropy,
                **losses(space, data, arch, args.again, seed),
            }
            row["seconds"] = time.process_time() - start
            done[seed, weight] = row
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    print(f"{'lambda':<10}{'L_val - L_train':>18}{'L_val':>18}{'accuracy':>18}{'entropy':>10}   3x3, skips of 6 edges")
    for weight in (0.0, 0.5, "random"):
        rows = [done[seed, weight] for seed in range(args.seeds)]
        columns = [
            [row["valid"] - row["train"] for row in rows],
            *([row[n] for row in rows] for n in ("valid", "accuracy")),
        ]
        cell = "".join(f"{spread(c):>18}" for c in columns)
        names = [describe(space.choices, tuple(row["arch"]))["cell"] for row in rows]
        counts = [statistics.fmean(n.count(op) for n in names) for op in ("nor_conv_3x3", "skip_connect")]
        entropy = "" if weight == "random" else f"{statistics.fmean(row['entropy'] for row in rows):.2f}"
        print(f"{weight!s:<10}{cell}{entropy:>8}   {counts[0]:.1f}, {counts[1]:.1f}")


@torch.no_grad()
def mean_loss(data, model, split):
    found = [data.loss(model, batch) for batch in data.batches(split, torch.Generator().manual_seed(0))]
    return float(torch.cat(found).mean())


def losses(space, data, arch, epochs, seed):
    """Training and validation loss, and validation accuracy, after training on the training images."""
    torch.manual_seed(seed)
    model = space.build(arch, data.io)
    data.fit(model, epochs, seed=seed)
    split = {split: mean_loss(data, model, split) for split in ("train", "valid")}
    return {**split, "accuracy": data.score(model)["value"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["bias", "table", "gap"])
    parser.add_argument("--draws", type=int, default=200_000, help="samples of bias")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="first seed of the table")
    parser.add_argument("--estimators", nargs="+", default=["unified", "reinforce", "gumbel", "gdas"])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--samples", type=int, default=64, help="a step, of the table")
    parser.add_argument("--margin", type=float, default=0.02, help="share of the target that the search stays below")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--price", type=float, default=0.01, help="loss for each ms above the target")
    parser.add_argument("--device", default="pixel3")
    parser.add_argument("--quantile", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=12, help="of a search for the gap")
    parser.add_argument("--again", type=int, default=20, help="epochs of training what was found")
    parser.add_argument("--out", type=Path, default=Path("unas.jsonl"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.what == "bias":
        bias(args.draws)
    else:
        {"table": table, "gap": gap}[args.what](args)


if __name__ == "__main__":
    main()
