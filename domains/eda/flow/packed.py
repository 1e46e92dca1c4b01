"""Samples of many placements as one compact file: maps in eight bits, hotspots of every routing in one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from appnas.domains.eda.flow import netlists
from appnas.support import whole


def pack(
    paths: Sequence[Path],
    target: Path,
    channels: Sequence[str],
    labels: Sequence[str],
    kept: Sequence[str] = (),
    graphs: bool = False,
) -> None:
    """The samples that are there: maps in eight bits, the square root of each channel's share of its maximum.

    Of the labels the means over the routings; in which gcells each routing had violations, in bits (`hot`); the counts
    of each (`orders`).

    Args:
        paths: of samples; those that are missing are left out.
        target: the file.
        channels: of the samples' maps.
        labels: of the samples' labels, drc first.
        kept: channels to keep; by default all.
        graphs: with the pins of every placement (`appnas.domains.eda.flow.netlists`).

    Raises:
        ValueError: there is no sample at all, or a channel to keep, or pins, that they do not have.
    """
    found = [path for path in paths if path.exists()]
    if not found:
        raise ValueError(f"no sample could be made; see {target.with_name('failed.json')}")
    kept = tuple(kept) or tuple(channels)
    if unknown := [name for name in kept if name not in channels]:
        raise ValueError(f"the samples have the channels {', '.join(channels)}, not {unknown[0]!r}")
    chosen = [list(channels).index(name) for name in kept]
    x, y, hot, counts, described, pins = [], [], [], [], [], []
    for path in found:
        with np.load(path) as arrays:
            x.append(arrays["x"][chosen])
            y.append(arrays["y"].mean(0))
            hot.append(np.packbits((arrays["y"][:, 0] > 0).reshape(len(arrays["y"]), -1), axis=1))
            counts.append(arrays["counts"])
            described.append(json.loads(str(arrays["described"])))
            if graphs and "pins" not in arrays:
                raise ValueError(f"{path} was made before samples had pins: make it again for graphs")
            pins += [arrays["pins"]] if graphs else []
    packed: dict[str, Any] = {"channels": np.array(kept), "labels": np.array(labels)}
    for name, maps in (("x", np.stack(x)), ("y", np.stack(y))):
        # A power of two above the largest value: more samples seldom change how those before them are rounded.
        top = 2.0 ** np.ceil(np.log2(np.maximum(maps.max((0, 2, 3)), 2.0**-10)))
        share = maps / top[:, None, None]
        packed |= {name: np.round(255 * np.sqrt(share)).astype(np.uint8), f"{name}_top": top}
    orders = np.stack(counts)
    first = orders[:, 0].astype(float)
    first[:, 0] = orders[:, :, 0].mean(1)
    packed |= {"counts": first, "orders": orders[:, :, 0], "hot": np.stack(hot)}
    packed["ids"] = np.array([d["job"]["id"] for d in described])
    packed["designs"] = np.array([d["job"]["design"] for d in described])
    packed["placings"] = np.array([json.dumps(d["job"]["placing"], sort_keys=True) for d in described])
    packed["tools"] = np.array(json.dumps(described[0]["tools"], sort_keys=True))
    packed |= netlists.pack(pins) if graphs else {}
    with whole(target) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **packed)
