"""What any report says: boxes on the die with kind, layer and nets; how many violations each is, or its overflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from appnas.domains.eda.flow.lefdef import Box

ACROSS, UP, BOTH = "congestion_h", "congestion_v", "congestion"
"""Labels of a congestion report: of horizontal and of vertical wires, and of both where it does not part them."""
Use = Literal["DRC", "congestion"]
DRC: frozenset[Use] = frozenset({"DRC"})
CONGESTION: frozenset[Use] = frozenset({"congestion"})
EITHER = DRC | CONGESTION
Unit = Literal["um", "dbu", "die"]
"""Micrometres, database units (whose size the DEF file has), or shares of the die's sides."""
NOWHERE = ("", "-", "N/A")
"""In place of a layer's name."""
TOLD = 8
"""Kinds or layers that a message lists."""


class Marker(NamedTuple):
    """A violation or a congested area, as one entry of a report has it."""

    box: Box
    """In the report's unit."""
    kind: str = ""
    layer: str = ""
    nets: tuple[str, ...] = ()
    amount: float = 1.0
    """How many violations it stands for."""
    over: tuple[tuple[str, float], ...] = ()
    """Label and value, of congestion."""


@dataclass(frozen=True)
class Report:
    """Markers of one file. Arrays: N markers."""

    source: str
    format: str
    """Of what tool, for messages."""
    uses: frozenset[Use]
    """What it may be given as."""
    boxes: np.ndarray
    """x0, y0, x1, y1, [N, 4]. Sides may be 0."""
    unit: Unit = "um"
    """Of the boxes."""
    kinds: Sequence[str] = ()
    """Of every marker, as the tool calls it; may be empty."""
    layers: Sequence[str] = ()
    nets: Sequence[tuple[str, ...]] = ()
    """Those that each marker names."""
    amounts: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """How many violations each marker stands for, [N]."""
    over: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Of a report on congestion: label -> value of every marker, [N]."""
    notes: tuple[str, ...] = ()
    """What a user should know: lines that were not read, totals that differ."""
    naming: bool = False
    """Whether such reports name the nets of a violation, so that one without a name is of none."""

    @property
    def named(self) -> frozenset[str]:
        """All nets that it names, without backslashes."""
        return frozenset(net for nets in self.nets for net in nets)


def made(
    source: str,
    form: str,
    uses: frozenset[Use],
    markers: Iterable[Marker],
    notes: Iterable[str] = (),
    naming: bool = False,
) -> Report:
    """A report in micrometres of its markers."""
    found = list(markers)
    boxes = np.array([m.box for m in found], float).reshape(-1, 4)
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    labels = sorted({label for m in found for label, _ in m.over})
    return Report(
        source,
        form,
        uses,
        np.concatenate([low, high], 1),
        "um",
        [m.kind for m in found],
        [m.layer for m in found],
        [tuple(net.replace("\\", "") for net in m.nets) for m in found],
        np.array([m.amount for m in found], float),
        {label: np.array([dict(m.over).get(label, 0.0) for m in found]) for label in labels},
        tuple(notes),
        naming,
    )


def listed(names: Iterable[str]) -> str:
    """Names with how often they come, the most frequent first: "Short 20, Metal Spacing 3"."""
    counted = Counter(names).most_common()
    more = f" and {len(counted) - TOLD} more" if len(counted) > TOLD else ""
    return ", ".join(f"{name or 'without a name'} {count}" for name, count in counted[:TOLD]) + more


def kept(report: Report, rows: np.ndarray) -> Report:
    """Only some of the markers.

    Args:
        report: of N markers.
        rows: which, as booleans, [N].
    """
    at: list[int] = np.flatnonzero(rows).tolist()
    return replace(
        report,
        boxes=report.boxes[at],
        kinds=[report.kinds[k] for k in at],
        layers=[report.layers[k] for k in at],
        nets=[report.nets[k] for k in at],
        amounts=report.amounts[at],
        over={label: values[at] for label, values in report.over.items()},
    )


def chosen(report: Report, layers: Sequence[str] = (), kinds: Sequence[str] = ()) -> tuple[Report, str]:
    """The markers on some layers and of some kinds, and a line on what was left out, empty if nothing was.

    Args:
        report: the markers.
        layers: names, whatever their case; a marker between two layers, M1-M2, is on both. None for all.
        kinds: words that a kind has somewhere in it, whatever their case: short, spacing. None for all.

    Raises:
        ValueError: layers or kinds are wanted of a report that names none.
    """
    rows = np.ones(len(report.boxes), bool)
    said = []
    for what, wanted, names in (("layers", layers, report.layers), ("kinds", kinds, report.kinds)):
        words = [word.strip().lower() for word in wanted if word.strip()]
        if not words or not len(rows):
            continue
        if all(name in NOWHERE for name in names):
            raise ValueError(
                f"{report.source}: {report.format} names no {what}, so there is nothing to choose by; leave --{what}"
            )
        if what == "layers":
            fits = [bool({name.lower(), *name.lower().split("-")} & set(words)) for name in names]
        else:
            fits = [any(word in name.lower() for word in words) for name in names]
        rows &= np.array(fits)
        said.append(f"{what} {','.join(words)} are those of {sum(fits)} of {len(fits)} ({listed(names)})")
    return kept(report, rows), "; ".join(said)
