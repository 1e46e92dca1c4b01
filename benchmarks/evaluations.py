"""Evaluations from scratch: how many a CPU minute, against a plain training loop of the same numbers, and a first one.

The plain loop is written as everybody writes it: batches augmented anew, all parameters listed at every step, torch's
optimiser as it comes. Both sides train the same networks in turns, and must end with the same validation loss.

    APPNAS_DATA=... python benchmarks/evaluations.py             # digits, and CIFAR-10 at 16 x 16
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from functools import partial

import torch
from torch import nn

from appnas.cost.timing import machine
from appnas.domains.images import Options
from appnas.estimate import Scratch
from appnas.loop import Workers
from appnas.loop.workers import processors
from appnas.run import catalogue
from appnas.space import random_arch
from appnas.spaces import Bench201
from appnas.strategy import Draw
from appnas.support import forked, seeded
from appnas.task.training import set_progress

FIRST = """
import time
import torch
torch.set_num_threads(1)
start = time.process_time()
from torch import nn
if {plain}:
    net = nn.Linear(2, 1)
    torch.optim.SGD(net.parameters(), 0.1).step()
else:
    from appnas.compute import SGD
    SGD(nn.Linear(2, 1).parameters(), 0.1).step()
print(time.process_time() - start)
"""


def plain(space, domain, epochs, arch, seed=0):
    """Build, train and score, by hand."""
    model = seeded(seed, partial(space.build, arch, domain.io))
    recipe, rng = domain.options.recipe, torch.Generator().manual_seed(seed)
    optimiser = torch.optim.SGD(
        model.parameters(), recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    with forked(torch.device("cpu"), seed):
        for epoch in range(epochs):
            model.train()
            set_progress(model, epoch / epochs)
            optimiser.param_groups[0]["lr"] = recipe.rate(epoch, epochs)
            for batch in domain.batches("train", rng):
                loss = domain.loss(model, batch).mean()
                optimiser.zero_grad()
                loss.backward()
                if recipe.clip:
                    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
                optimiser.step()
    model.eval()
    return domain.score(model)["loss"]


def compared(name, space, domain, epochs, count, rounds):
    """CPU seconds of an evaluation, both ways, and whether the numbers are the same."""
    draws = [Draw(random_arch(space, random.Random(seed))) for seed in range(count)]
    sides = {"plain": [], "ours": []}
    plain(space, domain, epochs, draws[0].arch)  # warms up
    same = True
    for _ in range(rounds):
        evaluator, losses = Scratch(space, domain, epochs), {"plain": [], "ours": []}
        spent = {"plain": 0.0, "ours": 0.0}
        for draw in draws:
            for side in sides:
                start = time.process_time()
                losses[side].append(
                    plain(space, domain, epochs, draw.arch)
                    if side == "plain"
                    else evaluator.score(draw).metrics["loss"]
                )
                spent[side] += time.process_time() - start
        same &= losses["plain"] == losses["ours"]
        for side, seconds in spent.items():
            sides[side].append(seconds / count)
    rates = {side: 60 / statistics.median(seconds) for side, seconds in sides.items()}
    ratios = sorted(p / o for p, o in zip(sides["plain"], sides["ours"], strict=True))
    print(
        f"{name:<16} {epochs} epochs  plain {rates['plain']:6.1f}, ours {rates['ours']:6.1f} evaluations a CPU minute:"
        f" {statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f}, {rounds} rounds of {count}),"
        f" same losses: {same}",
        flush=True,
    )


def together(name, space, domain, epochs, count):
    """Evaluations a minute by the clock, with a worker for every processor and with one."""
    draws = [Draw(random_arch(space, random.Random(seed))) for seed in range(count)]
    for workers in sorted({1, processors()}):
        pool = Workers(workers).pool
        list(pool(Scratch(space, domain, epochs), draws[:workers]))  # warms up
        start = time.perf_counter()
        list(pool(pool.evaluator or Scratch(space, domain, epochs), draws))
        minutes = (time.perf_counter() - start) / 60
        pool.close()
        print(f"{name:<16} {workers} workers: {count / minutes:.1f} evaluations a minute by the clock", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, value in (("count", 4), ("epochs", 2), ("rounds", 3), ("channels", 8), ("limit", 2000)):
        parser.add_argument(f"--{flag}", type=int, default=value)
    parser.add_argument("--data", nargs="+", default=["digits", "cifar10"])
    parser.add_argument("--clock", action="store_true", help="also by the clock, with workers: wants a quiet machine")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    space = Bench201(channels=args.channels, repeats=1)
    for name in args.data:
        options = None if name == "digits" else Options(limit=args.limit, shrink=2)
        domain = catalogue.domain(name, options)
        compared(name, space, domain, args.epochs, args.count, args.rounds)
        if args.clock:
            together(name, space, domain, args.epochs, args.count)
    run = lambda side: float(  # noqa: E731
        subprocess.check_output([sys.executable, "-c", FIRST.format(plain=side)], text=True)
    )
    pairs = [(run(True), run(False)) for _ in range(args.rounds)]
    torchs, ours = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(f"first step of a process: torch's optimiser {torchs:.2f}, ours {ours:.2f} CPU s, appnas's import included")


if __name__ == "__main__":
    main()
