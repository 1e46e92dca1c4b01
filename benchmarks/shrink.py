"""What a mask saves once its parts are really gone, and one pruning run on every supernet there is.

    python benchmarks/shrink.py                # a CNN by density: parameters, multiply-adds, latency, difference
    python benchmarks/shrink.py --supernets    # masks over the operations of every supernet, retrained beside controls

Latencies are medians of rounds in which all networks are timed one after the other; ratios are to the dense network
of the same round.

For the second table `two_temperature` learns a mask jointly with the weights for every lambda of `--penalty`. Each is
trained from new weights on the training data, and the sparsest is taken whose validation keeps 95 % of what the best of
them has above chance. What it leaves is then trained on training and validation data together, and so are the whole
supernet, a random mask, and the parts of largest magnitude in a supernet trained without a mask, each with as many
parts of every choice. The agent needs the extra `rl`.
"""

import argparse
import statistics
import time
from functools import partial

import numpy as np
import torch
from rows import collect, spread

from appnas.cost import counts, latency
from appnas.domains.eda import SMALL, shipped
from appnas.domains.graphs import data as graph_data
from appnas.domains.images import digits
from appnas.domains.rl import Catch, CatchOptions
from appnas.domains.text import data as text_data
from appnas.methods import two_temperature
from appnas.prune import density, kept, magnitudes, random_like, shrink, strongest, train_source
from appnas.retrain import train_one
from appnas.space import IO, constant_arch, one_hot
from appnas.spaces import CNN, Bench201, Cells, Encoder, GraphMix, GuideDag, Maskable, Recurrent
from appnas.supernet import Gated
from appnas.support import seeded
from appnas.task import HostDomain

CATCH = Encoder(channels=(8, 8), nodes=3, cells=1, hidden=64)
SUPERNETS = {
    "bench201 on digits": (Maskable(Bench201(channels=4, repeats=1)), digits, 10, 10),
    "cells on digits": (Maskable(Cells(channels=4, cells=3, width=4, depth=3, auxiliary=False)), digits, 10, 10),
    "cnn on digits": (CNN((16, 32, 32)), digits, 10, 10),
    "graphmix on graphs": (Maskable(GraphMix(layers=2, hidden=16, heads=2)), graph_data.digits, 100, 100),
    "recurrent on pydoc": (Maskable(Recurrent(nodes=4, hidden=32, width=32)), text_data.pydoc, 1, 1),
    "guide_dag on placements": (Maskable(GuideDag(4, (1, 2), kernels=(3, 5))), partial(shipped, SMALL), 10, 10),
    "encoder on catch": (Maskable(CATCH), lambda: Catch(CatchOptions()), 30_720, 30_720),
}
"""Spaces of masks, with a domain, and epochs (or environment steps) of search and of retraining."""
SHARE = 0.95
"""Of the best validation above chance, for a sparser mask to be taken."""
NAMES = ("mask", "random", "magnitude", "whole")


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
        lines.append(
            [density(space, arch), counts.parameters(network), counts.macs(network, (x[:1],)), float(difference)]
        )
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


def learned(space, domain, penalty, budget, seed):
    """A mask; in an agent's own loop if the domain has one."""
    config = two_temperature.Config(epochs=budget, penalty=penalty, source="joint")
    if isinstance(domain, HostDomain):
        return two_temperature.inside(space, domain, budget, config, seed=seed).best
    return two_temperature.search(space, domain, config, seed=seed).best


def sparsest(space, domain, masks, budget, seed):
    """The position of the sparsest mask that is nearly as good as the best, by validation; and all validations."""
    found = []
    for mask in masks:
        network = seeded(seed, partial(space.build, mask, domain.io))
        domain.fit(network, budget, seed=seed)
        found.append(domain.score(network)["value"])
    enough = domain.chance + SHARE * (max(found) - domain.chance)
    good = [i for i, value in enumerate(found) if value >= enough]
    return min(good, key=lambda i: sum(masks[i])), found


def of_supernet(name, seed, penalties):
    """One seed of a supernet: what each mask keeps, and its test metric."""
    space, make, budget, again = SUPERNETS[name]
    domain, start = make(), time.process_time()
    masks = [learned(space, domain, penalty, budget, seed) for penalty in penalties]
    chosen, valid = sparsest(space, domain, masks, again, seed)
    mask = masks[chosen]
    scores = magnitudes(space, train_source(space, domain, again, seed), domain.example(64))
    random = random_like(space, mask, torch.Generator().manual_seed(seed))
    archs = mask, random, strongest(space, scores, kept(space, mask)), constant_arch(space, "keep")
    networks = [train_one(space, domain, arch, again, seed) for arch in archs]
    return {
        "penalty": penalties[chosen], "valid": valid, "masks": [list(mask) for mask in masks],
        "kept": [sum(arch) for arch in archs], "parameters": [counts.parameters(network) for network in networks],
        "test": [domain.test(network) for network in networks], "seconds": time.process_time() - start,
    }  # fmt: skip


def of_supernets(names, seeds, penalties, out):
    """One line a supernet: the domain's test metric of the mask and of its controls."""
    print(f"{'supernet':<25}{'kept of':<12}{'lambda':<16}" + "".join(n.ljust(15) for n in NAMES) + "parameters, metric")
    for name in names:
        try:
            rows = collect(out, [(name, seed) for seed in range(seeds)], partial(of_supernet, penalties=penalties))
        except ImportError as error:
            print(f"{name:<25}not run: {error}", flush=True)
            continue
        metric = next(iter(rows[0]["test"][0]))
        tests = zip(*([test[metric] for test in row["test"]] for row in rows), strict=True)
        cells = "".join(spread(test, 1 if max(test) > 2 else 3).ljust(15) for test in tests)
        small, *_, whole = np.mean([row["parameters"] for row in rows], 0)
        parts, *_, total = np.mean([row["kept"] for row in rows], 0)
        prices = ", ".join(f"{row['penalty']:g}" for row in rows)
        print(
            f"{name:<25}{f'{parts:.0f} of {total:.0f}':<12}{prices:<16}{cells}{small:,.0f} of {whole:,.0f}, {metric};"
            f" {sum(row['seconds'] for row in rows):.0f} CPU s",
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
    parser.add_argument("--penalty", type=float, nargs="+", default=[0.1, 0.3, 1.0], help="lambda")
    parser.add_argument("--out", help="file of results, to go on from")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.supernets:
        of_supernets(args.only, args.seeds, args.penalty, args.out)
    else:
        by_density(args.densities, args.rounds)


if __name__ == "__main__":
    main()
