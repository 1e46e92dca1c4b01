"""Designs of our own to place and route: parametrised generators of Verilog without a licence question.

Every generator returns one module `top` with a clock, registered outputs and no inferred memory. The sizes in
`DESIGNS` give two hundred to about three thousand cells of a standard-cell library; the kinds differ in how their
nets are spread: arithmetic is local, crossbars and permutations are global, register files and arbiters have nets of
large fan-out. Here belongs what writes Verilog; what makes gates of it is in `appnas.domains.eda.flow.tools`.
"""

from appnas.domains.eda.flow.rtl.designs import DESIGNS, OSU018, OSU035, TINY

__all__ = ["DESIGNS", "OSU018", "OSU035", "TINY"]
