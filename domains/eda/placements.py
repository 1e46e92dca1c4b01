"""Placements with their maps and labels: one type and one vocabulary of channels for every source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from appnas.domains.eda import netlists
from appnas.domains.eda.flow import CIRCUITNET, OVERFLOW, PAPER, TRACKS

ROUTER = OVERFLOW
"""Relative overflow by this package's pattern router: a label, and a channel for those who want it."""
GLOBAL = (
    "eGR_horizontal_overflow", "eGR_vertical_overflow", "GR_horizontal_overflow", "GR_vertical_overflow",
)  # fmt: skip
"""CircuitNet's overflow after early and after full global routing."""
POWER = ("power_i", "power_s", "power_sca", "power_all", *(f"power_t{k:02d}" for k in range(20)))
"""CircuitNet's power maps: internal, switching, scaled, all, and by time."""
OWN = "own_"
"""Channels that begin with this are a user's."""
VOCABULARY = frozenset((*PAPER, *CIRCUITNET, *TRACKS, *ROUTER, *GLOBAL, *POWER))
LABELS = ("drc", "util_h", "util_v", *ROUTER, "congestion", "IR_drop")
"""Violations a gcell, utilisation and overflow by direction, and CircuitNet's scaled labels."""


@dataclass(frozen=True)
class Placements:
    """N placements of H x W gcells with C channels. Channels and labels outside of the vocabulary begin with "own_".

    Raises:
        ValueError: shapes that do not fit, a channel or label outside of the vocabulary, NaN, counts below 0, or one
            name twice.
    """

    x: np.ndarray
    """Feature maps [N, C, H, W], as measured."""
    channels: tuple[str, ...]
    """Their names."""
    designs: tuple[str, ...]
    """The design of every placement, [N]."""
    names: tuple[str, ...]
    """The name of every placement, [N]."""
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Label maps by name, each [N, H, W]."""
    counts: np.ndarray | None = None
    """Nets with violations, [N]."""
    netlists: Sequence[np.ndarray] | None = None
    """Pins of every placement, each [P, 3] (`appnas.domains.eda.netlists`)."""

    def __post_init__(self) -> None:
        """Check everything."""
        n = len(self.names)
        if self.x.ndim != 4 or n == 0 or self.x.shape[:2] != (n, len(self.channels)) or len(self.designs) != n:
            raise ValueError(
                f"{n} placements with {len(self.channels)} channels need maps [{n}, {len(self.channels)}, H, W] and"
                f" {n} designs, got {self.x.shape} and {len(self.designs)}"
            )
        for kind, given, known in (
            ("channels", self.channels, sorted(VOCABULARY)), ("labels", tuple(self.labels), LABELS),
        ):  # fmt: skip
            unknown = [name for name in given if name not in known and not name.startswith(OWN)]
            if unknown:
                raise ValueError(
                    f"unknown {kind} {unknown}; the vocabulary has {', '.join(known)}; begin yours with {OWN!r}"
                )
        if len(set(self.names)) < n:
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise ValueError(f"placements need names of their own, these come twice: {twice[:3]}")
        for name, maps in self.labels.items():
            if maps.shape != (n, *self.x.shape[2:]):
                raise ValueError(f"label {name!r} needs the shape {(n, *self.x.shape[2:])}, got {maps.shape}")
            self._finite(name, maps.reshape(n, -1))
        for k, name in enumerate(self.channels):
            self._finite(name, self.x[:, k].reshape(n, -1))
        if self.counts is not None:
            self._countable(self.counts)
        if self.netlists is not None:
            netlists.check(self.netlists, self.x.shape[2] * self.x.shape[3], self.names)

    def _countable(self, counts: np.ndarray) -> None:
        n = len(self.names)
        if counts.shape != (n,):
            raise ValueError(f"{n} placements need {n} counts, got the shape {counts.shape}")
        self._finite("counts", counts.reshape(n, -1))
        if counts.min() < 0:
            raise ValueError(f"counts of nets are at least 0, got {counts.min()}")

    def _finite(self, what: str, values: np.ndarray) -> None:
        bad = np.flatnonzero(~np.isfinite(values).all(1))
        if len(bad):
            raise ValueError(f"{what!r} of {self.names[bad[0]]!r} (and {len(bad) - 1} more) holds NaN or infinity")

    def of(self, channels: Sequence[str]) -> np.ndarray:
        """Feature maps of the channels named, [N, C, H, W].

        Raises:
            ValueError: some are missing.
        """
        missing = [name for name in channels if name not in self.channels]
        if missing:
            raise ValueError(f"the data lack the channels {missing}; they have {list(self.channels)}")
        return self.x[:, [self.channels.index(name) for name in channels]]

    def label(self, name: str) -> np.ndarray:
        """A label map, [N, H, W].

        Raises:
            ValueError: it is missing.
        """
        if name not in self.labels:
            raise ValueError(f"the data lack the label {name!r}; they have {sorted(self.labels)}")
        return self.labels[name]


def stack(maps: Sequence[np.ndarray], names: Sequence[str], what: str = "maps") -> np.ndarray:
    """Maps of one size as one array.

    Raises:
        ValueError: sizes differ, or there is none.
    """
    sizes: dict[tuple[int, ...], str] = {}
    for array, name in zip(maps, names, strict=True):
        sizes.setdefault(array.shape, name)
    if len(sizes) != 1:
        told = ", ".join(f"{name}: {size}" for size, name in sizes.items())
        raise ValueError(f"{what} must have one size, resize them first; found {told or 'none'}")
    return np.stack(maps)


def load(path: str | Path) -> Placements:
    """What `appnas eda generate` packed: features, the labels it made, and the open nets as counts.

    Raises:
        FileNotFoundError: no file there.
        ValueError: it is damaged, or no such file.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no placements at {path}: make some with `appnas eda generate`")
    try:
        with path.open("rb") as stream, np.load(stream) as data:
            packed = {name: data[name] for name in data}
        if "die" in packed:
            raise ValueError("it has maps of one design and no labels, as `appnas eda features` makes them")
        unpacked = {
            name: (packed[name] / np.float32(255)) ** 2 * packed[f"{name}_top"][:, None, None] for name in ("x", "y")
        }
        labels = {str(name): unpacked["y"][:, k] for k, name in enumerate(packed["labels"])}
        channels = (*(str(name) for name in packed["channels"]), *ROUTER)
        x = np.concatenate([unpacked["x"], *(labels[name][:, None] for name in ROUTER)], 1)
        pins = netlists.unpack(packed) if netlists.packed_in(packed) else None
    except (KeyError, EOFError, OSError, ValueError, BadZipFile) as error:
        raise ValueError(f"{path} is damaged, or not made by `appnas eda generate`: {error}") from error
    return Placements(
        x.astype(np.float32),
        channels,
        tuple(str(name) for name in packed["designs"]),
        tuple(str(name) for name in packed["ids"]),
        {name: maps.astype(np.float32) for name, maps in labels.items()},
        packed["counts"][:, 0].astype(int),
        pins,
    )
