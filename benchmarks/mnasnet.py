"""MnasNet and MONAS on NAS-Bench-201 with the latencies of real devices, beside random search at equal queries.

    python benchmarks/mnasnet.py lookup                     # additive tables of latency on 27 devices, and their errors
    python benchmarks/mnasnet.py reward --device raspi4 --seeds 10      # soft and hard reward at 300 queries
    python benchmarks/mnasnet.py monas --seeds 10           # multiply-adds over alpha, feasible samples under limits
    python benchmarks/mnasnet.py measured --seeds 3         # latency measured here: torch, onnxruntime, its table

A query is a cell that was not asked for before. The value is the validation accuracy after 12 epochs (CIFAR-10); of the
cell found the test accuracy after 200 epochs is reported too.
"""

import argparse
import random
import statistics

import torch

from appnas.cost import kendall, latencies, lookup_table, survey, weighted_product
from appnas.estimate import Table
from appnas.loop import Observer, front, hypervolume, worth
from appnas.methods import baselines, mnasnet, monas
from appnas.space import IO, constant_arch, random_arch
from appnas.spaces import Bench201
from appnas.spaces.images import bench201

SPACE = Bench201()
REFERENCE = 220e6
"""Multiply-adds that count as 1."""
REWARDS = {"soft": (-0.07, -0.07), "hard": (0.0, -1.0)}


class Queries(Observer):
    """Stop at so many different cells."""

    def __init__(self, limit):
        self.limit, self.seen = limit, set()

    def step(self, loop, record):
        self.seen.add(record.arch)
        return len(self.seen) >= self.limit


def table(device=""):
    """The benchmark, with the latencies of a device, and a function for what is withheld."""
    archs, columns = bench201.load("cifar10")
    columns = {name: columns[name] for name in ("valid12", "test200", "macs", "params")}
    if device:
        columns["latency_ms"] = bench201.latencies()[1][device]
    return Table(archs, columns, "valid12", withheld=["test200"])


def spread(values, digits=2):
    """Mean and standard deviation in words."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.{digits}f} +- {deviation:.{digits}f}"


def lookups(args):
    """A table fitted to n cells of every device, its error on 3,000 others."""
    archs, devices = bench201.latencies()
    chosen = random.Random(0).sample(range(len(archs)), 3000 + max(args.fit))
    held, pool = chosen[:3000], chosen[3000:]
    print("additive look-up tables; error on 3,000 other cells: relative (%), Kendall's tau; ms of the median cell")
    print(f"{'device':<18}{'ms':>9}" + "".join(f"{f'{n} cells':>18}" for n in args.fit))
    for device, column in devices.items():
        ms, line = column.tolist(), f"{device:<18}{statistics.median(column.tolist()):>9.3g}"
        for n in args.fit:
            made = lookup_table.fit_lookup(
                SPACE.choices, [archs[i] for i in pool[:n]], [ms[i] for i in pool[:n]], held_out=0.0
            )
            found = lookup_table.error(made, [archs[i] for i in held], [ms[i] for i in held])
            line += f"{100 * found.relative:>11.1f} {found.tau:>6.3f}"
        print(line, flush=True)


def rewards(args):
    """Best reward at a number of queries, the cell found, the latencies of what is sampled late."""
    data = table(args.device)
    ms = data.shown["latency_ms"]
    target = statistics.median(ms)
    print(f"{args.device}, T = {target:.4g} ms (the median cell), {args.queries} queries, {args.seeds} seeds")
    for name, (below, above) in REWARDS.items():
        all_rewards = [weighted_product(v, c, target, below, above) for v, c in zip(data.values, ms, strict=True)]
        best = max(all_rewards)
        config = mnasnet.Config(
            20_000, target=target, below=below, above=above, controller=args.controller, lr=args.lr,
            entropy=args.entropy, per_update=args.per_update, passes=args.passes,
        )  # fmt: skip
        print(f"{name}: optimum {best:.3f}, space mean {statistics.fmean(all_rewards):.3f}")
        print(f"  {'':<16}{'reward':>18}{'test200 %':>18}{'ms / T':>16}{'samples':>9}  ms / T of the last 100, deciles")
        for method in ("mnasnet", "lr 0", "random"):
            rows = []
            for seed in range(args.first, args.first + args.seeds):
                rows.append(one(method, data, config, seed, args.queries, (target, below, above)))
            found, tests, ratios, samples, late = zip(*rows, strict=True)
            deciles = statistics.quantiles([x for part in late for x in part], n=10)
            print(
                f"  {method:<16}{spread(found, 3):>18}{spread(tests):>18}{spread(ratios):>16}"
                f"{statistics.fmean(samples):>9.0f}  {' '.join(f'{x:.2f}' for x in deciles)}", flush=True,
            )  # fmt: skip


def one(method, data, config, seed, queries, trade):
    """Best reward, test accuracy and relative latency of the best, samples drawn, latencies of the last 100."""
    target = trade[0]
    stop = [Queries(queries)]
    if method == "random":
        history = baselines.random(
            SPACE, data, baselines.RandomConfig(20_000, distinct=False), seed=seed, callbacks=stop
        ).history
    else:
        settings = config if method == "mnasnet" else mnasnet.Config(**{**vars(config), "lr": 0.0})
        history = mnasnet.search(SPACE, data, settings, seed=seed, callbacks=stop).history
    best = max(history, key=lambda r: weighted_product(worth(r), r.metrics["latency_ms"], *trade))
    reward = weighted_product(worth(best), best.metrics["latency_ms"], *trade)
    late = [r.metrics["latency_ms"] / target for r in history[-100:]]
    test = data.test(best.arch)["test200"]
    return reward, test, best.metrics["latency_ms"] / target, len(history), late


CASES = {
    **{f"alpha {alpha}": {"reward": "mixed", "alpha": alpha} for alpha in (0.0, 0.5, 0.8, 0.9, 1.0)},
    "< 60 M": {"reward": "cost_limit", "reference": 60e6},
    "> 80 %": {"reward": "value_limit", "least": 0.8},
}


def trade_offs(args):
    """MONAS: what is found and sampled late over alpha, and under limits, beside random search."""
    data, seeds = table(), range(args.first, args.first + args.seeds)
    macs = data.shown["macs"]
    lone = [
        baselines.random(SPACE, data, baselines.RandomConfig(args.evaluations, distinct=False), seed=s).history
        for s in seeds
    ]
    print(f"cost = multiply-adds / {REFERENCE:.0f}; {args.evaluations} samples, {args.seeds} seeds; mean of the space"
          f" {statistics.fmean(macs) / 1e6:.1f} M, {statistics.fmean(data.values):.2f} %")  # fmt: skip
    heads = ["best: M", "best: %", "late: M", "late: %", "reward, late", "best reward", "random's"]
    print(f"{'':<12}" + "".join(f"{head:>18}" for head in heads) + "   mean of the space; feasible late, in the space")
    for name in args.cases:
        config = monas.Config(args.evaluations, **{"reference": REFERENCE, "cost": "macs", **CASES[name]})
        every = [config.of({"value": v, "macs": m}) for v, m in zip(data.values, macs, strict=True)]
        rows = [monas_row(config, data, seed) for seed in seeds]
        *columns, late = zip(*rows, strict=True)
        columns.append([max(config.of({**r.metrics, "value": r.value}) for r in history) for history in lone])
        line = f"{name:<12}" + "".join(f"{spread(c, 1 if i < 4 else 3):>18}" for i, c in enumerate(columns))
        line += f"   {statistics.fmean(every):.3f}"
        if config.reward != "mixed":
            line += f"; {spread(late, 1)} %, {100 * statistics.fmean(r > 0 for r in every):.1f} %"
        print(line, flush=True)
    if args.volume:
        volumes(args, data, seeds)


def volumes(args, data, seeds):
    """The fronts of searches with four alphas together, and of random search at equal samples."""
    merged, lone = [], []
    for seed in seeds:
        history = []
        for alpha in (0.5, 0.8, 0.9, 1.0):
            config = monas.Config(args.evaluations // 4, alpha=alpha, reference=REFERENCE)
            history += monas.search(SPACE, data, config, seed=seed).history
        merged.append(volume(history))
        lone.append(
            volume(
                baselines.random(SPACE, data, baselines.RandomConfig(len(history), distinct=False), seed=seed).history
            )
        )
    cells = zip(data.values, data.shown["macs"], strict=True)
    whole = hypervolume([(v, -m / 1e6) for v, m in cells], (0.0, -220.0)) / 22_000
    print(f"hypervolume (of 100 % x 220 M): four alphas {spread(merged, 4)}, random {spread(lone, 4)}, all {whole:.4f}")


def monas_row(config, data, seed):
    """Best and late samples of one search."""
    result = monas.search(SPACE, data, config, seed=seed)
    best, late = max(result.history, key=lambda r: r.value), result.history[-100:]
    return (
        best.metrics["macs"] / 1e6, worth(best),
        statistics.fmean(r.metrics["macs"] for r in late) / 1e6, statistics.fmean(worth(r) for r in late),
        statistics.fmean(r.value for r in late), best.value, 100 * statistics.fmean(r.value > 0 for r in late),
    )  # fmt: skip


def volume(history):
    """Share of 100 % x 220 M multiply-adds that the front dominates."""
    return hypervolume([(worth(r), -r.metrics["macs"] / 1e6) for r in front(history, ["macs"])], (0.0, -220.0)) / 22_000


def measured(args):
    """Latency here: how it repeats, what onnxruntime changes, what multiply-adds and a fitted table tell of it."""
    io, x = IO((3, 32, 32), (10,)), (torch.randn(1, 3, 32, 32),)
    rows = []
    for seed in range(args.first, args.first + args.seeds):
        rng = random.Random(seed)
        archs = list(dict.fromkeys(random_arch(SPACE, rng) for _ in range(args.cells)))
        first, second = (survey(SPACE, io, archs, x, repeats=30, warmup=3) for _ in range(2))
        a, b = ([one.median for one in found] for found in (first, second))
        off = statistics.fmean(abs(p - q) / p for p, q in zip(a, b, strict=True))
        made = lookup_table.fit_lookup(SPACE.choices, archs, a, held_out=0.25, seed=seed)
        counted = table()
        macs = [counted.shown["macs"][counted.index[arch]] for arch in archs]
        rows.append((100 * off, tau(a, b), tau(a, macs), 100 * made.error.relative, made.error.tau))
        print(first[0].conditions if seed == args.first else "", flush=True)
    names = ["twice: relative %", "twice: tau", "tau with MACs", "table: relative %", "table: tau"]
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        print(f"{name:<22}{spread(column, 3):>18}")
    names = ["skip_connect", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3"]
    models = [SPACE.build(constant_arch(SPACE, name), io) for name in names]
    for runtime in ("torch", "onnxruntime"):
        found = latencies(models, x, runtime=runtime)
        cells = ", ".join(
            f"{name} {f.median:.2f} ({f.low:.2f} to {f.high:.2f})" for name, f in zip(names, found, strict=True)
        )
        print(f"{runtime}, ms, 50 passes in turns: {cells}")


def tau(a, b):
    """Kendall's tau of two lists."""
    return kendall(torch.tensor(a), torch.tensor(b))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["lookup", "reward", "monas", "measured"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--device", default="raspi4")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--cases", nargs="*", choices=list(CASES), default=list(CASES), help="rows of monas")
    parser.add_argument("--volume", action=argparse.BooleanOptionalAction, default=True, help="its last line")
    parser.add_argument("--fit", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--cells", type=int, default=80)
    parser.add_argument("--controller", default="independent")
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--entropy", type=float, default=1e-5)
    parser.add_argument("--per-update", type=int, default=20)
    parser.add_argument("--passes", type=int, default=4)
    args = parser.parse_args()
    torch.set_num_threads(1)
    {"lookup": lookups, "reward": rewards, "monas": trade_offs, "measured": measured}[args.what](args)


if __name__ == "__main__":
    main()
