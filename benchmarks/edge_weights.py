"""Whether controllers of edges learn: a planted value of sub-graphs over 168 edges, of which no network is trained.

    python benchmarks/edge_weights.py --seeds 10            # 400 samples
    python benchmarks/edge_weights.py --seeds 10 --samples 100

The value is the number of wanted edges that something reaches less that of unwanted ones, in parts of all wanted; a
score is 0.8 + 0.1 of it, as areas under ROC are, with an independent error of 0.005.
"""

import argparse
import random
import statistics

import torch
from rows import spread

from appnas.estimate import Stateless
from appnas.loop import search_loop
from appnas.spaces import GuideDag
from appnas.strategy import EdgeWeights, Evolution, Independent, PolicyGradient, Random, Score

SPACE = GuideDag()
NAMES = ("odds", "rate 0", "notes", "reinforce", "evolution", "random")


class Planted(Stateless):
    """Scores sub-graphs; keeps what they are worth and how many edges they have."""

    def __init__(self, seed):
        rng = random.Random(f"planted {seed}")  # not what a strategy of that seed draws first
        self.signs = [rng.choice((-1, 1)) for choice in SPACE.choices for _ in range(choice.count)]
        self.rng, self.log = random.Random(f"errors {seed}"), []

    def score(self, draw):
        taken = SPACE.reached(draw.arch)
        value = sum(s for s, on in zip(self.signs, taken, strict=True) if on) / self.signs.count(1)
        self.log.append((value, sum(taken)))
        return Score(torch.tensor(0.8 + 0.1 * value + self.rng.gauss(0, 0.005), dtype=torch.float64))


def strategy(name, seed):
    """By its name in the table."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    if name in ("odds", "rate 0"):
        return EdgeWeights(SPACE, rng, 0.15 if name == "odds" else 0.0)
    if name == "notes":
        return EdgeWeights(SPACE, rng, 5.0, rule="notes")
    if name == "reinforce":
        return PolicyGradient(SPACE, Independent(SPACE.choices, generator), generator, 0.05, batch=5)
    return Evolution(SPACE, rng, 50, 10) if name == "evolution" else Random(SPACE, rng)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed; rates were chosen on 100 and more")
    parser.add_argument("--samples", type=int, default=400)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| strategy | first 50 | last 50 | best | edges of the last 50 |\n| --- | --- | --- | --- | --- |")
    for name in NAMES:
        rows = []
        for seed in range(args.first, args.first + args.seeds):
            planted = Planted(seed)
            search_loop(strategy(name, seed), planted, args.samples)
            values, edges = zip(*planted.log, strict=True)
            means = statistics.fmean(values[:50]), statistics.fmean(values[-50:])
            rows.append((*means, max(values), statistics.fmean(edges[-50:])))
        first, last, best, edges = zip(*rows, strict=True)
        print(f"| {name} | {spread(first)} | {spread(last)} | {spread(best)} | {spread(edges, 0)} |", flush=True)


if __name__ == "__main__":
    main()
