"""Placements with their maps and labels: one type and one vocabulary of channels for every source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from appnas.domains.eda.flow import CAPACITY, CIRCUITNET, DEFAULT, OVERFLOW, PAPER, netlists
from appnas.domains.eda.routings import Routings
from appnas.support import whole

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
VOCABULARY = frozenset((*DEFAULT, *CIRCUITNET, *GLOBAL, *POWER))
GROUPS = {"paper": PAPER, "capacity": CAPACITY, "circuitnet": CIRCUITNET, "default": DEFAULT}
"""Channels that are chosen together, by name."""
LABELS = ("drc", "hotspot", "util_h", "util_v", *ROUTER, "congestion_h", "congestion_v", "congestion", "IR_drop")
"""Violations a gcell, the share of several routings that have one there, utilisation and overflow by direction, what a
tool reports, and CircuitNet's scaled labels."""


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
    """Nets with violations, [N]; a mean, if there were several routings."""
    routings: Routings | None = None
    """What every single routing said, if there were several."""
    netlists: Sequence[np.ndarray] | None = None
    """Pins of every placement, each [P, 3] (`appnas.domains.eda.flow.netlists`)."""

    def __post_init__(self) -> None:
        """Check everything."""
        n = len(self.names)
        if twice := sorted({name for name in self.channels if self.channels.count(name) > 1}):
            raise ValueError(f"every channel comes once, these come twice: {twice}")
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
        self._besides()

    def _besides(self) -> None:
        shares = self.labels.get("hotspot", np.zeros(1))
        if shares.min() < 0 or shares.max() > 1:
            told = f"from {shares.min():g} to {shares.max():g}"
            raise ValueError(f"the label 'hotspot' is a probability, 0 to 1, got {told}; 'drc' counts violations")
        n, gcells = len(self.names), self.x.shape[2:]
        if self.routings is not None:
            self.routings.check(n, gcells)
        if self.netlists is not None:
            netlists.check(self.netlists, gcells[0] * gcells[1], self.names)

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
            raise ValueError(f"the data lack the channels {missing}; they have {list(self.channels)}: choose of these")
        return self.x[:, [self.channels.index(name) for name in channels]]

    def label(self, name: str) -> np.ndarray:
        """A label map, [N, H, W].

        Raises:
            ValueError: it is missing.
        """
        if name not in self.labels:
            raise ValueError(f"the data lack the label {name!r}; they have {sorted(self.labels)}")
        return self.labels[name]

    def renamed(self, names: Mapping[str, str]) -> Placements:
        """The same maps, channels and labels under other names, such as those of the vocabulary, or own_... ones.

        Args:
            names: old name -> new name.

        Raises:
            ValueError: an old name that is there neither as a channel nor as a label, or a new one that is wrong.
        """
        lacking = [old for old in names if old not in self.channels and old not in self.labels]
        if lacking:
            raise ValueError(f"nothing is called {lacking}: channels are {[*self.channels]}, labels {[*self.labels]}")
        channels = tuple(names.get(name, name) for name in self.channels)
        labels = {names.get(name, name): maps for name, maps in self.labels.items()}
        if len(set(channels)) < len(channels) or len(labels) < len(self.labels):
            raise ValueError(f"two would have one name after {dict(names)}: channels {[*channels]}, labels {[*labels]}")
        return replace(self, channels=channels, labels=labels)

    @staticmethod
    def concat(parts: Iterable[Placements], names: Sequence[str] = ()) -> Placements:
        """Placements of several sources as one, in their order. Channels may come in any order, and are the first's.

        Netlists, and what single routings said, are kept if all parts have them (as many of these).

        Args:
            parts: of one grid, with the same channels and labels, and with counts all or none.
            names: what messages call the parts; by default by number.

        Raises:
            ValueError: grids, channels, labels or counts differ, or a placement's name comes twice.
        """
        parts = list(parts)
        if not parts:
            raise ValueError("there is nothing to join: give one or more placements")
        first, called = parts[0], names or [f"part {k}" for k in range(len(parts))]
        for part, name in zip(parts, called, strict=True):
            for what, ours, theirs, remedy in (
                ("gcells", first.x.shape[2:], part.x.shape[2:], "make all with one --grid, as HxW"),
                ("channels", set(first.channels), set(part.channels), "make all with the same flags, or use renamed()"),
                ("labels", set(first.labels), set(part.labels), "give each the same kinds of report"),
                ("counts", first.counts is not None, part.counts is not None, "give a DRC report to all or none"),
            ):
                if ours != theirs:
                    both: tuple[object, object] = ours, theirs
                    if isinstance(ours, set) and isinstance(theirs, set):
                        both = sorted(ours - theirs) or "no others", sorted(theirs - ours) or "no others"
                    raise ValueError(f"{what} differ: {called[0]} has {both[0]}, {name} has {both[1]}; {remedy}")
        every = [name for part in parts for name in part.names]
        if twice := sorted({name for name in every if every.count(name) > 1}):
            raise ValueError(
                f"placements of several parts are called {twice[:3]}: give each a name of its own (--name)"
            )
        every_list = [part.netlists for part in parts if part.netlists is not None]
        return Placements(
            np.concatenate([part.of(first.channels) for part in parts]),
            first.channels,
            tuple(design for part in parts for design in part.designs),
            tuple(every),
            {name: np.concatenate([part.labels[name] for part in parts]) for name in first.labels},
            None if first.counts is None else np.concatenate([p.counts for p in parts if p.counts is not None]),
            routings=Routings.concat([part.routings for part in parts]),
            netlists=tuple(pins for lists in every_list for pins in lists) if len(every_list) == len(parts) else None,
        )


def save(data: Placements, path: str | Path, **about: str) -> None:
    """Write placements as they are, in float32, for `load` and the domain `routed`; the file appears whole.

    Args:
        data: the placements.
        path: .npz.
        about: further texts to keep with them.
    """
    arrays: dict[str, Any] = {f"label_{name}": maps.astype(np.float32) for name, maps in data.labels.items()}
    if data.counts is not None:
        arrays["counts"] = data.counts
    if data.netlists is not None:
        arrays |= netlists.pack(data.netlists)
    if data.routings is not None:
        arrays |= data.routings.pack()
    arrays |= {name: np.array(getattr(data, name)) for name in ("channels", "designs", "names")} | about
    with whole(Path(path)) as partial, partial.open("wb") as file:
        np.savez_compressed(file, x=data.x.astype(np.float32), **arrays)


def _saved(packed: Mapping[str, np.ndarray]) -> Placements:
    """What `save` wrote."""
    channels, designs, names = (tuple(str(v) for v in packed[name]) for name in ("channels", "designs", "names"))
    labels = {name.removeprefix("label_"): maps for name, maps in packed.items() if name.startswith("label_")}
    pins = netlists.unpack(packed) if netlists.packed_in(packed) else None
    routings = Routings.unpack(packed, packed["x"].shape[2:]) if "orders" in packed else None
    return Placements(packed["x"], channels, designs, names, labels, packed.get("counts"), routings, pins)


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
    """What `appnas eda generate` packed: features, the labels it made, and the open nets as counts; or `save` wrote.

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
        if "names" in packed:
            return _saved(packed)
        unpacked = {
            name: (packed[name] / np.float32(255)) ** 2 * packed[f"{name}_top"][:, None, None] for name in ("x", "y")
        }
        labels = {str(name): unpacked["y"][:, k] for k, name in enumerate(packed["labels"])}
        maps = {str(name): unpacked["x"][:, k] for k, name in enumerate(packed["channels"])}
        both = labels | maps  # files before several routings have the pattern router's overflow as a label only
        labels |= {name: both[name] for name in ROUTER if name in both}
        maps |= {name: both[name] for name in ROUTER if name in both}
        routings = None
        if "orders" in packed:
            routings = Routings.unpack(packed, unpacked["y"].shape[2:])
            labels["hotspot"] = routings.hot.mean(1)
        pins = netlists.unpack(packed) if netlists.packed_in(packed) else None
    except (KeyError, EOFError, OSError, ValueError, BadZipFile) as error:
        raise ValueError(
            f"{path} is damaged, or not made by `appnas eda generate`, `label` or `pack`: {error}"
        ) from error
    return Placements(
        np.stack(list(maps.values()), 1).astype(np.float32),
        tuple(maps),
        tuple(str(name) for name in packed["designs"]),
        tuple(str(name) for name in packed["ids"]),
        {name: values.astype(np.float32) for name, values in labels.items()},
        packed["counts"][:, 0],
        routings=routings,
        netlists=pins,
    )
