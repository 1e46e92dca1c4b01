"""The same parts, composed by hand: space, domain, strategy, evaluator, and a loop of your own.

    python examples/own_loop.py            # under a minute
    python examples/own_loop.py --quick

Nothing here is hidden by `appnas.search`. Swap a line to change the method: a strategy only asks and is told.
"""

import random
import sys

import torch

from appnas import Evolution, Gradient, Scratch, Shared
from appnas.domains.images import digits
from appnas.space import describe
from appnas.spaces import Bench201

QUICK = "--quick" in sys.argv


def main() -> None:
    """Search the same space in two ways."""
    torch.set_num_threads(1)
    space, domain = Bench201(channels=4, repeats=1), digits()

    # Gradient descent on soft gates over shared weights: DARTS, first order.
    strategy = Gradient(space, torch.Generator().manual_seed(0), lr=0.02)
    evaluator = Shared(space, domain)
    for step in range(3 if QUICK else 60):
        draw = strategy.ask()  # gates, attached to the logits
        score = evaluator.score(draw)  # minus the validation loss, attached to the gates
        evaluator.learn(strategy.tell(draw, score))  # a step of the logits, then a step of the weights
        if step % 20 == 0:
            print(f"step {step}: validation loss {score.metrics['valid_loss']:.3f}")
    print("gradient:", describe(space.choices, strategy.best())["cell"])

    # Evolution over networks trained from scratch: the same space and domain, the same three calls.
    scratch, evolution = Scratch(space, domain, budget=1), Evolution(space, random.Random(0), population=4, sample=2)
    for _ in range(2 if QUICK else 12):
        draw = evolution.ask()
        evolution.tell(draw, scratch.score(draw))
    print("evolution:", describe(space.choices, evolution.best())["cell"])

    model = space.build(evolution.best(), domain.io)  # a plain module
    domain.fit(model, 1 if QUICK else 5, final=True)
    print(f"test accuracy: {domain.test(model)['accuracy']:.1f} %")


if __name__ == "__main__":
    main()
