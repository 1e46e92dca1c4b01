"""Files of placements, of `appnas eda label` and `generate`, joined to one: a data set of your own designs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appnas.domains.eda.placements import Placements, load, save

COUNTED = "counted"
"""In a file: whether its counts are of nets or of markers."""


def write(data: Placements, labels_counted: str, path: Path) -> None:
    """Write placements, and what their counts are of: nets, markers, or "" if nothing was counted."""
    save(data, path, **{COUNTED: labels_counted})


def counted(path: Path) -> str:
    """What a file's counts are of; those of `appnas eda generate` are of nets."""
    with np.load(path) as data:
        return str(data[COUNTED]) if COUNTED in data else "nets"


def pack(paths: Sequence[Path], out: Path) -> Placements:
    """Join files and write them.

    Args:
        paths: of `appnas eda label`, `pack` or `generate`.
        out: where to, .npz.

    Raises:
        ValueError: fewer than one file, counts of nets in one and of markers in another, or as for `load` and
            `Placements.concat`.
    """
    if not paths:
        raise ValueError("give one or more files of `appnas eda label` or `generate`")
    parts = [load(path) for path in paths]
    of = {str(path): counted(path) for path in paths}
    kinds = Counter(what for what in of.values() if what)
    if len(kinds) > 1:
        told = ", ".join(f"{path}: {what}" for path, what in of.items() if what)
        raise ValueError(f"counts are of nets in some files and of markers in others ({told}): join one sort")
    data = Placements.concat(parts, [str(path) for path in paths])
    write(data, next(iter(kinds), ""), out)
    return data
