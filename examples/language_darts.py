"""A recurrent cell for language modelling: DARTS searches, the cell is trained beside DARTS_V2 and a chain of tanh.

    python examples/language_darts.py            # ten minutes on one core, no download
    python examples/language_darts.py --quick    # seconds, to see that everything runs

The text is the Python Language Reference that every Python holds for `help()`, character by character. For texts of
your own, in the layout of Penn Treebank or WikiText-2 or as one file: --text PATH.
"""

import dataclasses

import torch
import tyro
from rich.console import Console
from rich.table import Table

import appnas
from appnas.domains.text import SMALL, FolderOptions, Options, folder, pydoc
from appnas.methods import darts
from appnas.retrain import train_one
from appnas.space import describe
from appnas.spaces import Recurrent
from appnas.spaces.text import DARTS_V2
from appnas.task import Recipe


@dataclasses.dataclass
class Args:
    """Sizes of the demonstration."""

    text: str = ""
    """A text file, or a folder with train, valid and test files; by default Python's own reference."""
    hidden: int = 32
    """Units of the supernet."""
    width: int = 64
    """Units of the trained networks."""
    search_epochs: int = 2
    """Passes over the text in the search."""
    epochs: int = 3
    """Passes over the text of every training."""
    seed: int = 0
    """Of everything."""
    quick: bool = False
    """A tiny version of everything."""


@torch.no_grad()
def sample(model: torch.nn.Module, vocabulary: list[str], count: int, seed: int) -> str:
    """Text drawn from a trained model, one token after the other, with the hidden state handed on."""
    rng = torch.Generator().manual_seed(seed)
    token, hidden, drawn = torch.zeros(1, 1, dtype=torch.int64), torch.empty(1, 0), []
    for _ in range(count):
        scores, hidden, _ = model(token, hidden)
        token = torch.multinomial(torch.softmax(scores[0], -1), 1, generator=rng)
        drawn.append(vocabulary[int(token)])
    return "".join(drawn)


def main(args: Args) -> None:
    """Search, train, compare, and let the model write."""
    torch.set_num_threads(1)
    console = Console()
    options: Options = dataclasses.replace(SMALL, bptt=20, batch=128, train_batch=64, recipe=Recipe("adam", lr=0.01))
    search = dataclasses.replace(darts.RECURRENT, order="first", epochs=args.search_epochs, alpha_lr=0.02)
    if args.quick:
        args.hidden = args.width = 8
        args.search_epochs, args.epochs = 1, 1
        options = dataclasses.replace(options, bptt=5, batch=2048, train_batch=2048, score_batch=2048, test_batch=2048)
        search = dataclasses.replace(search, epochs=1, alpha_lr=0.2)
    own = {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}
    domain = folder(FolderOptions(**own, path=args.text, level="character")) if args.text else pydoc(options)
    drops = {f"drop_{name}": 0.0 for name in ("word", "embedding", "input", "state", "output")}  # so short a training
    space = Recurrent(hidden=args.hidden, width=args.width, **drops)
    result = appnas.search(space, domain, "darts", config=search, seed=args.seed, progress=True)
    names = describe(space.choices, result.best)["recurrent"]
    console.print("cell:", ", ".join(f"{op} <- {space.edges[e][0]}" for e, op in enumerate(names) if op != "none"))

    table = Table(title=f"{args.epochs} epochs each, {len(domain.vocabulary)} characters")
    for column in ("cell", "validation perplexity", "test perplexity"):
        table.add_column(column)
    chain = space.from_cell(tuple(("tanh", i) for i in range(space.nodes)))
    found = None
    for name, arch in {"found": result.best, "DARTS_V2": space.from_cell(DARTS_V2), "tanh chain": chain}.items():
        model = train_one(space, domain, arch, args.epochs, args.seed)
        found = found or model
        table.add_row(name, f"{domain.score(model)['perplexity']:.2f}", f"{domain.test(model)['perplexity']:.2f}")
    console.print(table)
    console.print("one training each: differences may be chance. The found cell writes:")
    console.print(repr(sample(found, domain.vocabulary, 300, args.seed)))


if __name__ == "__main__":
    main(tyro.cli(Args))
