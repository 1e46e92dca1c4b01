"""What a mask saves once its parts are really gone, and one pruning run on every supernet there is.

    python benchmarks/shrink.py                # a CNN by density: parameters, multiply-adds, latency, difference
    python benchmarks/shrink.py --supernets    # masks over the operations of every supernet, retrained beside controls

Latencies are medians of rounds in which all networks are timed one after the other; ratios are to the dense network
of the same round. For the second table `two_temperature` learns a mask jointly with the weights; what is left is
trained from new weights on all training images, and so are the whole supernet and a random mask that keeps as many
operations of every choice.
"""

import argparse
import statistics
from functools import partial

import numpy as np
import torch

from appnas import cost
from appnas.domains import graph_data, text_data
from appnas.domains.image_data import digits
from appnas.encode import one_hot
from appnas.evaluate import seeded
from appnas.latency import latency
from appnas.methods import two_temperature
from appnas.pruning import Gated, density, kept, random_like, shrink
from appnas.retrain import train_one
from appnas.space import IO, constant_arch
from appnas.spaces import CNN, Bench201, Cells, GraphMix, Maskable, Recurrent

SUPERNETS = {
    "bench201 on digits": (Maskable(Bench201(channels=4, repeats=1)), digits, 10, 10),
    "cells on digits": (Maskable(Cells(channels=4, cells=3, width=4, depth=3, auxiliary=False)), digits, 10, 10),
    "cnn on digits": (CNN((16, 32, 32)), digits, 10, 10),
    "graphmix on graphs": (Maskable(GraphMix(layers=2, hidden=16, heads=2)), graph_data.digits, 100, 100),
    "recurrent on pydoc": (Maskable(Recurrent(nodes=4, hidden=32, width=32)), text_data.pydoc, 1, 1),
}
"""Spaces of masks, with a domain, epochs of search and of retraining: a domain with a supernet adds its line."""


def by_density(densities, rounds):
    """One line a density."""
    space, io = CNN((64, 64, 64)), IO((3, 32, 32), (10,))
    supernet = seeded(0, partial(space.supernet, io))
    x = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    networks, lines = [], []
    for share in densities:
        on = round(64 * share)
        arch = random_like(space, (*[1] * on, *[0] * (64 - on)) * 3, torch.Generator().manual_seed(0))
        network = shrink(space, supernet, arch, io)
        with torch.no_grad():
            difference = (network.train()(x) - Gated(supernet, one_hot(space.choices, arch))(x)).abs().max()
        networks.append(network.eval())
        lines.append([density(space, arch), cost.parameters(network), cost.macs(network, (x[:1],)), float(difference)])
    times = np.array(
        [[latency(n, (x,), repeats=7, warmup=2).median for n in networks] for _ in range(rounds)]
    )  # fmt: skip
    ratios = times / times[:, :1]
    print(
        f"{'density':>8}{'parameters':>12}{'multiply-adds':>15}{'ms of 16':>10}{'ratio, range':>24}{'difference':>12}"
    )
    for i, (share, weights, macs, difference) in enumerate(lines):
        r = sorted(ratios[:, i])
        print(
            f"{share:>8.2f}{weights:>12,}{macs:>15,}{statistics.median(times[:, i]):>10.2f}"
            f"{statistics.median(r):>10.2f} ({r[0]:.2f} to {r[-1]:.2f}){difference:>12.1e}"
        )


def of_supernets(names, seeds, penalty):
    """One line a supernet: the domain's test metric of the mask, of a random mask, of the whole."""
    print(f"{'supernet':<22}{'kept of':<12}{'mask':<15}{'random':<15}{'whole':<15}{'parameters':<19}test metric")
    for name in names:
        space, make, epochs, again = SUPERNETS[name]
        domain, rows, sizes, parts = make(), [], [], []
        for seed in range(seeds):
            config = two_temperature.Config(epochs=epochs, penalty=penalty, source="joint")
            arch = two_temperature.search(space, domain, config, seed=seed).best
            rival = random_like(space, arch, torch.Generator().manual_seed(seed))
            trained = [train_one(space, domain, a, again, seed) for a in (arch, rival, constant_arch(space, "keep"))]
            tests = [domain.test(network) for network in trained]
            metric = next(iter(tests[0]))
            rows.append([test[metric] for test in tests])
            sizes.append([cost.parameters(network) for network in trained])
            parts.append(sum(kept(space, arch)))
        mean, spread = np.mean(rows, 0), np.std(rows, 0, ddof=1) if seeds > 1 else np.zeros(3)
        cells = "".join(f"{m:.1f} +- {s:.1f}".ljust(15) for m, s in zip(mean, spread, strict=True))
        whole, small = np.mean(sizes, 0)[2], np.mean(sizes, 0)[0]
        total = sum(choice.count for choice in space.choices)
        print(
            f"{name:<22}{f'{np.mean(parts):.0f} of {total}':<12}{cells}{f'{small:,.0f} of {whole:,.0f}':<19}{metric}",
            flush=True,
        )


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--densities", type=float, nargs="+", default=[1.0, 0.5, 0.25, 0.125])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--supernets", action="store_true", help="the second table instead")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=list(SUPERNETS), choices=list(SUPERNETS), metavar="NAME")
    parser.add_argument("--penalty", type=float, default=0.1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.supernets:
        of_supernets(args.only, args.seeds, args.penalty)
    else:
        by_density(args.densities, args.rounds)


if __name__ == "__main__":
    main()
