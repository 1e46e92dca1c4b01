"""Search spaces: frozen dataclasses that know choices and builders, and nothing of domains or methods."""

if __name__ != "appnas.spaces":
    raise ImportError(f"import appnas.spaces, not {__name__!r}: the folder is mapped to that name when installed")

from appnas.spaces.alexnet import AlexNet
from appnas.spaces.bench201 import Bench201
from appnas.spaces.cells import Cells
from appnas.spaces.condensenet import CondenseNet
from appnas.spaces.dense import CNN, MLP
from appnas.spaces.encoder import Encoder
from appnas.spaces.gnn import GNN
from appnas.spaces.graphmix import GraphMix
from appnas.spaces.guide_dag import GuideDag
from appnas.spaces.maskable import Maskable
from appnas.spaces.mnas import Mnas
from appnas.spaces.mobile import Proxyless
from appnas.spaces.nasbenchgraph import NASBenchGraph, NASBenchGraphProteins
from appnas.spaces.recurrent import NAORecurrent, Recurrent
from appnas.spaces.robust import Robust
from appnas.spaces.slots import Slots

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
