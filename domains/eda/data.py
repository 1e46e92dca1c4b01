"""Named placements: those that ship with the package, files of `appnas eda generate`, and CircuitNet."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from appnas.domains.eda import circuitnet
from appnas.domains.eda.domain import ADAM, Options, Routability
from appnas.domains.eda.placements import load

SHIPPED = Path(__file__).parent / "files" / "placements32.npz"
"""Made by `appnas eda generate`; see PLACEMENTS.md beside it."""
SMALL = Options(
    test=(
        "arb16x8", "cam8x8", "glue600", "hash9", "mul8", "perm16x2", "xbar12x2", "div6", "rom6x10", "ca32x4",
        "mul9", "rf8x6", "sbox2", "fifo8x8", "perm8x4", "glue450", "crc16", "div7",
    ),
    valid=("alu12", "gf16", "ham6x8", "rf12x4", "sort4x5", "fsm32", "xbar8x2", "cam6x10", "fft2", "ca48x4"),
    batch=16,
    recipe=replace(ADAM, lr=2e-3),
)  # fmt: skip
"""Designs of both libraries in every split; dividers in the test alone. Few and small placements bear smaller batches
and a larger learning rate than the paper's."""


@dataclass(frozen=True)
class FileOptions(Options):
    """Options of a file of placements."""

    path: str = ""
    """dataset.npz of `appnas eda generate`, or what `appnas eda label` or `pack` wrote."""


@dataclass(frozen=True)
class CircuitNetOptions(Options):
    """Options of CircuitNet; of the router's tasks, `congestion` and `hotspots` on scaled DRC maps."""

    path: str = ""
    """The tree of decompressed features, or the folder training_set."""
    layout: Literal["decompressed", "training_set"] = "decompressed"
    """Which of the two."""
    data: Literal["congestion", "DRC", "IR_drop"] = "congestion"
    """Which of CircuitNet's tasks."""
    side: int = 256
    """Gcells along either side."""


@dataclass(frozen=True)
class ISPDOptions(Options):
    """Options of the samples of ISPD 2015."""

    side: int = 64
    """Gcells along either side: 128, or averaged to fewer."""


ISPD = ISPDOptions(
    task="congestion", channels=circuitnet.CHANNELS["congestion"], scale="sample", batch=8, recipe=SMALL.recipe,
    test=("mgc_superblue19",), valid=("mgc_superblue12",),
)  # fmt: skip
NET = CircuitNetOptions(
    task="congestion", channels=circuitnet.CHANNELS["congestion"], scale="sample", batch=16, test=circuitnet.TEST
)


def shipped(options: Options) -> Routability:
    """The placements that ship with the package."""
    return Routability(load(SHIPPED), options)


def file(options: FileOptions) -> Routability:
    """Placements from a file.

    Raises:
        ValueError: no path was given, or as for `load` and `Routability`.
    """
    if not options.path:
        raise ValueError("give --domain.path: dataset.npz, as `appnas eda generate`, `label` or `pack` makes it")
    options = replace(options, path=str(Path(options.path).absolute()))
    return Routability(load(options.path), options)


def of_circuitnet(options: CircuitNetOptions) -> Routability:
    """CircuitNet's N28 or N14.

    Raises:
        ValueError: no path was given, or as for the readers and `Routability`.
    """
    if not options.path:
        raise ValueError("give --domain.path: CircuitNet's decompressed features, or its folder training_set")
    options = replace(options, path=str(Path(options.path).absolute()))
    read = circuitnet.decompressed if options.layout == "decompressed" else circuitnet.training_set
    return Routability(read(options.path, options.data, options.side), options)


def ispd2015(options: ISPDOptions) -> Routability:
    """Congestion of 120 placements of four designs, from circuitnet_ispd2015 in the folder that APPNAS_DATA names."""
    path = Path(os.environ.get("APPNAS_DATA", "data")) / "circuitnet_ispd2015" / "congestion_128.npz"
    return Routability(circuitnet.ispd2015(path, options.side), options)
