"""Which designs there are: every kind in a few sizes, each with the cells of one library."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from appnas.domains.eda.flow.rtl.arithmetic import (
    alu,
    butterfly,
    counters,
    divider,
    fir,
    multiplier,
    rotator,
    sorter,
    systolic,
)  # fmt: skip
from appnas.domains.eda.flow.rtl.logic import (
    automaton,
    crc,
    field_product,
    hash_round,
    lookup,
    machine,
    random_logic,
    substitution,
)  # fmt: skip
from appnas.domains.eda.flow.rtl.networks import arbiter, crossbar, parity, permutation
from appnas.domains.eda.flow.rtl.storage import distance, matcher, queue, register_file

OSU035: dict[str, Callable[[], str]] = {
    "mul7": partial(multiplier, 7), "mul8": partial(multiplier, 8), "rot16": partial(rotator, 16),
    "xbar8x3": partial(crossbar, 8, 3), "xbar12x2": partial(crossbar, 12, 2), "sort8x2": partial(sorter, 8, 2),
    "perm16x2": partial(permutation, 16, 2), "perm32x1": partial(permutation, 32, 1),
    "rf12x4": partial(register_file, 12, 4), "cam8x8": partial(matcher, 8, 8), "fir4": partial(fir, 4, 6),
    "sbox1": partial(substitution, 1), "hash9": partial(hash_round, 9), "fft3": partial(butterfly, 3),
    "alu12": partial(alu, 12), "crc24": partial(crc, 24, 24), "arb16x8": partial(arbiter, 16, 8),
    "ham6x8": partial(distance, 6, 8), "gf16": partial(field_product, 16), "mac2x3": partial(systolic, 2, 3),
    "glue600": partial(random_logic, 600, 32), "glue300": partial(random_logic, 300, 24),
    "sort4x5": partial(sorter, 4, 5), "perm8x3": partial(permutation, 8, 3), "rf6x6": partial(register_file, 6, 6),
    "cam12x6": partial(matcher, 12, 6), "alu20": partial(alu, 20), "hash16": partial(hash_round, 16),
    "div6": partial(divider, 6), "cnt6x4": partial(counters, 6, 4), "fifo8x6": partial(queue, 8, 6),
    "par16x24": partial(parity, 16, 24, 5), "rom6x10": partial(lookup, 6, 10), "fsm32": partial(machine, 32, 12, 8),
    "ca32x4": partial(automaton, 32, 4), "mul17": partial(multiplier, 17),
}  # fmt: skip
"""Designs in OSU's 0.35 um cells, by name."""
OSU018: dict[str, Callable[[], str]] = {
    "mul6": partial(multiplier, 6), "mul9": partial(multiplier, 9), "rot12": partial(rotator, 12),
    "xbar8x2": partial(crossbar, 8, 2), "xbar10x2": partial(crossbar, 10, 2), "sort4x6": partial(sorter, 4, 6),
    "perm8x4": partial(permutation, 8, 4), "perm32x2": partial(permutation, 32, 2),
    "rf8x6": partial(register_file, 8, 6), "rf24x8": partial(register_file, 24, 8), "cam6x10": partial(matcher, 6, 10),
    "fir3": partial(fir, 3, 6), "sbox2": partial(substitution, 2), "hash8": partial(hash_round, 8),
    "fft2": partial(butterfly, 2), "alu16": partial(alu, 16), "crc16": partial(crc, 16, 32),
    "arb12x8": partial(arbiter, 12, 8), "ham5x8": partial(distance, 5, 8), "gf12": partial(field_product, 12),
    "mac2x4": partial(systolic, 2, 4), "glue450": partial(random_logic, 450, 28),
    "glue750": partial(random_logic, 750, 36), "div7": partial(divider, 7), "cnt8x4": partial(counters, 8, 4),
    "fifo8x8": partial(queue, 8, 8), "par20x32": partial(parity, 20, 32, 5), "rom7x6": partial(lookup, 7, 6),
    "fsm24": partial(machine, 24, 16, 10), "ca48x4": partial(automaton, 48, 4),
}  # fmt: skip
"""Designs in OSU's 0.18 um cells, by name. No design is in both: the same netlist in another library is no new one."""
BIG = ("alu20", "ca32x4", "hash16", "sbox2", "rf24x8", "perm32x2", "ca48x4", "mul17")
"""Of over a thousand cells. They come last: of a run that is stopped, many designs are worth more than large ones."""
EVERY = OSU035 | OSU018
DESIGNS = {name: EVERY[name] for name in (*(name for name in EVERY if name not in BIG), *BIG)}
"""All that are made unless told."""
TINY: dict[str, Callable[[], str]] = {"tiny": partial(alu, 4)}
"""A design that goes through the whole flow in about a second."""
