"""Search spaces as data: choices, architectures, what can be done to them without building a network.

Here belongs what works on the choices of any space. Concrete spaces are in `appnas.spaces`, supernets in
`appnas.supernet`.
"""

from appnas.space.encoding import OpGraph, features, offsets, one_hot, op_graph, tokens, vocabulary, words
from appnas.space.exhaustion import all_of, spent, unseen
from appnas.space.printing import drawing, table
from appnas.space.progressive_shrinking import Prefix, complete, ends, extend, members
from appnas.space.restricted import both, filled, restrict
from appnas.space.space import (
    IO, SKIP, ZERO, Arch, Choice, Gates, Mask, Space, allowed, argmax, check, check_mask, constant_arch, crossover,
    decisions, describe, full_mask, legal, mutate, neighbours, only, parse, random_arch, size, split, without,
)  # fmt: skip

__all__ = [
    "IO", "SKIP", "ZERO", "Arch", "Choice", "Gates", "Mask", "OpGraph", "Prefix", "Space", "all_of", "allowed",
    "argmax", "both",
    "check", "check_mask", "complete", "constant_arch", "crossover", "decisions", "describe", "drawing", "ends",
    "extend", "features", "filled", "full_mask", "legal", "members", "mutate", "neighbours", "offsets",
    "one_hot", "only", "op_graph", "parse", "random_arch", "restrict", "size", "spent", "split", "table", "tokens",
    "unseen", "vocabulary", "without", "words",
]  # fmt: skip
