"""Graphs of PyTorch Geometric: nodes, edges, whole graphs; named data sets, checks, loaders.

Here belongs what knows graphs as data; spaces for them are in `appnas.spaces.graphs`.
"""

from appnas.domains.graphs.domain import Graphs
from appnas.domains.graphs.links import Links
from appnas.domains.graphs.loaders import Batch
from appnas.domains.graphs.options import RECIPE, LinkOptions, Options
from appnas.domains.graphs.typed import one_graph

__all__ = ["RECIPE", "Batch", "Graphs", "LinkOptions", "Links", "Options", "one_graph"]
