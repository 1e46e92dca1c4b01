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
from supernet_step import our_step, plain_step
from torch.nn.functional import cross_entropy

from appnas.space import IO
from appnas.spaces import Cells
from appnas.spaces.parts import Style, depthwise_data_gradient, depthwise_plain, depthwise_weight_gradient, operation
from appnas.supernet import Norm, plain


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
    kinds = ("nothing", "convolutions", "cells")
    net, frugal, again = (make(recompute=kind).supernet(IO((3, 32, 32), (10,))) for kind in kinds)
    gates = tuple(torch.full((14, 8), 1 / 8, requires_grad=True) for _ in range(2))
    run, bf16 = partial(our_step, net, x, y, gates), partial(torch.autocast, "cpu", torch.bfloat16)
    show(
        f"a step, C=16, {args.cells} cells, batch {args.batch}: CPU s, part of the first",
        timed(
            {
                "fast form": run,
                "weights learn in the pass for the gates too": partial(joint_step, net, x, y, gates),
                "convolutions computed again in backward (recompute)": partial(our_step, frugal, x, y, gates),
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
    if args.compile:
        compiled(args)


if __name__ == "__main__":
    main()
