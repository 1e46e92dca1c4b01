"""Does a learned mask transfer? Accuracy on a target task with 1, 5 and 20 shots, against density and controls.

A mask is learned on a source task for several lambda (method two_temperature), and moved to the target, whose network
is trained on few images of each class: with fresh weights, and with those of the dense network trained on the source.
Controls: the dense network; a random mask that keeps as many parts of every layer; the parts of largest magnitude in
the trained source network, as many of every layer; SNIP on the target's images, as many in all. A seed draws masks,
weights and shots anew; the difference to a control is paired by the seed. Nothing was tuned on the target: settings
are the method's defaults, lambda apart; trainings on the target are 100 epochs of Adam at 0.01.

    python benchmarks/transfer.py --pair digits --parts weights --source joint --seeds 5
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from appnas.domains.images import DIGITS, Options, cifar10, classes, digits, few, grey, mnist
from appnas.methods import two_temperature
from appnas.prune import compare, curves, dense, train_source
from appnas.spaces import CNN, MLP
from appnas.supernet import Gated
from appnas.task import Recipe

SPACES = {"weights": MLP(parts="weights"), "units": MLP(), "channels": CNN((16, 32, 32))}
FEW = Recipe(optimiser="adam", lr=0.01, weight_decay=0.0, clip=0.0)
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)


def domains(pair, limit, side):
    """Source and target: real images, other classes or another data set."""
    if pair == "digits":
        whole = digits(DIGITS)
        return classes(whole, range(5)), classes(whole, range(5, 10))
    options = Options(limit=limit, crop=0, flip=False, final_cutout=0.0, recipe=Recipe(lr=0.1))
    sets = {"mnist": mnist, "cifar": cifar10}
    first, second = (grey(sets[name](options), side) for name in pair.split("-"))
    return first, second


def outcomes(space, pair, shots, source_weights, penalties, epochs, seeds, limit, side):
    """All networks of all seeds."""
    source, target = domains(pair, limit, side)
    target.options = replace(target.options, recipe=FEW, crop=0, final_batch=256)
    found = []
    for seed in range(seeds):
        trained = train_source(space, source, 20, seed)
        masks = []
        for penalty in penalties:
            config = two_temperature.Config(epochs=epochs, penalty=penalty, source=source_weights)
            masks.append(two_temperature.search(space, source, config, seed=seed).best)
        for k in shots:
            found += compare(space, masks, few(target, k, seed), k, trained, 100, seed)
        whole = source.score(Gated(trained, dense(space)))["accuracy"]
        print(f"seed {seed}: dense network on the source {whole:.1f} %; {len(found)} networks", flush=True)
    return found


def report(found, groups, shots):
    """Print means, spreads, and paired differences to the controls."""
    for weights in ("fresh", "inherited"):
        for k in shots:
            rows = [o for o in found if o.weights == weights and o.shots == k]
            lines = curves(rows, groups)
            dense = lines.pop("dense")[0]
            print(f"\n{weights} weights, {k} shots; dense {dense.mean:.1f} +- {dense.spread:.1f} %")
            print(f"{'density (%)':<13}{'learned':<15}" + "".join(f"{name:<30}" for name in lines if name != "learned"))
            learned = [o.test["accuracy"] for o in rows if o.name == "learned"]
            for i, point in enumerate(lines["learned"]):
                cells = f"{100 * point.density:<13.1f}{point.mean:>5.1f} +- {point.spread:<6.1f}"
                for name, line in lines.items():
                    if name == "learned":
                        continue
                    theirs = [o.test["accuracy"] for o in rows if o.name == name]
                    gain = np.array(learned[i::groups]) - np.array(theirs[i::groups])
                    error = gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else float("nan")
                    cells += f"{line[i].mean:>5.1f} ({gain.mean():+5.1f} +- {error:.1f})".ljust(30)
                print(cells)
    print("in brackets: learned less control, mean and standard error over seeds, paired")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", choices=["digits", "mnist-cifar", "cifar-mnist"], default="digits")
    parser.add_argument("--parts", choices=list(SPACES), default="weights")
    parser.add_argument("--source", default="joint", help="of the weights while the mask is learned")
    parser.add_argument("--penalties", type=float, nargs="+", default=PENALTIES)
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--epochs", type=int, default=100, help="of the search for a mask, on the source")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=1000, help="training images of MNIST and CIFAR-10")
    parser.add_argument("--side", type=int, default=8, help="pixels of MNIST and CIFAR-10 images, grey")
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    found = outcomes(
        SPACES[args.parts], args.pair, args.shots, args.source, args.penalties, args.epochs, args.seeds, args.limit,
        args.side,
    )  # fmt: skip
    report(found, len(args.penalties), args.shots)
    print(f"{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
