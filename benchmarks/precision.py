"""What fewer bits and compilation are worth: a step of DARTS, and of training what it found, on random images.

A step of the search is a gradient of the gates and a step of the weights, as `Shared` takes them. Every row is a
precision, as it is or compiled: ms a step (median and range; of the processor, if that is the device), how often as
fast as float32, seconds until the first step is done, which is where torch compiles, and the first loss, which tells
whether the same is computed.

    python benchmarks/precision.py                                   # small: minutes, most of them compilation
    python benchmarks/precision.py --channels 16 --cells 8 --batch 16 --size 32 --rows 32 bf16
    python benchmarks/precision.py --device cuda --channels 16 --cells 8 --batch 64 --size 32 \
        --rows 32 tf32 bf16 16 32+compile bf16+compile
"""

import argparse
import random
import statistics
import time
import warnings
from itertools import pairwise

import torch

from appnas.compute import Compute, compute_of, device_of
from appnas.compute.precision import float32_flags, slow_here
from appnas.cost.timing import machine
from appnas.domains.images import Images, Options
from appnas.one_shot import Shared
from appnas.space import full_mask, random_arch
from appnas.spaces import Cells
from appnas.strategy import Draw
from appnas.support import seeded
from appnas.task import placed


def computes(row, device):
    """The setting that a row's name stands for."""
    precision, _, more = row.partition("+")
    return Compute(device, precision, more == "compile")


def waited(device):
    """Seconds of this process on a CPU; of the wall elsewhere, once the device has done what it was given."""
    if device.type == "cpu":
        return time.process_time()
    torch.accelerator.synchronize(device)
    return time.perf_counter()


def searching(space, domain, repeats):
    """Seconds of the steps of a search, the first loss, and the wall's seconds of the first step."""
    shared = Shared(space, domain)
    rng = torch.Generator().manual_seed(0)
    alpha = [torch.randn(m.shape, generator=rng) for m in full_mask(space.choices)]
    arch, seconds, first = random_arch(space, random.Random(0)), [], None
    ends = [time.perf_counter()]
    for _ in range(repeats + 1):
        gates = tuple(a.softmax(-1).requires_grad_() for a in alpha)
        began = waited(shared.device)
        value = shared.score(Draw(arch, gates)).value
        torch.autograd.grad(value, gates)
        shared.learn(Draw(arch, gates))
        seconds.append(waited(shared.device) - began)
        ends.append(time.perf_counter())
        first = -value.item() if first is None else first
    return seconds, first, ends[1] - ends[0]


def training(space, domain, repeats):
    """Seconds of a step of a training by epoch, the first epoch's loss, and the wall's seconds of that epoch."""
    arch, device = random_arch(space, random.Random(0)), compute_of(domain).device
    model = seeded(0, lambda: space.build(arch, domain.io), device)
    ends, walls, losses = [waited(device)], [time.perf_counter()], []

    def on_epoch(done, loss):
        ends.append(waited(device))
        walls.append(time.perf_counter())
        losses.append(loss)

    domain.fit(model, repeats + 1, on_epoch=on_epoch)
    each = [(end - began) / domain.epoch("train") for began, end in pairwise(ends)]
    return each, losses[0], walls[1] - walls[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--cells", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", nargs="+", default=["32", "bf16", "32+compile"])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = device_of(args.device)
    print(machine())
    print(f"bf16 on the processor: {slow_here('bf16') or 'has instructions'}; products of float32: {float32_flags()}")
    space = Cells(channels=args.channels, cells=args.cells, nodes=args.nodes, width=args.channels, depth=args.cells)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(8 * args.batch, 3, args.size, args.size, generator=rng)
    y = torch.randint(10, (len(x),), generator=rng)
    data = Images(x, y, options=Options(batch=args.batch), classes=10)
    for name, measure in (("search", searching), ("training", training)):
        base = None
        for row in args.rows:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                domain = placed(data, computes(row, device))
            (_, *seconds), loss, first = measure(space, domain, args.repeats)
            base = base or statistics.median(seconds)
            low, mid, high = (1000 * f(seconds) for f in (min, statistics.median, max))
            print(
                f"{name:9} {row:13} {mid:8.1f} ms ({low:.1f} to {high:.1f})   {1000 * base / mid:5.2f} x"
                f"   first {first:6.1f} s   loss {loss:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
