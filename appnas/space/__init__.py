"""Search spaces as data: choices, architectures, what can be done to them without building a network.

Here belongs what works on the choices of any space. Concrete spaces are in `appnas.spaces`, supernets in
`appnas.supernet`.
"""

from appnas.space.encoding import OpGraph, features, offsets, one_hot, op_graph, tokens, vocabulary, words
from appnas.space.exhaustion import Name, all_of, names, spent, unseen
from appnas.space.listed import Combinations, Listed
from appnas.space.masks import allowed, check_mask, full_mask, only, without
from appnas.space.moves import constant_arch, crossover, mutate, neighbours
from appnas.space.printing import drawing, table
from appnas.space.progressive_shrinking import Prefix, complete, ends, extend, members
from appnas.space.restricted import both, filled, restrict
from appnas.space.sampling import UnevenWarning, everything, random_arch
from appnas.space.space import (
    IO, SKIP, ZERO, Arch, Choice, Gates, Mask, Space, active, argmax, canonical, check, decisions, describe, legal,
    parse, size, split,
)  # fmt: skip
from appnas.space.with_training import WithTraining
from appnas.support.plain import itself

__all__ = [
    "IO", "SKIP", "ZERO", "Arch", "Choice", "Combinations", "Gates", "Listed", "Mask", "Name", "OpGraph", "Prefix",
    "Space", "UnevenWarning", "WithTraining", "active", "all_of", "allowed", "argmax", "both", "canonical", "check",
    "check_mask", "complete", "constant_arch", "crossover", "decisions", "describe", "drawing", "ends", "everything",
    "extend", "features", "filled", "full_mask", "itself", "legal", "members", "mutate", "names", "neighbours",
    "offsets", "one_hot", "only", "op_graph", "parse", "random_arch", "restrict", "size", "spent", "split", "table",
    "tokens", "unseen", "vocabulary", "without", "words",
]  # fmt: skip
