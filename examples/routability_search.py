"""Where will routing fail? A search for a predictor of hotspots, beside hand-made networks, on designs never seen.

    python examples/routability_search.py            # three minutes on one core, no download
    python examples/routability_search.py --quick    # seconds, to see that everything runs

The placements that ship with the package were synthesised, placed and routed by yosys, graywolf and qrouter. For your
own: `appnas eda generate DIR` makes them, --data FILE takes what it wrote. Features, label and prediction of the found
network are drawn side by side.
"""

import dataclasses
from functools import partial
from pathlib import Path

import torch
import tyro
from rich.console import Console
from rich.table import Table

import appnas
from appnas.domains.eda import SHIPPED, SMALL, Routability, load
from appnas.report import picture
from appnas.retrain import train_one
from appnas.spaces import GuideDag
from appnas.spaces.eda import NETS
from appnas.support import seeded


@dataclasses.dataclass
class Args:
    """Sizes of the demonstration."""

    data: Path = SHIPPED
    """Placements as `appnas eda generate` writes them; by default those of the package, with their split by design."""
    evaluations: int = 8
    """Predictors trained in the search."""
    budget: int = 4
    """Epochs of each of them."""
    folds: int = 3
    """Of the cross-validation among the best two."""
    epochs: int = 12
    """Epochs of every training afterwards."""
    width: int = 16
    """Channels of a vertex."""
    picture: Path = Path("routability.png")
    """Where the maps are drawn to."""
    seed: int = 0
    """Of everything."""
    quick: bool = False
    """A tiny version of everything."""


def main(args: Args) -> None:
    """Search, train everything alike, compare, draw."""
    torch.set_num_threads(1)
    if args.quick:
        args.evaluations, args.budget, args.folds, args.epochs, args.width = 2, 1, 1, 1, 4
    split = SMALL if args.data == SHIPPED else dataclasses.replace(SMALL, test=(), valid=())
    domain = Routability(load(args.data), split)
    space = GuideDag(width=args.width, strides=(1, 1), kernels=(3, 5, 7, 9))
    settings = {"evaluations": args.evaluations, "budget": args.budget, "seed": args.seed, "progress": True}
    found = appnas.search(space, domain, "routability", top=2, folds=args.folds, **settings)
    control = appnas.search(space, domain, "random", **settings)

    models = {
        "searched": train_one(space, domain, found.best, args.epochs, args.seed),
        "best of as many random": train_one(space, domain, control.best, args.epochs, args.seed),
    }
    for name, make in NETS.items():
        models[name] = seeded(args.seed, partial(make, domain.io))
        domain.fit(models[name], args.epochs, final=True, seed=args.seed)
    table = Table(title=f"hotspots on designs never seen, {args.epochs} epochs each")
    for column in ("predictor", "ROC area, mean over placements", "average precision", "parameters"):
        table.add_column(column)
    for name, model in models.items():
        tested, weights = domain.test(model), sum(p.numel() for p in model.parameters())
        table.add_row(name, f"{tested['roc_auc']:.3f}", f"{tested['precision']:.3f}", f"{weights:,}")
    console = Console()
    console.print(table)
    console.print("one training each: differences of a hundredth or two may be chance")
    args.picture.write_bytes(picture(domain.showcase(models["searched"])).png)
    console.print(f"features, labels and predictions: {args.picture}")


if __name__ == "__main__":
    main(tyro.cli(Args))
