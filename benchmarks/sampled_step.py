"""What a step of a supernet under one sampled path costs beside the network of that path, for every space.

A step is a forward and a backward pass for all that learns, alternating in one process: "mixed" under softmax gates,
"sampled" under straight-through one-hot gates (`appnas.supernet.gumbel_paths`) whose logits learn, "shared" under
one-hot gates without a gradient, as weight-sharing methods have them, and "derived", the stand-alone network that
`build` makes, as wide and deep as the supernet and without dropout. Ratios are to the derived network's: CPU seconds
of the process (median over the rounds, of sums over the architectures; then the smallest and the largest round), and
bytes that autograd keeps for backward, weights excluded.

    python benchmarks/sampled_step.py                   # about five minutes
    python benchmarks/sampled_step.py --only cells      # some spaces
"""

import argparse
import random
import statistics
import time

import torch

from appnas import spaces as named
from appnas.cost import saved_bytes
from appnas.cost.timing import machine
from appnas.space import IO, one_hot, random_arch
from appnas.supernet import sampled_paths
from appnas.support import seeded

DRY = {f"drop_{name}": 0.0 for name in ("word", "embedding", "input", "state", "output")}
SAME = {"width": 16, "depth": 8, "auxiliary": False, "drop_path": 0.0}
KINDS = ("mixed", "sampled", "shared", "derived")


def images(batch, side, channels=3):
    return lambda io: (torch.randn(batch, channels, side, side),)


def nodes(count, degree):
    return lambda io: (torch.randn(count, *io.inputs), torch.randint(count, (2, degree * count)))


def spaces(small):
    """For every space its sizes of examples, and what makes one input."""
    photo, few = IO((3, 32, 32), (10,)), 2 if small else 8
    frame, vector, graph = IO((3, 64, 64), (16,)), IO((64,), (16,)), IO((64,), (10,))
    count, batch, moments = (50, 4, 4) if small else (2000, 64, 35)
    text, chip = IO((moments,), (moments, 66)), IO((4, 32, 32), (32, 32))
    hidden = 16 if small else 64

    def tokens(io):
        return (torch.randint(io.outputs[1], (batch, moments)),)

    layers = {"hidden": (64,), "dropout": (0.0,), "pre": (1,), "output": ("linear", "mean", "max", "concat")}
    return {
        "cells": (named.Cells(**SAME), photo, images(few, 32)),
        "robust": (named.Robust(kind="s2", **SAME), photo, images(few, 32)),
        "slots": (named.Slots(**SAME), photo, images(few, 32)),
        "bench201": (named.Bench201(), photo, images(few, 32)),
        "encoder": (named.Encoder(width=(16, 16, 16)), frame, images(few, 64)),
        "encoder, classic": (named.Encoder("classic", width=(16, 16, 16)), frame, images(few, 64)),
        "torso": (named.Torso(), vector, lambda io: (torch.randn(64 if small else 1024, 64),)),
        "proxyless": (
            named.Proxyless(stem=16, stem_stride=1, first=16, widths=(24, 40, 80, 96), blocks=(2, 2, 2, 1),
                      strides=(1, 2, 2, 1), head=256, dropout=0.0), photo, images(few, 32),
        ),
        "graphmix": (named.GraphMix(dropout=0.0), graph, nodes(count, 10)),
        "graphnet": (named.GraphNet(repeats=(1, 2), **layers), graph, nodes(count, 10)),
        "nasbenchgraph": (named.NASBenchGraph(dropout=0.0), graph, nodes(count, 10)),
        "recurrent": (named.Recurrent(hidden=hidden, width=hidden, **DRY), text, tokens),
        "nao-recurrent": (named.NAORecurrent(hidden=hidden, width=hidden, **DRY), text, tokens),
        "guide_dag": (named.GuideDag(width=8, strides=(1, 2, 2), kernels=(3, 5, 7, 9)), chip, images(few, 32, 4)),
    }  # fmt: skip


def straight(space, alpha, arch):
    """Gates of `gumbel_paths` for a draw of this architecture."""
    hard = one_hot(space.choices, arch)
    pairs = zip(alpha, hard, strict=True)
    return tuple(sampled_paths(a.softmax(-1)[None], h.argmax(-1, keepdim=True)[None]) for a, h in pairs)


def runs(space, io, x, arch):
    """The four kinds of a step, each forward only, and what learns there."""
    supernet = seeded(0, lambda: space.supernet(io))
    network = seeded(0, lambda: space.build(arch, io)).train()
    alpha = [torch.zeros(c.count, len(c.options), requires_grad=True) for c in space.choices]
    weights = [*supernet.parameters()]
    return {
        "mixed": (lambda: supernet(*x, gates=tuple(a.softmax(-1) for a in alpha)), [*weights, *alpha]),
        "sampled": (lambda: supernet(*x, gates=straight(space, alpha, arch)), [*weights, *alpha]),
        "shared": (lambda: supernet(*x, gates=one_hot(space.choices, arch)), weights),
        "derived": (lambda: network(*x), [*network.parameters()]),
    }


def step(forward, learning, times):
    """CPU seconds of one step."""
    start = time.process_time()
    for _ in range(times):
        for weight in learning:
            weight.grad = None
        forward().square().mean().backward()
    return (time.process_time() - start) / times


def measured(space, io, make, archs, rounds):
    """For every kind its seconds in each round and its bytes, added up over the architectures."""
    x = seeded(0, lambda: make(io))
    rng = random.Random(0)
    reached = getattr(space, "reached", lambda arch: arch)  # without edges that are without effect
    made = [runs(space, io, x, reached(random_arch(space, rng))) for _ in range(archs)]
    for kinds in made[1:]:
        kinds.pop("mixed")
    often = max(1, int(0.1 / max(step(*made[0]["derived"], 2), 1e-4)))
    kept = {kind: sum(saved_bytes(kinds[kind][0]) for kinds in made if kind in kinds) for kind in KINDS}
    found = {kind: [] for kind in KINDS}
    for number in range(rounds + 1):
        seconds = dict.fromkeys(KINDS, 0.0)
        for kinds in made:
            for kind, (forward, learning) in kinds.items():
                seconds[kind] += step(forward, learning, 1 if kind == "mixed" else often)
        for kind in KINDS:
            found[kind] += [seconds[kind] * (archs if kind == "mixed" else 1)] if number else []
    kept["mixed"] *= archs
    return found, kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", help="spaces to measure")
    parser.add_argument("--archs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="small inputs, to try it")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(machine(), f"torch {torch.__version__}, {args.archs} architectures, {args.rounds} rounds")
    print("space               derived  | CPU time: mixed, sampled, shared             | kept: mixed, sampled, shared")
    for name, (space, io, make) in spaces(args.small).items():
        if args.only and name not in args.only:
            continue
        found, kept = measured(space, io, make, args.archs, args.rounds)
        base = found["derived"]
        words = []
        for kind in KINDS[:3]:
            ratios = [a / b for a, b in zip(found[kind], base, strict=True)]
            words.append(f"{statistics.median(ratios):5.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
        memory = "  ".join(f"{kept[kind] / kept['derived']:5.2f}" for kind in KINDS[:3])
        each = 1e3 * statistics.median(base) / args.archs
        print(f"{name:18} {each:7.1f} ms | {'  '.join(words)} | {memory}", flush=True)


if __name__ == "__main__":
    main()
