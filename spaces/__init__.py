"""Search spaces: frozen dataclasses that know choices and builders, and nothing of domains or methods.

`SPACES` is the catalogue; a space adds its line here and its row to docs/spaces.md.
"""

if __name__ != "appnas.spaces":
    raise ImportError(f"import appnas.spaces, not {__name__!r}: the folder is mapped to that name when installed")

from appnas.spaces.eda import GuideDag
from appnas.spaces.graphs import GNN, GraphMix, GraphNet, NASBenchGraph, NASBenchGraphProteins
from appnas.spaces.images import CNN, MLP, AlexNet, Bench201, Cells, CondenseNet, Mnas, Proxyless, Robust, Slots
from appnas.spaces.parts import Maskable
from appnas.spaces.rl import Encoder
from appnas.spaces.text import NAORecurrent, Recurrent

SPACES: dict[str, type] = {
    "cells": Cells,
    "robust": Robust,
    "slots": Slots,
    "bench201": Bench201,
    "encoder": Encoder,
    "proxyless": Proxyless,
    "mnas": Mnas,
    "alexnet": AlexNet,
    "condensenet": CondenseNet,
    "mlp": MLP,
    "cnn": CNN,
    "gnn": GNN,
    "graphmix": GraphMix,
    "graphnet": GraphNet,
    "nasbenchgraph": NASBenchGraph,
    "nasbenchgraph-proteins": NASBenchGraphProteins,
    "recurrent": Recurrent,
    "nao-recurrent": NAORecurrent,
    "guide_dag": GuideDag,
}

__all__ = [
    "CNN",
    "GNN",
    "MLP",
    "SPACES",
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
    "Proxyless",
    "Recurrent",
    "Robust",
    "Slots",
]  # fmt: skip
