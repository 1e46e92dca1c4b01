"""Search spaces: frozen dataclasses that know choices and builders, and nothing of domains or methods."""

if __name__ != "appnas.spaces":
    raise ImportError(f"import appnas.spaces, not {__name__!r}: the folder is mapped to that name when installed")

from appnas.spaces.bench201 import Bench201
from appnas.spaces.cells import Cells
from appnas.spaces.gnn import GNN
from appnas.spaces.graphmix import GraphMix
from appnas.spaces.nasbenchgraph import NASBenchGraph, NASBenchGraphProteins

SPACES: dict[str, type] = {
    "cells": Cells,
    "bench201": Bench201,
    "gnn": GNN,
    "graphmix": GraphMix,
    "nasbenchgraph": NASBenchGraph,
    "nasbenchgraph-proteins": NASBenchGraphProteins,
}

__all__ = ["GNN", "SPACES", "Bench201", "Cells", "GraphMix", "NASBenchGraph", "NASBenchGraphProteins"]
