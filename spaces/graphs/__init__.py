"""Spaces of graph networks, sampled or mixed, and NAS-Bench-Graph's.

Here belongs what passes messages.
"""

from appnas.spaces.graphs.gnn import ACTIVATION, GNN
from appnas.spaces.graphs.graphmix import GraphMix
from appnas.spaces.graphs.graphnet import GraphNet
from appnas.spaces.graphs.nasbenchgraph import NASBenchGraph, NASBenchGraphProteins

__all__ = ["ACTIVATION", "GNN", "GraphMix", "GraphNet", "NASBenchGraph", "NASBenchGraphProteins"]
