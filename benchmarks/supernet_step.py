"""A DARTS search step (a gradient of the gates, then a gradient of the weights) against a plain implementation.

Both sides run in one process, interleaved, on one thread; CPU seconds and bytes kept for backward, median and range.
First the outputs and gradients are compared.

    python benchmarks/supernet_step.py                                # small: half a minute
    python benchmarks/supernet_step.py --channels 16 --cells 8 --batch 64   # the paper's size: minutes, 12 GB
"""

import argparse
import statistics
import time

import torch
from plain_supernet import PlainSupernet

from appnas.cost import MIB, saved_bytes
from appnas.space import IO
from appnas.spaces import Cells


def gates_of(rng):
    return tuple(torch.randn(14, 8, generator=rng).softmax(-1).requires_grad_() for _ in range(2))


def step(net, x, y, gates):
    """CPU seconds of both passes."""
    start = time.process_time()
    torch.autograd.grad(torch.nn.functional.cross_entropy(net(x, gates=gates), y), gates)
    fixed = tuple(g.detach() for g in gates)
    torch.autograd.grad(torch.nn.functional.cross_entropy(net(x, gates=fixed), y), list(net.parameters()))
    return time.process_time() - start


def difference(ours, plain, x, y, gates):
    """Largest relative difference of output, gate gradients and weight gradients."""
    found = []
    for net in (ours, plain):
        out = net(x, gates=gates)
        wanted = [*gates, *net.parameters()]
        found.append([out, *torch.autograd.grad(torch.nn.functional.cross_entropy(out, y), wanted)])
    return max(float((a - b).detach().norm() / b.detach().norm().clamp_min(1e-12)) for a, b in zip(*found, strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("channels", 8), ("cells", 5), ("batch", 16), ("size", 32), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    ours = Cells(channels=args.channels, cells=args.cells).supernet(IO((3, args.size, args.size), (10,)))
    plain = PlainSupernet(args.channels, args.cells, 3, 10)
    with torch.no_grad():
        for a, b in zip(plain.parameters(), ours.parameters(), strict=True):
            a.copy_(b)
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(args.batch, 3, args.size, args.size), torch.randint(10, (args.batch,))
    gates = gates_of(rng)
    small = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    wide = tuple(g.detach().double().requires_grad_() for g in gates)
    gap = difference(ours.double(), plain.double(), small, torch.arange(4), wide)
    print(f"largest relative difference, float64: {gap:.1e}")
    sides = {"plain": plain.float(), "appnas": ours.float()}
    times = {name: [] for name in sides}
    for _ in range(args.repeats):
        for name, net in sides.items():
            times[name].append(step(net, x, y, gates))
    print(f"C={args.channels}, {args.cells} cells, batch {args.batch}, {args.size}x{args.size}, 1 thread, float32")
    for name, net in sides.items():
        kept = saved_bytes(lambda net=net: net(x, gates=gates)) / MIB
        low, middle, high = min(times[name]), statistics.median(times[name]), max(times[name])
        print(f"{name:<8}{middle:>8.2f} CPU s a step ({low:.2f} to {high:.2f}) {kept:>9.0f} MiB kept for backward")
    print(f"ratio   {statistics.median(times['appnas']) / statistics.median(times['plain']):>8.2f}")


if __name__ == "__main__":
    main()
