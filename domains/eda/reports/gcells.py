"""Reports on gcells: violations, overflow, how many nets; and with the maps of the design a `Placements` of one.

drc counts violations, congestion_h, _v and congestion are means over a gcell's area. A violation counts in every gcell
that its box has a part of ("touch", as CircuitNet's scripts do), or once in all, shared by area ("area"). As a hotspot,
a gcell with any, both are the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from appnas.domains.eda.flow import Design, Grid
from appnas.domains.eda.flow.lefdef import text
from appnas.domains.eda.placements import Placements
from appnas.domains.eda.reports.formats import given_as
from appnas.domains.eda.reports.marked import ACROSS, BOTH, UP, Report, chosen, kept

By = Literal["touch", "area"]
EDGE = 1e-6
"""Of a gcell's side: a box that ends so close to a border is on this side of it."""
CORNER = 0.01
"""Of the die's sides: what ends there is likely in another unit."""
FEW = 3
"""Nets that a message shows."""


@dataclass(frozen=True)
class Labels:
    """Of one placement, on H x W gcells."""

    maps: Mapping[str, np.ndarray]
    """Label -> [H, W]."""
    count: int | None = None
    """Nets with violations, or violations; None without a DRC report."""
    counted: str = ""
    """Which of the two: nets, markers, or "" if there is none at all."""
    said: Sequence[str] = field(default_factory=tuple)
    """Lines for the user."""


def touched(grid: Grid, boxes: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Sum [H, W] of the amounts [N] of the boxes [N, 4] that a gcell has a part of; lines and points are in one."""
    found = np.zeros((grid.shape[0] + 1, grid.shape[1] + 1))
    spans = []
    for axis, sides in ((1, grid.shape[0]), (0, grid.shape[1])):
        at = (boxes[:, [axis, axis + 2]] - grid.die[axis]) / grid.size[axis]
        low = np.floor(at[:, 0] + EDGE).astype(int).clip(0, sides - 1)
        high = np.maximum(np.ceil(at[:, 1] - EDGE).astype(int) - 1, low).clip(0, sides - 1)
        spans.append((low, high + 1))
    (r0, r1), (c0, c1) = spans
    for rows, columns, sign in ((r0, c0, 1), (r0, c1, -1), (r1, c0, -1), (r1, c1, 1)):
        np.add.at(found, (rows, columns), sign * amounts)
    return found.cumsum(0).cumsum(1)[:-1, :-1]


def shared(grid: Grid, boxes: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """The amounts [N] spread over the parts of the boxes [N, 4] that are on the grid: [H, W], its sum that of all."""
    least = np.array(grid.size) * EDGE
    start, end = np.array(grid.die[:2]), np.array(grid.die[2:])
    low = np.minimum(boxes[:, :2].clip(start, end), end - least)
    high = np.maximum(boxes[:, 2:].clip(start, end), low + least)
    weights = amounts / ((high - low) / grid.size).prod(1)
    return grid.area(np.concatenate([low, high], 1), weights)


def placed(report: Report, design: Design, dbu: float) -> tuple[Report, str]:
    """The markers on the die, in micrometres, and a line on those that are not, empty if all are.

    Args:
        report: in any unit.
        design: whose die counts, borders included.
        dbu: micrometres a database unit.

    Raises:
        ValueError: there are markers, and none of them is on the die; or they are taken for database units, and look
            like micrometres: not whole, or all in one corner.
    """
    x0, y0, x1, y1 = design.die
    boxes = report.boxes * (dbu if report.unit == "dbu" else 1)
    if report.unit == "dbu" and _micrometres(report.boxes, boxes, design):
        raise ValueError(
            f"{report.source}: read as database units of {dbu:g} um its {len(boxes)} markers end at"
            f" {boxes[:, 2].max():.4g} {boxes[:, 3].max():.4g} um on a die of {x1 - x0:g} x {y1 - y0:g} um:"
            f" they seem to be micrometres (--unit um)"
        )
    if report.unit == "die":
        boxes = np.array([x0, y0, x0, y0]) + boxes * [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
    on = (boxes[:, 2] >= x0) & (boxes[:, 0] <= x1) & (boxes[:, 3] >= y0) & (boxes[:, 1] <= y1)
    found = kept(replace(report, boxes=boxes, unit="um"), on)
    if len(on) and not on.any():
        low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        raise ValueError(
            f"{report.source}: all {len(on)} markers are off the die of {design.name}, {x0:g} {y0:g} {x1:g} {y1:g} um;"
            f" they lie in {low[0]:g} {low[1]:g} {high[0]:g} {high[1]:g}: another design, or unit (--unit um or dbu)?"
        )
    off = int((~on).sum())
    return found, f"{report.source}: {off} of {len(on)} markers are off the die, and left out" if off else ""


def _micrometres(said: np.ndarray, scaled: np.ndarray, design: Design) -> bool:
    """Whether what is said to be database units is not whole, or many boxes would end within a hundredth of the die."""
    if not len(said) or (said != said.round()).any():
        return bool(len(said))
    x0, y0, x1, y1 = design.die
    far = (scaled[:, 2:].max(0) - (x0, y0)) / (x1 - x0, y1 - y0)
    return bool(len(said) > 1 and (far < CORNER).all() and (said[:, 2:].max(0) <= (x1, y1)).all())


def counted(reports: Iterable[Report], design: Design) -> tuple[int, str, list[str]]:
    """How many signal nets DRC markers name, or, where they name none, how many violations they are; and lines."""
    reports = list(reports)
    named = {net for report in reports for net in report.named}
    many = round(sum(float(report.amounts.sum()) for report in reports))
    if not named and many and any(report.naming for report in reports):
        return 0, "nets", ["no violation names a net: 0 nets are counted"]
    if not named:
        return many, "markers" if many else "", []
    signals = dict(zip((name.replace("\\", "") for name in design.nets), design.signals, strict=True))
    own = [net for net in named if signals.get(net, False)]
    strange = sorted(net for net in named if net not in signals)
    said = []
    if strange:
        told = ", ".join(strange[:FEW])
        said.append(
            f"{len(strange)} of {len(named)} nets named are not among the DEF file's NETS ({told}): not counted"
        )
    return len(own), "nets", said


def database_unit(path: str | Path) -> float:
    """Micrometres a database unit of a DEF file.

    Raises:
        ValueError: it does not say.
    """
    found = re.search(r"(?:^|;)\s*UNITS\s+DISTANCE\s+MICRONS\s+(\d+)", text.read(path), re.MULTILINE | re.IGNORECASE)
    if not found:
        raise ValueError(f"{path} has no UNITS DISTANCE MICRONS, which a report in database units needs")
    return 1 / int(found[1])


def labelled(
    design: Design,
    grid: Grid,
    drc: Sequence[Report] = (),
    congestion: Sequence[Report] = (),
    *,
    by: By = "touch",
    layers: Sequence[str] = (),
    kinds: Sequence[str] = (),
    dbu: float = 1e-3,
) -> Labels:
    """Label maps of a design from its reports.

    Args:
        design: placed; its die and nets count.
        grid: the gcells.
        drc: reports on violations, which are added.
        congestion: reports on congestion, which are added: horizontal and vertical in two files, for example.
        by: how a violation counts in gcells.
        layers: of the violations that count; none for all (see `chosen`).
        kinds: of them, likewise.
        dbu: micrometres a database unit.

    Raises:
        ValueError: no report, one of the wrong sort, a choice of what a report does not name, markers all off the die,
            or congestion by direction in one file and of both in another.
    """
    if not drc and not congestion:
        raise ValueError("labels need a report: give --drc FILE, --congestion FILE, or both")
    said: list[str] = []
    maps: dict[str, np.ndarray] = {}
    count, what = None, ""
    found = []
    for report in drc:
        report, line = placed(given_as(report, "DRC"), design, dbu)
        part, left = chosen(report, layers, kinds)
        found.append(part)
        said += [f"{report.source}: {report.format}, {len(report.boxes)} markers", *report.notes, line, left]
    if drc:
        put = touched if by == "touch" else shared
        maps["drc"] = sum((put(grid, r.boxes, r.amounts) for r in found), np.zeros(grid.shape))
        count, what, lines = counted(found, design)
        said += lines
    over: dict[str, np.ndarray] = {}
    for report in congestion:
        report, line = placed(given_as(report, "congestion"), design, dbu)
        said += [f"{report.source}: {report.format}, {len(report.boxes)} gcells", *report.notes, line]
        for label, values in report.over.items():
            over[label] = over.get(label, 0) + grid.area(report.boxes, values)
    if congestion:
        if BOTH in over and len(over) > 1:
            raise ValueError(
                f"one report has congestion by direction, another of both: {[r.source for r in congestion]}"
            )
        if BOTH not in over:  # a direction without overflow may be in no line
            maps |= {label: over.get(label, np.zeros(grid.shape)) for label in (ACROSS, UP)}
        maps[BOTH] = sum(over.values(), np.zeros(grid.shape))
    return Labels(maps, count, what, tuple(line for line in said if line))


def placement(design: Design, maps: Mapping[str, np.ndarray], labels: Labels, name: str, of: str = "") -> Placements:
    """One placement of its feature maps and labels, each [H, W].

    Args:
        design: where the maps are of.
        maps: channels by name.
        labels: of the same gcells.
        name: of the placement, unlike any other's.
        of: the design; by default its own name. Data are split by it.

    Raises:
        ValueError: sizes differ, or as for `Placements`.
    """
    return Placements(
        np.stack(list(maps.values()))[None].astype(np.float32),
        tuple(maps),
        (of or design.name,),
        (name,),
        {label: values[None].astype(np.float32) for label, values in labels.maps.items()},
        None if labels.count is None else np.array([labels.count]),
    )
