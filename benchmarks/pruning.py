"""The two temperatures, one by one: which relaxed masks survive hardening, and which get sparse at all.

Masks over the hidden weights of an MLP (64-64-64-5, layer norm) on scikit-learn's digits 0 to 4, weights fixed at one
random draw, the head trained, lambda = 3. "relaxed" is the validation accuracy under the indicators as they were
trained, "hard" under theta > 0. Under 3 minutes on one core:

    python benchmarks/pruning.py --seeds 4
"""

import argparse
import time

import numpy as np
import torch

from appnas.domains.images import DIGITS, classes, digits
from appnas.methods import two_temperature
from appnas.prune import density
from appnas.space import one_hot
from appnas.spaces import MLP
from appnas.supernet import Gated

SETTINGS = {
    "one high": (0.5, 0.5),
    "one low": (0.02, 0.02),
    "two": (0.02, 0.5),
    "two, milder slope": (0.02, 0.1),
    "two, flatter slope": (0.02, 2.0),
    "hard forward": (0.0, 0.5),
}


def measure(low, high, source, reach, steps, seed, domain):
    """Relaxed accuracy (%), hard accuracy (%), density of the hard mask (%)."""
    space = MLP(parts="weights", floor=1)
    config = two_temperature.Config(
        epochs=max(steps // domain.epoch("train"), 1), low=low, high=high, penalty=3.0, source=source, reach=reach
    )
    result = two_temperature.search(space, domain, config, seed=seed)
    relaxed = tuple(matrix.detach() for matrix in result.strategy.gates())
    found = [Gated(result.evaluator.supernet, gates) for gates in (relaxed, one_hot(space.choices, result.best))]
    return *(domain.score(model)["accuracy"] for model in found), 100 * density(space, result.best)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--source", default="fixed", help="of the weights: fixed, resample, resample_abs, joint, ...")
    parser.add_argument("--reach", type=float, default=5.0, help="largest |theta|")
    args = parser.parse_args()
    torch.set_num_threads(1)
    domain = classes(digits(DIGITS), range(5))
    start = time.process_time()
    print(f"weights: {args.source}; {args.steps} steps, {args.seeds} seeds; chance {domain.chance:.0f} %")
    print(f"{'temperatures':<20}{'low':>5}{'high':>5}   {'relaxed (%)':<15}{'hard (%)':<15}density (%)")
    for name, (low, high) in SETTINGS.items():
        rows = np.array(
            [measure(low, high, args.source, args.reach, args.steps, seed, domain) for seed in range(args.seeds)]
        )
        spread = rows.std(0, ddof=1) if args.seeds > 1 else np.zeros(3)
        cells = [f"{m:.1f} +- {s:.1f}" for m, s in zip(rows.mean(0), spread, strict=True)]
        print(f"{name:<20}{low:>5}{high:>5}   {cells[0]:<15}{cells[1]:<15}{cells[2]}", flush=True)
    print(f"{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
