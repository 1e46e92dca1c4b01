"""A step of a deep supernet (DARTS space, first order) under each kind of recomputation: CPU seconds and peak memory.

Seconds: all kinds in turn in one process. Peak: the resident set (`getrusage`) of a fresh process that makes one step.
`--free` plans as a search does when so many GB are free.

    python benchmarks/deep_supernet.py --cells 3 --batch 8                           # a minute
    python benchmarks/deep_supernet.py --cells 20 --batch 64 --rounds 0 --free 8     # 20 cells in 8 GB: minutes
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from functools import partial

import torch
from supernet_step import our_step

from appnas.cost.counts import MARGIN, peak_bytes
from appnas.cost.timing import machine
from appnas.space import IO
from appnas.spaces import Cells
from appnas.supernet import FIXED, Recomputing, fitted, recomputing


def made(args, plan):
    """One step of a supernet under a plan, on a batch of so many examples."""
    torch.manual_seed(0)
    with recomputing(plan):
        net = Cells(channels=args.channels, cells=args.cells).supernet(IO((3, 32, 32), (10,)))
    gates = tuple(torch.full((14, 8), 1 / 8, requires_grad=True) for _ in range(2))

    def step(batch):
        our_step(net, torch.randn(batch, 3, 32, 32), torch.randint(10, (batch,)), gates)

    return step


def once(args):
    """One step in this process, then its peak."""
    step, start = made(args, Recomputing(*args.plan)), time.process_time()
    step(args.batch)
    spent, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{spent:.1f} CPU s, peak {peak:.2f} GiB resident")


def fresh(args, plan):
    sizes = [f"--{name}={getattr(args, name)}" for name in ("channels", "cells", "batch")]
    command = [sys.executable, __file__, *sizes, "--plan", *map(str, plan)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def seconds(args):
    """CPU seconds of the kinds, in turn."""
    sides = {kind: made(args, plan) for kind, plan in FIXED.items()}
    times = {kind: [] for kind in sides}
    for number in range(args.rounds + 1):
        for kind, step in sides.items():
            start = time.process_time()
            step(args.batch)
            times[kind].append(time.process_time() - start)
        print(f"round {number}: " + ", ".join(f"{found[-1]:.2f}" for found in times.values()), flush=True)
    for kind, found in times.items():
        ratios = [a / b for a, b in zip(found[1:], times["nothing"][1:], strict=True)]
        print(f"  {kind:<14}{statistics.median(found[1:]):>7.2f} CPU s ({min(found[1:]):.2f} to {max(found[1:]):.2f}),"
              f" {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) of keeping all")  # fmt: skip


def needs(args):
    """Bytes of a step of every kind, from two small ones."""
    found = []
    for plan in FIXED.values():
        low, high = (peak_bytes(partial(made(args, plan), n)) for n in (2, 4))
        found.append(low + (high - low) / 2 * (args.batch - 2))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("channels", 16), ("cells", 8), ("batch", 16), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--free", type=float, default=0.0, help="GB that are free; 0 runs every kind")
    parser.add_argument("--plan", type=float, nargs=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.plan:
        once(args)
        return
    print(f"a step, C={args.channels}, {args.cells} cells, batch {args.batch}, 32x32; {machine()}", flush=True)
    if args.rounds:
        seconds(args)
    plans = dict(FIXED)
    if args.free:
        kinds = needs(args)
        print(
            "estimates, GB: " + ", ".join(f"{kind} {need / 1e9:.2f}" for kind, need in zip(FIXED, kinds, strict=True))
        )
        plans = {"auto": fitted(*kinds, MARGIN * args.free * 1e9)}
    for kind, plan in plans.items():
        if plan is None:
            sys.exit(f"nothing fits in {args.free} GB")
        shares = f"convolutions of {plan.convolutions:.2f} and all of {plan.cells:.2f} of the cells again"
        print(f"  {kind:<14}{fresh(args, plan)}; {shares}", flush=True)


if __name__ == "__main__":
    main()
