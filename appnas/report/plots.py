"""The figures of a report: pure functions from numbers to PNG images, in one style, without pyplot's global state."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec

import numpy as np

from appnas.cost import pareto_front
from appnas.report.curves import DOTS, Curve, at, best, clip, common, even, finite, huge, median, median_window, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

# Okabe and Ito's palette, told apart by colour-blind readers
BLUE, ORANGE, GREEN, RED, SKY, PINK, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442",
)  # fmt: skip
INK, FAINT, RULE = "#1f2328", "#8b929a", "#d8dce0"
STYLE: Any = {  # matplotlib 3.11 types the keys, older ones do not
    "font.size": 9, "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8,
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": FAINT,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": RULE,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False, "lines.solid_capstyle": "round",
}  # fmt: skip
NOTE: Any = {"loc": "right", "fontsize": 7, "color": FAINT}
SIZE = (4.7, 3.2)
DECISIONS = 40  # panels of a heat map at most
FEW = 4  # of them that stand in two columns; more in four, or six


class Image(NamedTuple):
    """A PNG of twice the resolution at which it is to be shown.

    Attributes:
        png: the file's bytes.
        width, height: in CSS pixels.
    """

    png: bytes
    width: int
    height: int


def drawn(build: Callable[P, Figure]) -> Callable[P, Image]:
    """A function that makes a figure as one that makes an image, whatever the user's matplotlib settings are."""

    @wraps(build)
    def image(*args: P.args, **more: P.kwargs) -> Image:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)
            figure = build(*args, **more)
            buffer = io.BytesIO()
            FigureCanvasAgg(figure).print_figure(buffer, format="png", dpi=192)
        width, height = figure.get_size_inches() * 96
        return Image(buffer.getvalue(), round(width), round(height))

    return image


def formula(text: str) -> str:
    """Names with an index in braces, such as c_{k-2}, as matplotlib sets formulas; all else as it is."""
    return re.sub(r"\b\w+?_\{[\w+-]+\}", r"$\g<0>$", text.replace("$", r"\$"))


def _axes(size: tuple[float, float], xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(size, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return figure, axes


@drawn
def progress(curves: Sequence[Curve], xlabel: str, ylabel: str, soft: bool) -> Figure:
    """Values and the best so far; of several searches their mean between smallest and largest.

    Args:
        curves: one a search, each with at least one point.
        xlabel: what x is.
        ylabel: what the values are.
        soft: the values are noisy scores of one slowly moving mixture: show their moving median too.
    """
    figure, axes = _axes(SIZE, xlabel, ylabel)
    window = median_window(min(len(y) for _, y in curves))
    traced = [(np.asarray(x, dtype=float), finite(y)) for x, y in curves]
    shown = [("best so far", RED, best)]
    if soft:
        shown.append((f"moving median of {window:,}", BLUE, partial(median, window=window)))
    if len(curves) == 1:
        x, y = traced[0]
        dots = thinned(x, y)
        axes.plot(x[dots], y[dots], ".", color=FAINT, markersize=5, alpha=0.5, markeredgewidth=0, label="each score")
        for label, colour, smooth in shown:
            axes.step(*smooth(x, y), where="post", color=colour, linewidth=1.8, label=label)
    else:
        grid = common(curves)
        for label, colour, smooth in shown:
            lines = np.array([at(*smooth(x, y), grid) for x, y in traced])
            axes.fill_between(grid, lines.min(0), lines.max(0), color=colour, alpha=0.18, linewidth=0, step="post")
            axes.step(grid, lines.T, where="post", color=colour, alpha=0.45, linewidth=0.7)
            axes.step(grid, lines.mean(0), where="post", color=colour, linewidth=1.8, label=f"{label}, mean")
    every = np.concatenate([y[~np.isnan(y)] for _, y in traced])
    low, high = (float(np.quantile(every, 0.05)), float(every.max())) if len(every) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    axes.set_ylim(low - margin, high + margin)
    below = int((every < low - margin).sum())
    if below and len(curves) == 1:
        plate = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        axes.annotate(f"{below:,} lower scores not shown", (0.99, 0.02), xycoords="axes fraction", ha="right",
                      color=FAINT, fontsize=7, bbox=plate)  # fmt: skip
    _long(axes, max(float(x[-1]) for x, _ in traced))
    axes.set_title(huge(*(y for _, y in curves)), **NOTE)
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@drawn
def collapse(steps: Sequence[int], skips: Sequence[float], entropy: Sequence[float]) -> Figure:
    """Skip share of the derived architecture (may be empty) and relative entropy, both from 0 to 1, over the steps."""
    figure, axes = _axes(SIZE, "step", "%")
    axes.plot(steps, 100 * np.asarray(entropy), color=BLUE, linewidth=1.8, label="entropy, of its maximum")
    if skips:
        axes.step(steps, 100 * np.asarray(skips), "--", where="post", color=RED, linewidth=1.8,
                  label="skips among the derived operations")  # fmt: skip
    axes.set_ylim(-3, 103)
    _long(axes, steps[-1])
    figure.legend(loc="outside upper left", ncols=2)
    return figure


@drawn
def masses(steps: Sequence[int], shares: Mapping[str, Sequence[float]]) -> Figure:
    """The mean probability of every option over the steps, in percent; a dotted line where all are alike."""
    figure, axes = _axes(SIZE, "step", "mean probability, %")
    colours = (BLUE, RED, GREEN, PINK, SKY, ORANGE, YELLOW)
    named = sorted(shares, key=lambda option: -abs(shares[option][-1] - shares[option][0]))[: len(colours)]
    named = list(shares) if len(shares) <= len(colours) + 1 else named
    for option in [option for option in shares if option not in named]:
        axes.plot(steps, 100 * np.asarray(shares[option]), color=RULE, linewidth=1.2)
    for i, option in enumerate(option for option in shares if option in named):
        axes.plot(steps, 100 * np.asarray(shares[option]), ("-", "--")[i // len(colours)], color=colours[i % 7],
                  linewidth=1.8, label=option)  # fmt: skip
    if len(named) < len(shares):
        axes.plot([], [], color=RULE, linewidth=1.2, label=f"{len(shares) - len(named)} that moved less")
    axes.axhline(100 / len(shares), color=FAINT, linewidth=1, linestyle=":")
    axes.set_ylim(bottom=0)
    _long(axes, steps[-1])
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@drawn
def heat(
    labels: Sequence[str], options: Sequence[str], steps: Sequence[int], cube: np.ndarray, chosen: Sequence[int] | None
) -> Figure:
    """The probability of every option over the steps: one panel a decision, one row an option.

    Args:
        labels: of the decisions.
        options: names.
        steps: of the snapshots.
        cube: probabilities [T, count, K].
        chosen: option that the found architecture takes, one a decision; None to mark nothing.
    """
    from matplotlib.figure import Figure

    count, columns = len(labels), min(len(labels), 2 if len(labels) <= FEW else 4 if len(labels) <= 2 * FEW else 6)
    rows = math.ceil(count / columns)
    left, gap, title, foot, row = 0.3 + 0.064 * max(map(len, options)), 0.2, 0.23, 0.85, 0.125 * len(options)
    across, down = max(SIZE[0], left + 1.6 * columns), rows * (row + title) + foot
    width = (across - left - gap * columns) / columns
    figure = Figure((across, down))
    edges = np.append(steps, steps[-1] + max(steps[-1] - steps[-2] if len(steps) > 1 else 1, 1))
    low, top = min(float(cube.min()), 0.8 / len(options)), max(float(cube.max()), 1.2 / len(options))
    for i, label in enumerate(labels):
        x, y = left + (i % columns) * (width + gap), down - (i // columns + 1) * (row + title)
        axes = figure.add_axes((x / across, y / down, width / across, row / down))
        mesh = axes.pcolormesh(edges, np.arange(len(options) + 1), cube[:, i].T, cmap="Blues", vmin=low, vmax=top)
        axes.invert_yaxis()
        axes.grid(False)
        axes.set_title(formula(label), loc="left", fontsize=8, pad=2.5)
        axes.tick_params(length=0, labelsize=7, labelleft=i % columns == 0, labelbottom=i + columns >= count)
        axes.set_yticks(np.arange(len(options)) + 0.5, options)
        axes.locator_params(axis="x", nbins=4, integer=True)
        _long(axes, steps[-1])
        if chosen is not None:
            axes.plot(1.025, chosen[i] + 0.5, "<", color=RED, markersize=4.5, clip_on=False,
                      transform=axes.get_yaxis_transform())  # fmt: skip
    figure.text((left + width / 2) / across, 0.5 / down, "step", ha="center", fontsize=8)
    bar = figure.colorbar(mesh, cax=figure.add_axes((left / across, 0.3 / down, 1.6 / across, 0.1 / down)),
                          orientation="horizontal")  # fmt: skip
    bar.ax.tick_params(length=0, labelsize=7)
    bar.outline.set_visible(False)
    figure.text((left + 1.75) / across, 0.3 / down, "probability", fontsize=8)
    return figure


@drawn
def trade(costs: Sequence[float], values: Sequence[float], found: int | None, xlabel: str, ylabel: str,
          target: float | None = None) -> Figure:  # fmt: skip
    """Every evaluation's value against its cost, the Pareto front, what was found if it is among them, and a target."""
    figure, axes = _axes(SIZE, xlabel, ylabel)
    x, y = clip(costs), clip(values)
    dots = thinned(x, y)
    axes.plot(x[dots], y[dots], ".", color=FAINT, markersize=6, alpha=0.5, markeredgewidth=0, label="evaluations")
    front = np.array(pareto_front(np.column_stack((-x, y))))
    front = front[np.argsort(x[front])][even(len(front), DOTS)]
    axes.step(x[front], y[front], where="post", color=BLUE, linewidth=1.4, marker="o", markersize=4,
              label="Pareto front")  # fmt: skip
    if found is not None:
        axes.plot(x[found], y[found], "*", color=RED, markersize=13, markeredgecolor="white", label="found")
    if target is not None:
        axes.axvline(float(clip(target)), color=INK, linewidth=1.0, linestyle="--", label="target")
    _cost_axis(axes, costs if target is None else [*costs, target])
    axes.set_title(huge(costs, values), **NOTE)
    low, high = float(np.quantile(y, 0.05)), float(y.max())
    margin = 0.06 * (high - low) or 0.5
    axes.set_ylim(min(low, float(y[front].min())) - margin, high + margin)
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@drawn
def rivals(names: Sequence[str], costs: Sequence[float], means: Sequence[float], spreads: Sequence[float],
           xlabel: str, ylabel: str) -> Figure:  # fmt: skip
    """Test results of trained architectures against their cost, with standard deviations."""
    figure, axes = _axes(SIZE, xlabel, ylabel)
    for i, (name, cost, mean, spread) in enumerate(zip(names, costs, means, spreads, strict=True)):
        colour, marker = (RED, BLUE, GREEN, ORANGE, PINK, SKY)[i % 6], "*osD^v"[i % 6]
        x, y, bar = map(float, clip((cost, mean, spread)))
        axes.errorbar(x, y, bar or None, fmt=marker, color=colour, markersize=6 if i else 12, capsize=3,
                      label=name)  # fmt: skip
    axes.margins(0.15)
    axes.set_title(huge(costs, means, spreads), **NOTE)
    _cost_axis(axes, costs)
    figure.legend(loc="outside upper left", ncols=3)
    return figure


@drawn
def density(lines: Mapping[str, Sequence[tuple[float, float, float, int]]], ylabel: str) -> Figure:
    """A metric against density on a logarithmic axis, one line a mask; the dense network is a band.

    Args:
        lines: name -> (density, mean, standard deviation, count), deviations NaN for one network.
        ylabel: the metric.
    """
    figure, axes = _axes(SIZE, "parts kept (%)", ylabel)
    colours = iter((RED, FAINT, BLUE, GREEN, ORANGE, PINK, SKY))
    for name, points in lines.items():
        x, mean, spread = (np.array([point[i] for point in points], dtype=float) for i in range(3))
        mean, spread = clip(mean), clip(spread)
        if name == "dense":
            axes.axhline(mean[0], color=INK, linewidth=1.0, linestyle="--", label=name)
            axes.axhspan(mean[0] - np.nan_to_num(spread[0]), mean[0] + np.nan_to_num(spread[0]), color=RULE, alpha=0.5)
            continue
        axes.errorbar(100 * x, mean, np.nan_to_num(spread), fmt="o-", color=next(colours), markersize=4, capsize=2,
                      linewidth=1.4, label=name)  # fmt: skip
    axes.set_xscale("log", subs=(2, 5))
    axes.xaxis.set(major_formatter="{x:g}", minor_formatter="{x:g}")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def human(count: float) -> str:
    """A count for people: 5.78 k, 1.93 M."""
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(count) >= factor:
            return f"{count / factor:.3g}{unit}"
    return f"{count:.3g}"


def _long(axes: Axes, last: float) -> None:
    """Steps of a long search as counts for people: 200 k, 1 M."""
    if last >= 10_000:
        axes.xaxis.set_major_formatter(lambda x, _: human(x))


def _cost_axis(axes: Axes, costs: Sequence[float]) -> None:
    costs = clip(costs).tolist()
    axes.set_xlim(max(min(costs) - 0.15 * (max(costs) - min(costs) or max(costs)), 0), None)
    axes.locator_params(axis="x", nbins=6)
    axes.xaxis.set_major_formatter(lambda x, _: human(x))
