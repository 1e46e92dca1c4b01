"""Learn a small part of a large network on one task, and train it on another with five images of each class.

    python examples/transfer_pruning.py            # about two minutes on one core
    python examples/transfer_pruning.py --quick    # seconds, to see that everything runs

Masks over the weights of an MLP are learned on the digits 0 to 4 for several prices; the parts that are left are
trained on the digits 5 to 9, beside the dense network, random masks as dense in every layer, magnitude pruning and
SNIP. A second network is pruned by its channels, to show what a mask saves: parameters, multiply-adds, time.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

import appnas
from appnas.cost import counts, latency
from appnas.domains.images import classes, digits, few
from appnas.prune import compare, density, train_source
from appnas.report import density as report
from appnas.space import constant_arch
from appnas.spaces import CNN, MLP
from appnas.task import Recipe


@dataclass
class Args:
    """Sizes of the demonstration."""

    penalties: tuple[float, ...] = (0.3, 3.0, 10.0)
    """Prices of keeping everything: one mask each."""
    epochs: int = 100
    """Epochs of the search for a mask."""
    shots: int = 5
    """Images of each class on the target."""
    seeds: int = 3
    """Repetitions of everything."""
    out: Path = Path("runs/transfer_pruning")
    """Directory of the report."""
    quick: bool = False
    """A tiny version of everything."""


def main(args: Args) -> None:
    """Learn masks, move them, shrink a network, report."""
    torch.set_num_threads(1)
    console = Console()
    if args.quick:
        args = replace(args, penalties=(3.0,), epochs=5, seeds=1)
    everything = digits()
    source, target = classes(everything, range(5)), classes(everything, range(5, 10))
    recipe = Recipe(optimiser="adam", lr=0.01, weight_decay=0.0, clip=0.0)
    target.options = replace(target.options, recipe=recipe, crop=0, final_batch=256)
    space, outcomes = MLP(parts="weights"), []
    for seed in range(args.seeds):
        console.print(f"Seed {seed}: the source network, {len(args.penalties)} masks, and their controls")
        trained = train_source(space, source, 2 if args.quick else 20, seed)
        settings = {"source": "joint", "epochs": args.epochs, "seed": seed}
        masks = [appnas.search(space, source, "two_temperature", penalty=p, **settings).best for p in args.penalties]
        examples = few(target, args.shots, seed)
        outcomes += compare(space, masks, examples, args.shots, trained, 5 if args.quick else 100, seed)
    page = report.write(outcomes, len(args.penalties), args.out)

    console.print("A convolutional network without the channels that its mask leaves out:")
    channels = CNN((64, 64, 64))
    table = Table("price", "channels kept", "parameters", "multiply-adds", "ms for 32 images")
    found = [("-", constant_arch(channels, "keep"))]
    for penalty in args.penalties:
        epochs = 1 if args.quick else 10
        mask = appnas.search(channels, source, "two_temperature", source="joint", epochs=epochs, penalty=penalty).best
        found.append((f"{penalty}", mask))
    for price, arch in found:
        network, x = channels.build(arch, source.io).eval(), source.example(32)
        time = latency(network, x)
        table.add_row(
            price, f"{density(channels, arch):.0%}", f"{counts.parameters(network):,}",
            f"{counts.macs(network, x) // 32:,}", f"{time.median:.2f}",
        )  # fmt: skip
    console.print(table)
    console.print(f"Accuracy against density, with all controls: {page}")


if __name__ == "__main__":
    main(tyro.cli(Args))
