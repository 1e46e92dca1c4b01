"""Which designs there are: every kind in a few sizes, each with the cells of one library."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from appnas.domains.eda.flow.rtl.arithmetic import (
    alu, butterfly, counters, divider, fir, multiplier, rotator, sorter, systolic,
)  # fmt: skip
from appnas.domains.eda.flow.rtl.logic import (
    automaton, crc, field_product, hash_round, lookup, machine, random_logic, substitution,
)  # fmt: skip
from appnas.domains.eda.flow.rtl.networks import arbiter, crossbar, parity, permutation
from appnas.domains.eda.flow.rtl.storage import distance, matcher, queue, register_file

OSU035: dict[str, Callable[[], str]] = {
    "mul7": partial(multiplier, 7), "mul8": partial(multiplier, 8), "mul13": partial(multiplier, 13),
    "rot16": partial(rotator, 16), "xbar8x3": partial(crossbar, 8, 3), "xbar12x2": partial(crossbar, 12, 2),
    "sort8x2": partial(sorter, 8, 2), "sort8x4": partial(sorter, 8, 4), "perm16x2": partial(permutation, 16, 2),
    "perm32x1": partial(permutation, 32, 1), "rf12x4": partial(register_file, 12, 4),
    "rf16x8": partial(register_file, 16, 8), "cam8x8": partial(matcher, 8, 8), "fir4": partial(fir, 4, 6),
    "sbox1": partial(substitution, 1), "hash9": partial(hash_round, 9), "hash16": partial(hash_round, 16),
    "fft3": partial(butterfly, 3), "alu12": partial(alu, 12), "alu24": partial(alu, 24), "crc24": partial(crc, 24, 24),
    "arb16x8": partial(arbiter, 16, 8), "ham6x8": partial(distance, 6, 8), "gf16": partial(field_product, 16),
    "mac2x3": partial(systolic, 2, 3), "mac3x4": partial(systolic, 3, 4), "glue600": partial(random_logic, 600, 32),
    "glue300": partial(random_logic, 300, 24), "div8": partial(divider, 8), "cnt6x6": partial(counters, 6, 6),
    "fifo8x6": partial(queue, 8, 6), "par24x32": partial(parity, 24, 32, 6), "rom7x8": partial(lookup, 7, 8),
    "fsm32": partial(machine, 32, 12, 8), "ca32x6": partial(automaton, 32, 6),
}  # fmt: skip
"""Designs in OSU's 0.35 um cells, by name."""
OSU018: dict[str, Callable[[], str]] = {
    "mul6": partial(multiplier, 6), "mul10": partial(multiplier, 10), "rot24": partial(rotator, 24),
    "xbar8x2": partial(crossbar, 8, 2), "xbar12x3": partial(crossbar, 12, 3), "sort8x3": partial(sorter, 8, 3),
    "perm16x3": partial(permutation, 16, 3), "perm32x2": partial(permutation, 32, 2),
    "rf8x6": partial(register_file, 8, 6), "rf24x8": partial(register_file, 24, 8), "cam12x8": partial(matcher, 12, 8),
    "fir6": partial(fir, 6, 6), "sbox2": partial(substitution, 2), "hash12": partial(hash_round, 12),
    "fft4": partial(butterfly, 4), "alu16": partial(alu, 16), "crc32": partial(crc, 32, 32),
    "arb12x16": partial(arbiter, 12, 16), "ham8x10": partial(distance, 8, 10), "gf20": partial(field_product, 20),
    "mac2x5": partial(systolic, 2, 5), "glue900": partial(random_logic, 900, 40),
    "glue450": partial(random_logic, 450, 28), "div10": partial(divider, 10), "cnt10x6": partial(counters, 10, 6), "fifo16x6": partial(queue, 16, 6),
    "par32x48": partial(parity, 32, 48, 6), "rom8x6": partial(lookup, 8, 6), "fsm48": partial(machine, 48, 16, 12),
    "ca48x6": partial(automaton, 48, 6),
}  # fmt: skip
"""Designs in OSU's 0.18 um cells, by name. No design is in both: the same netlist in another library is no new one."""
DESIGNS = OSU035 | OSU018
"""All that are made unless told."""
TINY: dict[str, Callable[[], str]] = {"tiny": partial(alu, 4)}
"""A design that goes through the whole flow in about a second."""
