"""Arrays of gcells as reports: CircuitNet's .npy files, or an .npz with one array.

CircuitNet's arrays are [columns, rows]: the first index goes along x (its scripts fill them so, in
feature_extraction/src/read.py). The whole array lies over the die. Given as DRC, the numbers are violations a gcell;
given as congestion, an overflow as a share of the capacity: horizontal or vertical if the file's name says so, or the
nearest folder ("congestion_GR_horizontal_overflow/..."), else of both together.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from appnas.domains.eda.reports.marked import ACROSS, BOTH, EITHER, UP, Report

SAID = {ACROSS: ("by its path of horizontal wires",), UP: ("by its path of vertical wires",), BOTH: ()}
STARTS = (b"\x93NUMPY", b"PK\x03\x04")


def direction(path: Path) -> str:
    """Of the wires that an array is of, by the nearest part of its path that says it.

    Raises:
        ValueError: a part of it says both.
    """
    for part in [path.name, *(folder.name for folder in path.resolve().parents)]:
        across, up = "horizontal" in part.lower(), "vertical" in part.lower()
        if across and up:
            raise ValueError(f"{path}: {part!r} says horizontal and vertical; name the file or its folder by one")
        if across or up:
            return ACROSS if across else UP
    return BOTH


def read(path: Path) -> Report:
    """Gcells that are not 0 as markers, in shares of the die.

    Args:
        path: .npy or .npz.

    Raises:
        ValueError: no array of numbers of two dimensions, several of them, or NaN.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.ndarray):
            if len(loaded.files) != 1:
                raise ValueError(f"it has the arrays {loaded.files}, give a file with one")
            loaded = loaded[loaded.files[0]]
        values = np.asarray(loaded, float)
    except (EOFError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is no array of numbers, or cut off: {error}") from error
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise ValueError(f"{path}: maps are [columns, rows], without NaN; got the shape {values.shape}")
    columns, rows = np.nonzero(values)
    low = np.stack([columns, rows], 1) / values.shape
    found, n = values[columns, rows], len(rows)
    way = direction(path)
    nothing, form = [""] * n, f"an array of {values.shape[0]} x {values.shape[1]} gcells"
    return Report(
        str(path),
        form,
        EITHER,
        np.concatenate([low, low + 1 / np.array(values.shape)], 1),
        "die",
        nothing,
        nothing,
        [()] * n,
        found,
        {way: found},
        SAID[way],
    )
