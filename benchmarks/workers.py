"""Evaluations in parallel: wall seconds of the same trainings with one worker and with two, and a kill in mid-search.

Both pools are warm (each worker has imported torch and holds the data) before the clock starts; sides in turn.

    python benchmarks/workers.py             # processes, then Ray; wants two free cores
"""

import argparse
import multiprocessing
import os
import random
import signal
import statistics
import time
from functools import partial

import appnas
from appnas.estimate import Scratch
from appnas.loop import Observer, Workers
from appnas.run import catalogue
from appnas.space import random_arch
from appnas.spaces import Bench201
from appnas.strategy import Draw
from appnas.testing import identical


class Kill(Observer):
    """kill -9 of a worker after the third score."""

    def step(self, loop, record):
        if record.step == 2:
            os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)


def speed(cluster, args):
    """Median over rounds of the time with one worker over the time with two."""
    space = Bench201(channels=8, repeats=1)
    draws = [Draw(random_arch(space, random.Random(seed))) for seed in range(args.draws)]
    evaluator = Scratch(space, catalogue.domain("digits"), args.budget)
    pools = {count: Workers(count, cluster=cluster).pool for count in (1, 2)}
    values = {count: [float(s.value) for s in pool(evaluator, draws)] for count, pool in pools.items()}
    ratios = []
    for _ in range(args.rounds):
        seconds = {}
        for count, pool in pools.items():
            start = time.perf_counter()
            list(pool(evaluator, draws))
            seconds[count] = time.perf_counter() - start
        ratios.append(seconds[1] / seconds[2])
    for pool in pools.values():
        pool.close()
    name = "Ray" if cluster else "processes"
    print(f"{name:<10} {args.draws} trainings: two workers {statistics.median(ratios):.2f} times as fast as one"
          f" ({min(ratios):.2f} to {max(ratios):.2f}, {args.rounds} rounds), same values: {values[1] == values[2]}",
          flush=True)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("draws", 8), ("budget", 10), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    speed(False, args)
    speed(True, args)
    run = partial(
        appnas.search, Bench201(channels=4, repeats=1), "digits", "evolution",
        evaluations=12, budget=2, population=4, sample=2, workers=2, asks=4,
    )  # fmt: skip
    calm, killed = run(), run(callbacks=[Kill()])
    print(f"a worker killed in mid-search: the same history: {identical(calm.history, killed.history)}")


if __name__ == "__main__":
    main()
