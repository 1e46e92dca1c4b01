"""Accel-NASBench: networks in MnasNet's frame, trained shortly on ImageNet and measured on six accelerators.

Ahmad et al. (arXiv 2404.08005). A sample of the space, not all of it: for predictors and tables of costs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from appnas.space import Arch, Choice
from appnas.spaces.images.mnas import Block

WIDTHS = (16, 24, 40, 80, 112, 192, 320)
STRIDES = (1, 2, 2, 2, 1, 2, 1)


class Accelerated(NamedTuple):
    """The data of Accel-NASBench: 5,138 trainings of 5,125 networks.

    Attributes:
        choices: expansion, kernel, layers and squeeze-excitation of every block.
        archs: what was trained, over those choices.
        blocks: the same as blocks; widths are EfficientNet-B0's.
        columns: top1 and top5 (validation, %, for ranking only), train_seconds, params, macs, and for each device
            DEVICE_latency (ms, one image) or DEVICE_throughput (images a second); NaN where it was not measured.
    """

    choices: tuple[Choice, ...]
    archs: list[Arch]
    blocks: list[tuple[Block, ...]]
    columns: dict[str, np.ndarray]


def load(path: Path | None = None) -> Accelerated:
    """The data.

    Args:
        path: folder with accel_nasbench.npz; by default accel_nasbench_mnasnet in the folder that APPNAS_DATA names.

    Raises:
        FileNotFoundError: no data there.
    """
    file = (path or Path(os.environ.get("APPNAS_DATA", "data")) / "accel_nasbench_mnasnet") / "accel_nasbench.npz"
    if not file.exists():
        raise FileNotFoundError(
            f"no Accel-NASBench data at {file}: set APPNAS_DATA to the folder that holds accel_nasbench_mnasnet"
        )
    with np.load(file) as data:
        fields = data["arch"].reshape(len(data["arch"]), 7, 4)
        columns = {"top1": data["val_top1"], "top5": data["val_top5"], "train_seconds": data["train_time"]}
        columns |= {name: 1e6 * data[name] for name in ("params", "macs")}
        for name in data.files:
            if name.endswith("_mean"):
                kind, device, *_ = name.split("_")
                columns[f"{device}_{kind}"] = data[name]
    options = [np.unique(fields[:, :, i]).tolist() for i in range(4)]
    choices = tuple(
        Choice(name, tuple(map(str, values)), 7, name)
        for name, values in zip(("expansion", "kernel", "layers", "squeeze"), options, strict=True)
    )
    codes = [np.searchsorted(values, fields[:, :, i]) for i, values in enumerate(options)]
    archs = [tuple(row) for row in np.concatenate(codes, 1).tolist()]
    return Accelerated(choices, archs, [_accelerated(row) for row in fields.tolist()], columns)


def _accelerated(fields: Sequence[Sequence[int]]) -> tuple[Block, ...]:
    return tuple(
        Block(f"mbconv{e}", k, 0.25 * se, "identity", width, layers, stride)
        for (e, k, layers, se), width, stride in zip(fields, WIDTHS, STRIDES, strict=True)
    )
