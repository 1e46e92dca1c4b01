"""Products over the edges of a graph that are faster, or smaller in memory, than a vector for every edge.

Here belong functions of tensors and patterns with gradients of their own; layers and networks are one folder up.
"""
