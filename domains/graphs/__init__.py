"""Graphs of PyTorch Geometric: nodes, label sets, whole graphs; named data sets, checks, loaders.

Here belongs what knows graphs as data; spaces for them are in `appnas.spaces.graphs`.
"""

from appnas.domains.graphs.domain import RECIPE, Graphs, Options
from appnas.domains.graphs.loaders import Batch

__all__ = ["RECIPE", "Batch", "Graphs", "Options"]
