"""What policies and predictors cost: an ask and an update of a controller, and whole fits and searches with them.

CPU seconds on one thread: of the short ones the least of several, of the long ones each run's. The fits are GCN-fit's
(1,000 pairs, 100 epochs), the searches CTNAS's (156 labels and 10 verifications, 2,000 samples of its controller) and
NAO's (100 cells, then three rounds of 50), all on values that are made up, so that no table is needed; with `--epochs`
and `--samples` smaller ones.

    python benchmarks/policies.py --seeds 3
"""

import argparse
import itertools
import math
import random
import statistics
import time
from functools import partial

import torch

from appnas.estimate import Table
from appnas.methods import ctnas, nao
from appnas.predict import GCNRegressor
from appnas.spaces import Bench201
from appnas.strategy import PolicyGradient, Score, controller


def least(run, repeats=5, calls=20):
    """Least CPU milliseconds of a call."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        for _ in range(calls):
            run()
        times.append(time.process_time() - start)
    return 1e3 * min(times) / calls


def sums():
    """10,000 sums, in the interpreter: what a processor that is shared is measured by."""
    total = 0
    for number in range(10_000):
        total += number


def made_up():
    """A table of all cells, with a value that its operations and their order decide, and noise."""
    archs, rng = [*itertools.product(range(5), repeat=6)], random.Random(0)
    worth = [[rng.gauss(0, 1) for _ in range(5)] for _ in range(6)]
    values = [sum(row[k] for row, k in zip(worth, arch, strict=True)) + rng.gauss(0, 0.5) for arch in archs]
    return Table(archs, {"value": values}, "value")


def learner(space, batch):
    """MnasNet's controller: PPO on batches, or REINFORCE on single samples."""
    generator = torch.Generator().manual_seed(0)
    policy = controller("lstm", space.choices, generator, None, 100)
    return PolicyGradient(space, policy, generator, batch=batch, clip=0.2 if batch > 1 else 0.0)


def steps(strategy, count):
    """So many asks, and what is told of them."""
    for number in range(count):
        draw = strategy.ask()
        strategy.tell(draw, Score(torch.tensor(math.sin(number))))


def gcn(space, table, seed, args):
    """A fit."""
    archs = random.Random(seed).sample([*table.index], args.pairs)
    GCNRegressor(space, seed, epochs=min(100, args.epochs)).fit(
        archs, [float(table.values[table.row(a)]) for a in archs]
    )


def compared(space, table, seed, args):
    """A search with CTNAS; what it found."""
    config = ctnas.Config(labels=156, iterations=args.samples, epochs=args.epochs)
    return ctnas.search(space, table, config, seed=seed).value


def climbed(space, table, seed, args):
    """A search with NAO; what it found."""
    config = nao.Config(start=100, rounds=3, new=50, parents=50, target="rank", epochs=args.epochs)
    return nao.search(space, table, config, seed=seed).value


LONG = {"GCN, a fit": gcn, "CTNAS, a search": compared, "NAO, a search": climbed}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1000, help="of CTNAS's and NAO's fits; GCN-fit has 100 at most")
    parser.add_argument("--samples", type=int, default=2000, help="of CTNAS's controller")
    parser.add_argument("--pairs", type=int, default=1000, help="of GCN-fit")
    parser.add_argument("--long", nargs="*", choices=LONG, default=list(LONG))
    args = parser.parse_args()
    torch.set_num_threads(1)
    space, table = Bench201(), made_up()
    print(f"{'10,000 sums':<34}{least(sums):>9.3f} ms")
    for name, batch in (("REINFORCE", 1), ("PPO, 20 a batch", 20)):
        asked, told = learner(space, batch), learner(space, batch)
        print(f"{'an ask, ' + name:<34}{least(asked.ask):>9.3f} ms")
        print(f"{'ask and tell, ' + name:<34}{least(partial(steps, told, 20), 3, 2) / 20:>9.3f} ms")
    for name in args.long:
        seconds, found = [], []
        for seed in range(args.seeds):
            start = time.process_time()
            found.append(LONG[name](space, table, seed, args))
            seconds.append(time.process_time() - start)
        spread = f"{statistics.median(seconds):>9.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})"
        values = [f"{value:.3f}" for value in found if value is not None]
        print(f"{name:<34}{spread}{'; found ' + ', '.join(values) if values else ''}", flush=True)


if __name__ == "__main__":
    main()
