"""A step of a search by gradients against a plain implementation, in one process, interleaved, on one thread.

A step is a gradient of the gates and a gradient of the weights. CPU seconds: median and range. Peak memory: most bytes
of tensors at once, in a step on a tenth of the batch (memory grows in proportion). First the outputs and gradients
are compared.

    python benchmarks/supernet_step.py                                   # small: half a minute
    python benchmarks/supernet_step.py --channels 16 --cells 8 --batch 64   # the paper's size: 5 minutes, 9 GB
    python benchmarks/supernet_step.py --space bench201 --channels 16 --batch 64
"""

import argparse
import copy
import statistics
import time
from functools import partial

import torch
from plain_supernet import Plain201, PlainSupernet
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from appnas.cost import macs, peak_bytes
from appnas.space import IO
from appnas.spaces import Bench201, Cells
from appnas.supernet import SGDStep, lookahead_finite
from appnas.support import MIB


def make(args):
    """Both sides with the same weights, and gates."""
    io = IO((3, args.size, args.size), (10,))
    if args.space == "cells":
        ours = Cells(channels=args.channels, cells=args.cells).supernet(io)
        plain, shapes = PlainSupernet(args.channels, args.cells, 3, 10), ((14, 8), (14, 8))
    else:
        ours = Bench201(args.channels, args.cells).supernet(io)
        plain, shapes = Plain201(args.channels, args.cells, 3, 10), ((6, 5),)
    with torch.no_grad():
        for a, b in zip(plain.parameters(), ours.parameters(), strict=True):
            a.copy_(b)
    rng = torch.Generator().manual_seed(0)
    return ours, plain, tuple(torch.randn(s, generator=rng).softmax(-1).requires_grad_() for s in shapes)


def plain_step(net, x, y, gates):
    """Both passes as everybody writes them."""
    torch.autograd.grad(cross_entropy(net(x, gates=gates), y), gates)
    weight_step(net, x, y, gates)


def plain_unrolled(net, x, y, gates, lr=0.025, decay=3e-4, epsilon=0.01):
    """As DARTS's code has it: a copy of the network after the step, then gradients at w + e v and at w - e v."""
    weights = list(net.parameters())
    slopes = torch.autograd.grad(cross_entropy(net(x, gates=gates), y), weights, allow_unused=True)
    ahead = copy.deepcopy(net)
    with torch.no_grad():
        for w, d in zip(ahead.parameters(), slopes, strict=True):
            w.sub_(lr * ((0 if d is None else d) + decay * w))
    found = torch.autograd.grad(
        cross_entropy(ahead(x, gates=gates), y), [*gates, *ahead.parameters()], materialize_grads=True
    )
    direct, v = found[: len(gates)], found[len(gates) :]
    reach = epsilon / torch.cat([d.flatten() for d in v]).norm()
    ends = []
    for sign in (1, -2, 1):
        with torch.no_grad():
            for w, d in zip(weights, v, strict=True):
                w.add_(d, alpha=float(sign * reach))
        if len(ends) < 2:
            ends.append(torch.autograd.grad(cross_entropy(net(x, gates=gates), y), gates))
    found = [d - lr * (plus - minus) / (2 * reach) for d, plus, minus in zip(direct, *ends, strict=True)]
    weight_step(net, x, y, gates)
    return found


def weight_step(net, x, y, gates):
    fixed = tuple(g.detach() for g in gates)
    torch.autograd.grad(cross_entropy(net(x, gates=fixed), y), list(net.parameters()), allow_unused=True)


def our_step(net, x, y, gates):
    """Both passes as `Shared` runs them: the weights are constants while the gates learn."""
    constant = {name: w.detach() for name, w in net.named_parameters()}
    torch.autograd.grad(cross_entropy(functional_call(net, constant, (x,), {"gates": gates}), y), gates)
    weight_step(net, x, y, gates)


def unrolled_step(net, x, y, gates):
    """The gates' gradient after a look-ahead step, by finite differences; then the weights'."""

    def loss(weights, gates):
        return cross_entropy(functional_call(net, weights, (x,), {"gates": gates}), y)

    ahead = lookahead_finite(loss, loss, dict(net.named_parameters()), gates, SGDStep(0.025, 0.0, 3e-4))
    torch.autograd.grad(ahead, gates)
    weight_step(net, x, y, gates)


def gradients(net, x, y, gates):
    """Output, gates' gradients and weights' gradients, each as one vector in float64."""
    out = net(x, gates=gates)
    found = torch.autograd.grad(cross_entropy(out, y), [*gates, *net.parameters()])
    parts = [out.detach()], found[: len(gates)], found[len(gates) :]
    return [torch.cat([t.flatten() for t in part]).double() for part in parts]


def check(args):
    """Largest relative differences over seeds: the forms against each other, and each in float32 against float64.

    Rounding may carry an activation across the kink of a ReLU, on either side.
    """
    forms = ("plain", "appnas")
    worst = {f"{a} and {b}": [0.0] * 3 for a, b in (
        ("float64: plain", "appnas"), ("float32: plain", "appnas"), *((f"{form}: float32", "float64") for form in forms)
    )}  # fmt: skip
    for seed in range(args.seeds):
        torch.manual_seed(seed)
        ours, plain, gates = make(args)
        x, y = torch.randn(few(args), 3, args.size, args.size), torch.randint(10, (few(args),))
        wide = tuple(g.detach().double().requires_grad_() for g in gates)
        single = [gradients(net, x, y, gates) for net in (plain, ours)]
        double = [gradients(net.double(), x.double(), y, wide) for net in (plain, ours)]
        pairs = (double, single, *zip(single, double, strict=True))
        for most, (a, b) in zip(worst.values(), pairs, strict=True):
            gaps = [float((u - v).norm() / v.norm()) for u, v in zip(a, b, strict=True)]
            most[:] = [max(pair) for pair in zip(most, gaps, strict=True)]
    print(f"largest relative difference over {args.seeds} seeds      output     gates   weights")
    for name, most in worst.items():
        print(f"  {name:<43}" + "".join(f"{gap:>10.1e}" for gap in most))


def few(args):
    """A tenth of the batch."""
    return max(args.batch // 10, 2)


def single(net, x, y, hard):
    """A weight step on a path."""
    net.single = True
    weight_step(net, x, y, hard)
    net.single = False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=("cells", "bench201"), default="cells")
    for name, value in (("channels", 8), ("cells", 5), ("batch", 16), ("size", 32), ("repeats", 5), ("seeds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(1)
    check(args)
    torch.manual_seed(0)
    ours, plain, gates = make(args)
    x, y = torch.randn(args.batch, 3, args.size, args.size), torch.randint(10, (args.batch,))
    flops = 2 * macs(partial(ours, gates=tuple(g.detach() for g in gates)), (x[:1],)) * args.batch
    print(f"{args.space}, C={args.channels}, {args.cells} cells, batch {args.batch}, {args.size}x{args.size}, 1 thread,"
          f" float32; forward {flops / 1e9:.1f} GFLOP")  # fmt: skip
    sides = {"plain": partial(plain_step, plain), "appnas": partial(our_step, ours),
             "plain, unrolled": partial(plain_unrolled, plain),
             "appnas, unrolled": partial(unrolled_step, ours)}  # fmt: skip
    inputs = dict.fromkeys(sides, gates)
    if args.space == "bench201":
        path = torch.randint(1, 5, (6,), generator=torch.Generator().manual_seed(0))
        hard = (torch.nn.functional.one_hot(path, 5).float(),)
        sides |= {"plain, one path": partial(single, plain), "appnas, one path": partial(weight_step, ours)}
        inputs |= {"plain, one path": hard, "appnas, one path": hard}
    times = {name: [] for name in sides}
    for _ in range(args.repeats):
        for name, step in sides.items():
            start = time.process_time()
            step(x, y, inputs[name])
            times[name].append(time.process_time() - start)
    base = statistics.median(times["plain"])
    full = peak_bytes(partial(sides["plain"], x[: few(args)], y[: few(args)], gates))
    for name, step in sides.items():
        peak = peak_bytes(partial(step, x[: few(args)], y[: few(args)], inputs[name]))
        low, middle, high = min(times[name]), statistics.median(times[name]), max(times[name])
        print(f"{name:<18}{middle:>7.2f} CPU s a step ({low:.2f} to {high:.2f}), {middle / base:.3f} of plain;"
              f" peak {peak / MIB:>6.0f} MiB at batch {few(args)}, {peak / full:.2f} of plain")  # fmt: skip


if __name__ == "__main__":
    main()
