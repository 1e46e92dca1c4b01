"""What each choice in the fast form of a supernet gives: the variants of one step, and of the kernels inside, in turn.

CPU seconds of the process, median of the repeats (wall seconds where threads are compared).

    python benchmarks/step_choices.py                   # a minute
    python benchmarks/step_choices.py --compile         # torch.compile of one operation too
"""

import argparse
import statistics
import time
from contextlib import nullcontext
from functools import partial

import torch
from supernet_step import our_step, plain_step, unrolled_step, weight_step
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from appnas.space import IO
from appnas.spaces import Cells
from appnas.spaces.parts import Style, depthwise_data_gradient, depthwise_plain, depthwise_weight_gradient, operation
from appnas.supernet import Norm, SGDStep, lookahead_exact, lookahead_finite, plain


def timed(variants, repeats, clock=time.process_time):
    """Median seconds of every variant, run in turn; the first round does not count."""
    times = {name: [] for name in variants}
    for _ in range(repeats + 1):
        for name, run in variants.items():
            start = clock()
            run()
            times[name].append(clock() - start)
    return {name: statistics.median(found[1:]) for name, found in times.items()}


def show(title, found, unit=1.0, digits=3):
    first = next(iter(found.values()))
    print(title)
    for name, seconds in found.items():
        print(f"  {name:<58}{unit * seconds:>9.{digits}f}{seconds / first:>8.2f}")


def inside(context, run):
    with context():
        run()


def with_threads(count, run):
    torch.set_num_threads(count)
    run()
    torch.set_num_threads(1)


def joint_step(net, x, y, gates):
    """Gates and weights both carry gradients in both passes, as the original code has it."""
    for _ in range(2):
        torch.autograd.grad(cross_entropy(net(x, gates=gates), y), [*gates, *net.parameters()])


def steps(args):
    x, y = torch.randn(args.batch, 3, 32, 32), torch.randint(10, (args.batch,))
    make = partial(Cells, channels=16, cells=args.cells)
    torch.manual_seed(0)
    net, again = (make(recompute=r).supernet(IO((3, 32, 32), (10,))) for r in (False, True))
    gates = tuple(torch.full((14, 8), 1 / 8, requires_grad=True) for _ in range(2))
    run, bf16 = partial(our_step, net, x, y, gates), partial(torch.autocast, "cpu", torch.bfloat16)
    show(
        f"a step, C=16, {args.cells} cells, batch {args.batch}: CPU s, part of the first",
        timed(
            {
                "fast form": run,
                "weights learn in the pass for the gates too": partial(joint_step, net, x, y, gates),
                "cells computed again in backward (recompute)": partial(our_step, again, x, y, gates),
                "plain form, channels last": partial(inside, plain, partial(plain_step, net, x, y, gates)),
                "plain form, channels last, bf16 autocast": partial(
                    inside, plain, partial(inside, bf16, partial(plain_step, net, x, y, gates))
                ),
            },
            args.repeats,
        ),
    )
    threads = {f"{n} thread{'s' * (n > 1)}": partial(with_threads, n, run) for n in (1, 2)}
    show("the same: wall s", timed(threads, args.repeats, time.perf_counter))


def loss_of(net, x, y):
    return lambda weights, gates: cross_entropy(functional_call(net, weights, (x,), {"gates": gates}), y)


def one_sided(loss, weights, gates, step, epsilon):
    """`lookahead_finite` with a forward difference: the gates' slope at w falls out of the first pass."""
    found = torch.autograd.grad(loss(weights, gates), [*gates, *weights.values()], materialize_grads=True)
    base, train = found[: len(gates)], found[len(gates) :]
    ahead = {name: w.detach().requires_grad_() for name, w in step(weights, train).items()}
    found = torch.autograd.grad(loss(ahead, gates), [*gates, *ahead.values()], materialize_grads=True)
    direct, v = found[: len(gates)], found[len(gates) :]
    reach = epsilon / torch.sqrt(sum(d.pow(2).sum() for d in v))
    moved = {name: (w + reach * d).detach() for (name, w), d in zip(weights.items(), v, strict=True)}
    slope = torch.autograd.grad(loss(moved, gates), gates, materialize_grads=True)
    return [d - step.lr * (b - a) / reach for d, a, b in zip(direct, base, slope, strict=True)]


def unrolled(args):
    """The unrolled step's cheaper forms: their time, and how far each is from the exact gradient."""
    x, y = torch.randn(args.batch, 3, 32, 32), torch.randint(10, (args.batch,))
    net = Cells(channels=16, cells=args.cells).supernet(IO((3, 32, 32), (10,)))
    gates = tuple(torch.full((14, 8), 1 / 8, requires_grad=True) for _ in range(2))
    step = SGDStep(0.025, 0.0, 3e-4)

    def forward_difference(reuse):
        one_sided(loss_of(net, x, y), dict(net.named_parameters()), gates, step, 0.01)
        if not reuse:
            weight_step(net, x, y, gates)

    show(
        f"an unrolled step, C=16, {args.cells} cells, batch {args.batch}: CPU s, part of a first-order step",
        timed(
            {
                "first order": partial(our_step, net, x, y, gates),
                "unrolled, central difference": partial(unrolled_step, net, x, y, gates),
                "one-sided difference": partial(forward_difference, False),
                "one-sided, weights learn from the first pass (old gates)": partial(forward_difference, True),
            },
            args.repeats,
        ),
    )
    print("gates' gradient, float64, C=4, 3 cells, 16x16: cosine to the exact one, mean of 5 seeds")
    for epsilon in (0.1, 0.01, 0.001):
        found = [cosines(seed, step, epsilon) for seed in range(5)]
        central, single = (statistics.mean(column) for column in zip(*found, strict=True))
        print(f"  epsilon {epsilon:<6}  central {central:.3f}, one-sided {single:.3f}")


def cosines(seed, step, epsilon):
    """Of the central and of the one-sided form to double backward."""
    torch.manual_seed(seed)
    net = Cells(channels=4, cells=3).supernet(IO((3, 16, 16), (10,))).double()
    x, y = torch.randn(8, 3, 16, 16).double(), torch.randint(10, (8,))
    gates = tuple(torch.randn(14, 8).double().softmax(-1).requires_grad_() for _ in range(2))
    loss, weights = loss_of(net, x, y), dict(net.named_parameters())
    found = [
        torch.autograd.grad(lookahead_exact(loss, loss, weights, gates, step), gates),
        torch.autograd.grad(lookahead_finite(loss, loss, weights, gates, step, epsilon), gates),
        one_sided(loss, weights, gates, step, epsilon),
    ]
    exact, *forms = (torch.cat([g.flatten() for g in form]) for form in found)
    return [float(torch.cosine_similarity(form, exact, 0)) for form in forms]


def kernels(args):
    c, side = 16, 32
    layout = torch.channels_last
    x, grad = (torch.randn(64, c, side, side).contiguous(memory_format=layout) for _ in range(2))
    for size, dilation in ((3, 1), (5, 1), (3, 2), (5, 2)):
        weight = torch.randn(c, 1, size, size)
        padding = [dilation * (size - 1) // 2] * 2

        def onednn(which, weight=weight, padding=padding, dilation=dilation):
            mask = [which == 0, which == 1, False]
            torch.ops.aten.convolution_backward(
                grad, x, weight, None, [1, 1], padding, [dilation] * 2, False, [0, 0], c, mask
            )

        show(
            f"depthwise {size}x{size}, dilation {dilation}, [64, {c}, {side}, {side}]: ms, part of the first",
            timed(
                {
                    "forward": partial(depthwise_plain, x, weight, 1, dilation),
                    "data gradient, oneDNN": partial(onednn, 0),
                    "data gradient, flipped kernel": partial(depthwise_data_gradient, grad, x, weight, 1, dilation),
                    "weight gradient, oneDNN": partial(onednn, 1),
                    "weight gradient, in parts": partial(depthwise_weight_gradient, grad, x, size, 1, dilation),
                },
                3 * args.repeats,
            ),
            1e3,
            2,
        )
    norm = Norm(c, affine=False, track_running_stats=False)
    exact = x.double().add(3)
    truth = torch.nn.functional.batch_norm(exact, None, None, training=True)
    show(
        "batch norm, forward: ms, part of the first",
        timed({"torch": lambda: inside(plain, lambda: norm(x)), "ours": lambda: norm(x)}, 3 * args.repeats),
        1e3,
        2,
    )
    for name, form in (("torch", plain), ("ours", nullcontext)):
        with form(), torch.no_grad():
            gap = (norm(x + 3) - truth).norm() / truth.norm()
        print(f"  error of the norm of x + 3, {name}: {float(gap):.1e}")


def compiled(args):
    op = operation("sep_conv_5x5", 16, 1, Style(affine=False, track=False, pool_norm=True))
    x = torch.randn(64, 16, 32, 32).contiguous(memory_format=torch.channels_last).requires_grad_()
    start = time.process_time()
    fused = torch.compile(op)

    def run(op):
        op(x).sum().backward()

    run(fused)
    print(f"compiling one operation: {time.process_time() - start:.0f} CPU s")
    found = timed({"sep_conv_5x5, modules": lambda: run(op), "the same, compiled": lambda: run(fused)}, args.repeats)
    show("forward and backward: ms, part of the first", found, 1e3, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("cells", 3), ("batch", 16), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    kernels(args)
    steps(args)
    unrolled(args)
    if args.compile:
        compiled(args)


if __name__ == "__main__":
    main()
