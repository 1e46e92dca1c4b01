"""The unrolled step (DARTS's second order) in several forms: CPU seconds in turn, and how near each is to exact.

A step is the gates' gradient after a look-ahead step of the weights, then the weights' gradient. Differences are those
of equation 8 of the paper (arXiv 1806.09055): central or one-sided, each pass on its own sides of every ReLU and
maximum; or, as `lookahead_finite` has it, one-sided on the sides of the look-ahead's pass.

    python benchmarks/unrolled.py --cells 3 --rounds 2                # a minute
    python benchmarks/unrolled.py --channels 16 --cells 8 --rounds 5  # the paper's size, at batch 16: 5 minutes
"""

import argparse
import statistics
import time
from functools import partial

import torch
from supernet_step import make, our_step, plain_unrolled, unrolled_step, weight_step
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from appnas.cost.timing import machine
from appnas.space import IO
from appnas.spaces import Cells
from appnas.supernet import SGDStep, lookahead_exact, lookahead_finite

STEP = SGDStep(0.025, 0.0, 3e-4)


def loss_of(net, x, y):
    return lambda weights, gates: cross_entropy(functional_call(net, weights, (x,), {"gates": gates}), y)


def differenced(central, loss, weights, gates, step, epsilon):
    """Equation 8 with free passes: w + e v against w - e v, or against the look-ahead's pass at w."""
    wanted = [*gates, *weights.values()]
    found = torch.autograd.grad(loss(weights, gates), wanted, materialize_grads=True)
    base, train = found[: len(gates)], found[len(gates) :]
    ahead = {name: w.detach().requires_grad_() for name, w in step(weights, train).items()}
    found = torch.autograd.grad(loss(ahead, gates), [*gates, *ahead.values()], materialize_grads=True)
    direct, v = found[: len(gates)], found[len(gates) :]
    reach = epsilon / torch.sqrt(sum(d.pow(2).sum() for d in v))

    def slope(sign):
        moved = {name: (w + sign * reach * d).detach() for (name, w), d in zip(weights.items(), v, strict=True)}
        return torch.autograd.grad(loss(moved, gates), gates, materialize_grads=True)

    plus, other, span = slope(1), slope(-1) if central else base, (1 + central) * reach
    return [d - step.lr * (a - b) / span for d, a, b in zip(direct, plus, other, strict=True)]


def free_step(central, net, x, y, gates):
    differenced(central, loss_of(net, x, y), dict(net.named_parameters()), gates, STEP, 0.01)
    weight_step(net, x, y, gates)


def seconds(args):
    """CPU seconds of every form, in turn."""
    args.space, args.size = "cells", 32
    ours, plain, gates = make(args)
    x, y = torch.randn(args.batch, 3, 32, 32), torch.randint(10, (args.batch,))
    sides = {
        "plain, as DARTS's code has it": partial(plain_unrolled, plain),
        "first order": partial(our_step, ours),
        "central difference": partial(free_step, True, ours),
        "one-sided difference": partial(free_step, False, ours),
        "one-sided, same sides (kept)": partial(unrolled_step, ours),
    }
    times = {name: [] for name in sides}
    for number in range(args.rounds):
        for name, step in sides.items():
            start = time.process_time()
            step(x, y, gates)
            times[name].append(time.process_time() - start)
        print(f"round {number}: " + ", ".join(f"{found[-1]:.2f}" for found in times.values()), flush=True)
    base = times["plain, as DARTS's code has it"]
    print(f"an unrolled step, C={args.channels}, {args.cells} cells, batch {args.batch}, 32x32; {machine()}")
    for name, found in times.items():
        ratios = [a / b for a, b in zip(found, base, strict=True)]
        print(f"  {name:<32}{statistics.median(found):>7.2f} CPU s ({min(found):.2f} to {max(found):.2f}),"
              f" {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) of plain")  # fmt: skip


def nearness(args):
    """Cosine to the exact gradient, and the error of its second-order term."""
    found = {}
    for seed in range(args.seeds):
        torch.manual_seed(seed)
        net = Cells(channels=4, cells=3).supernet(IO((3, args.side, args.side), (10,))).double()
        x, y = torch.randn(4, 3, args.side, args.side).double(), torch.randint(10, (4,))
        gates = tuple(torch.randn(14, 8).double().softmax(-1).requires_grad_() for _ in range(2))
        loss, weights = loss_of(net, x, y), dict(net.named_parameters())
        exact = flat(torch.autograd.grad(lookahead_exact(loss, loss, weights, gates, STEP), gates))
        slopes = torch.autograd.grad(loss(weights, gates), list(weights.values()), materialize_grads=True)
        stepped = {name: w.detach() for name, w in STEP(weights, slopes).items()}
        direct = flat(torch.autograd.grad(loss(stepped, gates), gates))
        forms = {"no second-order term": direct}
        for epsilon in (0.1, 0.01, 0.001):
            for name, central in (("central", True), ("one-sided", False)):
                forms[f"{name}, {epsilon}"] = flat(differenced(central, loss, weights, gates, STEP, epsilon))
            value = lookahead_finite(loss, loss, weights, gates, STEP, epsilon)
            forms[f"one-sided, same sides, {epsilon}"] = flat(torch.autograd.grad(value, gates))
        single = net.float(), x.float(), y
        narrow = tuple(g.detach().float().requires_grad_() for g in gates)
        loss, weights = loss_of(*single), dict(net.named_parameters())
        value = lookahead_finite(loss, loss, weights, narrow, STEP)
        forms["one-sided, same sides, 0.001, float32"] = flat(torch.autograd.grad(value, narrow)).double()
        for name, form in forms.items():
            cosine = torch.cosine_similarity(form, exact, 0)
            found.setdefault(name, []).append((float(cosine), float((form - exact).norm() / (direct - exact).norm())))
    print(f"float64, C=4, 3 cells, batch 4, {args.side}x{args.side}, {args.seeds} seeds: mean and worst cosine to the"
          " exact gradient, mean error of the second-order term")  # fmt: skip
    for name, pairs in found.items():
        cosines, errors = zip(*pairs, strict=True)
        print(f"  {name:<40}{statistics.mean(cosines):>8.5f}{min(cosines):>9.5f}{statistics.mean(errors):>8.3f}")


def flat(gradients):
    return torch.cat([g.flatten() for g in gradients]).detach()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("channels", 16), ("cells", 3), ("batch", 16), ("rounds", 3), ("seeds", 3), ("side", 8)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if args.seeds:
        nearness(args)
    if args.rounds:
        seconds(args)


if __name__ == "__main__":
    main()
