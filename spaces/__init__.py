"""Search spaces: frozen dataclasses that know choices and builders, and nothing of domains or methods.

`SPACES` is the catalogue; a space adds its line here and its row to docs/spaces.md.
"""

if __name__ != "appnas.spaces":
    raise ImportError(f"import appnas.spaces, not {__name__!r}: the folder is mapped to that name when installed")

import sys
from typing import TYPE_CHECKING, NamedTuple

from appnas.support.lazy import Catalogue, lazily

if TYPE_CHECKING:
    from appnas.spaces.eda import GuideDag, NetMap
    from appnas.spaces.graphs import GNN, GraphMix, GraphNet, NASBenchGraph, NASBenchGraphProteins
    from appnas.spaces.images import CNN, MLP, AlexNet, Bench201, Cells, CondenseNet, Mnas, Proxyless, Robust, Slots
    from appnas.spaces.parts import Maskable
    from appnas.spaces.rl import Encoder, Torso
    from appnas.spaces.text import NAORecurrent, Recurrent


class Named(NamedTuple):
    """A space of the catalogue, before it is imported.

    Attributes:
        kind: name of its class in this package.
        size: architectures of the default one.
        about: one line.
    """

    kind: str
    size: int
    about: str


SPACES: Catalogue[type] = Catalogue(
    {
        "cells": Named(
            "Cells", 1_076_746_950_455_072_400, "DARTS: a normal and a reduction cell, 8 operations on 28 edges"
        ),
        "robust": Named(
            "Robust", 2_123_366_400, "RobustDARTS's S1 to S4, in which DARTS collapses: 2 or 3 operations an edge"
        ),
        "slots": Named(
            "Slots",
            4_729_104_061_569_538_560_000,
            "UNAS: DARTS cells with selectors for inputs and operations of every node",
        ),
        "bench201": Named("Bench201", 15_625, "NAS-Bench-201: one cell of 6 edges and 5 operations"),
        "encoder": Named("Encoder", 294_912, "RL-DARTS: image encoders of agents in IMPALA's shape"),
        "torso": Named("Torso", 23_994, "layers of an agent that sees a vector: widths, activations, norms, skips"),
        "proxyless": Named(
            "Proxyless",
            221_502_229_807_900_608,
            "ProxylessNAS: one of six mobile bottlenecks or a skip at each of 21 places",
        ),
        "mnas": Named("Mnas", 2_807_929_681_968_365_568, "MnasNet: 7 blocks of mobile networks; sampled, not mixed"),
        "alexnet": Named("AlexNet", 759_375, "MONAS: AlexNet's filters and kernels; sampled"),
        "condensenet": Named("CondenseNet", 15_625, "MONAS: CondenseNet's layers and growth rates; sampled"),
        "mlp": Named("MLP", 2**128, "masks over hidden units, or weights, of a multilayer perceptron"),
        "cnn": Named("CNN", 2**160, "masks over the channels of a convolutional network"),
        "gnn": Named("GNN", 28_449_792, "AGNN: six classes of actions for every graph layer; sampled"),
        "graphmix": Named("GraphMix", 185_220, "graph layers whose attention and aggregation can be mixed"),
        "graphnet": Named(
            "GraphNet", 83_980_800, "graph networks of blocks, among them GCN, GraphSAGE, GIN, GAT and others"
        ),
        "nasbenchgraph": Named("NASBenchGraph", 59_049, "NAS-Bench-Graph: 9 link lists and 4 graph operations"),
        "nasbenchgraph-proteins": Named(
            "NASBenchGraphProteins", 5_625, "the same with the operations of its data set proteins"
        ),
        "recurrent": Named(
            "Recurrent", 2_642_411_520, "DARTS: recurrent cell of a language model, 5 activations on 36 edges"
        ),
        "nao-recurrent": Named(
            "NAORecurrent", 167_423_193_907_200, "NAO: the same cell as tokens, a predecessor and an activation each"
        ),
        "guide_dag": Named(
            "GuideDag", 2**168, "guide-DAGs on maps of a chip: which edges between convolutions to keep"
        ),
        "net_map": Named(
            "NetMap", 1944 * 2**112, "messages over cells and nets, joined to guide-DAGs on maps: rounds, ways, place"
        ),
    },
    lambda name: getattr(sys.modules[__name__], SPACES.said[name].kind),
)
TABLES: dict[str, str] = {
    **{
        f"bench201:{data}": f"NAS-Bench-201 table of the space bench201 on {data}: validation accuracy after 12 epochs;"
        " valid200 and test200 are withheld until the search is over"
        for data in ("cifar10", "cifar100", "imagenet16")
    },
    **{
        f"{space}:{data}": f"NAS-Bench-Graph table of {space} on {data}: validation accuracy; test is withheld until"
        " the search is over"
        for space, several in (
            ("nasbenchgraph", ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv")),
            ("nasbenchgraph-proteins", ("proteins",)),
        )
        for data in several
    },
}
"""Tables of results, "space:data set", with one line about each; `appnas.run.catalogue` reads them."""

__all__ = [
    "CNN",
    "GNN",
    "MLP",
    "SPACES",
    "TABLES",
    "AlexNet",
    "Bench201",
    "Cells",
    "CondenseNet",
    "Encoder",
    "GraphMix",
    "GraphNet",
    "GuideDag",
    "Maskable",
    "Mnas",
    "NAORecurrent",
    "NASBenchGraph",
    "NASBenchGraphProteins",
    "NetMap",
    "Proxyless",
    "Recurrent",
    "Robust",
    "Slots",
    "Torso",
]  # fmt: skip
__getattr__, __dir__ = lazily(__name__)
