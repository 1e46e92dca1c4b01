"""CircuitNet's files as placements: N28 and N14, in both of the layouts it is handed out in, and samples of ISPD 2015.

Names, directories and pre-processing are those of the repository circuitnet/CircuitNet (Chai et al., Sci. China Inf.
Sci. 65, 2022). `decompressed` reads the maps of features one by one, resizes and scales them as its scripts do;
`training_set` reads what its scripts wrote. Splits are by design: leave `zero-riscy` out, as its own lists do.

Deviates: maps are made smaller by averaging areas, where its scripts resize features with cubic splines: no further
dependency, and the same to within the interpolation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch.nn.functional import interpolate

from appnas.domains.eda.placements import POWER, Placements, stack

Task = Literal["congestion", "DRC", "IR_drop"]
N28 = re.compile(
    r"^(?P<id>\d+)-(?P<design>.+?)-(?P<variant>[ab])-(?P<macros>\d)-c(?P<clock>\d+)-u(?P<utilisation>0\.\d+)"
    r"-m(?P<placement>\d|None)-p(?P<power>\d)-f(?P<filler>[01])\.npy$"
)
N14 = re.compile(
    r"^(?P<design>.+?)_freq_(?P<frequency>\d+)_mp_(?P<placement>\d+)_fpu_(?P<utilisation>\d+)_fpa_(?P<aspect>[\d.]+)"
    r"_p_(?P<power>\d+)_fi_(?P<filler>a[pr])\.npy$"
)
_GLOBAL = "congestion/congestion_{stage}/overflow_based/congestion_{short}_{way}_overflow"


def _overflow(short: str, way: str) -> str:
    stage = {"eGR": "early_global_routing", "GR": "global_routing"}[short]
    return _GLOBAL.format(stage=stage, short=short, way=way)


FOLDERS = {
    "macro_region": "macro_region", "cell_density": "cell_density",
    **{name: f"RUDY/{name}" for name in ("RUDY", "RUDY_long", "RUDY_short", "RUDY_pin", "RUDY_pin_long")},
    **{f"{s}_{w}_overflow": _overflow(s, w) for s in ("eGR", "GR") for w in ("horizontal", "vertical")},
    **{name: name for name in ("power_i", "power_s", "power_sca", "power_all")},
}  # fmt: skip
"""Where the decompressed tree keeps the maps of a channel."""
CHANNELS: dict[Task, tuple[str, ...]] = {
    "congestion": ("macro_region", "RUDY", "RUDY_pin"),
    "DRC": (
        "macro_region", "cell_density", "RUDY_long", "RUDY_short", "RUDY_pin_long", "eGR_horizontal_overflow",
        "eGR_vertical_overflow", "GR_horizontal_overflow", "GR_vertical_overflow",
    ),
    "IR_drop": POWER,
}  # fmt: skip
"""The features of CircuitNet's tasks, in its order."""
THRESHOLDS: dict[Task, float] = {"congestion": 0.0, "DRC": 0.1, "IR_drop": 0.9885}
"""Scaled labels from these on are hotspots, by CircuitNet's scripts."""
CLIP_DRC, CLIP_IR = 200.0, 50.0
TEST = ("zero-riscy",)
"""The design that CircuitNet's lists of N28 leave out for the test."""


class Name(NamedTuple):
    """What a file's name says."""

    design: str
    settings: dict[str, str]


def parse(file: str) -> Name:
    """The design and settings in a file's name.

    Raises:
        ValueError: it has neither N28's nor N14's form.
    """
    match = N28.match(file) or N14.match(file)
    if not match:
        raise ValueError(
            f"{file!r} is no sample of CircuitNet: they are called ID-DESIGN-VARIANT-MACROS-cCLOCK-uUTILISATION"
            "-mPLACEMENT-pPOWER-fFILLER.npy (N28) or DESIGN_freq_.._mp_.._fpu_.._fpa_.._p_.._fi_...npy (N14)"
        )
    found = match.groupdict()
    return Name(found.pop("design"), found)


def resized(maps: np.ndarray, side: int) -> np.ndarray:
    """Maps [..., H, W] averaged over areas to [..., side, side]."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps, np.float32)).reshape(1, -1, *maps.shape[-2:])
    return interpolate(tensor, (side, side), mode="area")[0].numpy().reshape(*maps.shape[:-2], side, side)


def scaled(x: np.ndarray) -> np.ndarray:
    """A map to 0..1 by its own smallest and largest value; a constant one stays as it is."""
    low, high = float(x.min()), float(x.max())
    return (x - low) / (high - low) if high > low else x


def _read(path: Path) -> np.ndarray:
    if not path.exists():
        raise FileNotFoundError(f"no map at {path}: other maps of this sample are there")
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is no array of numbers, or cut off: {error}") from error
    if not np.isfinite(found).all():
        raise ValueError(f"{path} holds NaN or infinity")
    return found


def _decompressed(root: Path, task: Task, file: str, side: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Features [C, side, side], label [side, side] and the sum of the unscaled label of one sample."""
    if task == "IR_drop":
        planes = [_read(root / name / file) for name in ("power_i", "power_s", "power_sca", "power_all")]
        times = _read(root / "power_t" / file)
        if times.ndim != 3 or times.shape[0] != 20:
            raise ValueError(f"{root / 'power_t' / file} holds 20 slices of time, got the shape {times.shape}")
        x = stack([*planes, *times], POWER, f"maps of {file}")
        raw = _read(root / "IR_drop" / file)
        label = (np.log10(raw.clip(1e-6, CLIP_IR)) + 6) / (np.log10(CLIP_IR) + 6)
    else:
        names = CHANNELS[task]
        x = stack([_read(root / FOLDERS[name] / file) for name in names], names, f"maps of {file}")
        if task == "DRC":
            raw = _read(root / "DRC" / "DRC_all" / file)
            label = raw.clip(0, CLIP_DRC) / CLIP_DRC
        else:
            raw = sum(_read(root / FOLDERS[f"GR_{way}_overflow"] / file) for way in ("horizontal", "vertical"))  # type: ignore[assignment]
            label = raw
    y = resized(label, side)
    x = np.stack([scaled(plane) for plane in resized(x, side)])
    return x, scaled(y) if task == "congestion" else y, float(raw.sum())


def decompressed(root: str | Path, task: Task = "congestion", side: int = 256, limit: int = 0) -> Placements:
    """The decompressed tree of features (`routability_features_decompressed`, or that of IR drop).

    Args:
        root: the folder that holds macro_region/, RUDY/ and so on.
        task: which features and label.
        side: gcells along either side after resizing, 256 in CircuitNet.
        limit: read only the first so many samples; 0 for all.

    Raises:
        FileNotFoundError: no such tree, or a sample without one of its maps.
        ValueError: a name of another form, maps of one sample that differ in size, NaN.
    """
    root = Path(root)
    first = root / FOLDERS[CHANNELS[task][0]]
    files = sorted(path.name for path in first.glob("*.npy"))
    if not files:
        raise FileNotFoundError(f"no samples in {first}: is {root} CircuitNet's tree of decompressed features?")
    return _placements(((f, *_decompressed(root, task, f, side)) for f in files[: limit or None]), task)


def training_set(
    root: str | Path, task: Task = "congestion", side: int = 256, listed: str | Path | None = None
) -> Placements:
    """What CircuitNet's scripts write: `root`/TASK/feature/NAME.npy [H, W, C] and `root`/TASK/label/NAME.npy.

    Args:
        root: the folder training_set.
        task: congestion, DRC or IR_drop.
        side: gcells along either side after resizing.
        listed: a file of lines `feature/NAME.npy,label/NAME.npy`, as CircuitNet's own lists; None for all.

    Raises:
        FileNotFoundError: no samples there.
        ValueError: another number of channels than the task has, or as for `decompressed`.
    """
    folder = Path(root) / task
    files = sorted(path.name for path in (folder / "feature").glob("*.npy"))
    if listed:
        lines = Path(listed).read_text().split()
        files = [line.split(",")[0].removeprefix("feature/") for line in lines if line]
    if not files:
        raise FileNotFoundError(f"no samples in {folder / 'feature'}: is {root} CircuitNet's folder training_set?")

    def sample(file: str) -> tuple[str, np.ndarray, np.ndarray, float]:
        x, y = _read(folder / "feature" / file), _read(folder / "label" / file)
        if x.ndim != 3 or x.shape[2] != len(CHANNELS[task]):
            raise ValueError(f"{task} has the {len(CHANNELS[task])} channels {CHANNELS[task]}, {file} is {x.shape}")
        label = y.reshape(y.shape[0], y.shape[1], -1).mean(2)
        return file, resized(x.transpose(2, 0, 1), side), resized(label, side), float(label.sum())

    return _placements((sample(file) for file in files), task)


def _placements(samples: Iterable[tuple[str, np.ndarray, np.ndarray, float]], task: Task) -> Placements:
    files, maps, labels, sums = zip(*samples, strict=True)
    label = {"congestion": "congestion", "DRC": "drc", "IR_drop": "IR_drop"}[task]
    return Placements(
        stack(maps, files).astype(np.float32),
        CHANNELS[task],
        tuple(parse(file).design for file in files),
        tuple(file.removesuffix(".npy") for file in files),
        {label: stack(labels, files).astype(np.float32)},
        np.round(sums).astype(int) if task == "DRC" else None,
    )


def ispd2015(path: str | Path, side: int = 128) -> Placements:
    """120 placements of four designs of ISPD 2015 with congestion after global routing (congestion_128.npz).

    Raises:
        FileNotFoundError: no file there.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no samples at {path}: the file is circuitnet_ispd2015/congestion_128.npz")
    with np.load(path) as data:
        x, y, names = data["features"].astype(np.float32), data["label"].astype(np.float32), data["names"]
    designs = tuple(re.sub(r"^\d+-|-.*$", "", str(name)) for name in names)
    x, y = resized(x, side), resized(y, side)
    return Placements(x, CHANNELS["congestion"], designs, tuple(str(name) for name in names), {"congestion": y})
