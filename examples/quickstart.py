"""The first search: DARTS finds a cell on real handwritten digits, retrains it, and shows it beside two controls.

    python examples/quickstart.py            # about three minutes on one core
    python examples/quickstart.py --quick    # seconds, to see that everything runs

4,000 MNIST images that ship in a PyPI package, averaged to 14x14 pixels so that a laptop suffices; 1,000 others are
looked at once, at the end.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from rich.console import Console

import appnas
from appnas.domains.images import MNIST5K
from appnas.run import domain as domain_of
from appnas.run import reserve
from appnas.spaces import Cells


@dataclass
class Args:
    """Sizes of the demonstration."""

    epochs: int = 3
    """Epochs of the search."""
    retrain_epochs: int = 8
    """Epochs of training for the found cell and for every control."""
    seed: int = 0
    """Of everything."""
    threads: int = 1
    """Torch threads."""
    out: Path = Path("runs/quickstart")
    """Directory of the run; the next free number is added."""
    quick: bool = False
    """A tiny version of everything."""


def main(args: Args) -> None:
    """Search, retrain, report."""
    torch.set_num_threads(args.threads)
    console = Console()
    options = replace(MNIST5K, shrink=2, batch=32, final_batch=32, crop=1)
    if args.quick:
        options, args.epochs, args.retrain_epochs = replace(options, limit=256), 1, 1
    domain = domain_of("mnist5k", options)  # by name, so that a run's directory can say which
    space = Cells(channels=4, cells=3, width=8, depth=3, auxiliary=False, drop_path=0)  # for eight short epochs
    out = reserve(args.out)

    console.print(f"Searching for {args.epochs} epochs; interrupt with Ctrl-C, go on with: appnas resume {out}")
    result = appnas.search(
        space, domain, "darts", order="first", epochs=args.epochs, alpha_lr=0.02, seed=args.seed, out=out, progress=True
    )
    console.print(f"Training what was found and two controls for {args.retrain_epochs} epochs each")
    trained = result.retrain(args.retrain_epochs, beside=["random", "sep_conv_3x3"], progress=True)

    console.print(f"\n{result}\n", highlight=False)
    console.print(trained)
    console.print(f"One seed says little: see docs/choosing/random.md. The report: {result.report()}")


if __name__ == "__main__":
    main(tyro.cli(Args))
