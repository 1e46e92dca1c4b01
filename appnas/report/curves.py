"""The numbers behind a report's curves and clouds, and which of a long search's are drawn.

A curve goes through everything: the best so far keeps every change, a moving median is read off at so many places.
Of a cloud of more than `DOTS` points evenly spaced ones are drawn, with the lowest and highest of every stretch; the
captions say how many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Curve = tuple[Sequence[float], Sequence[float]]
"""(steps or seconds, values), of one search."""
DOTS = 5000
"""Points of a cloud that are drawn at most."""
LARGEST = 1e300
"""A number that axes can still be made for; larger ones are drawn there, and tables have them as they are."""
PLACES = 2000
"""Places at which a moving median is read off at most."""


def clip(values: Sequence[float] | np.ndarray | float) -> np.ndarray:
    """Values no larger than `LARGEST` either way, as axes are longer than what they show. Shapes: [...] -> [...]."""
    clipped: np.ndarray = np.clip(np.asarray(values, dtype=float), -LARGEST, LARGEST)
    return clipped


def huge(*numbers: Sequence[float] | np.ndarray) -> str:
    """What to say of those that are not drawn where they are; empty if there are none."""
    some = np.concatenate([np.abs(np.asarray(each, dtype=float)) for each in numbers])
    return f"drawn at {LARGEST:g}: what is beyond" if (some[np.isfinite(some)] > LARGEST).any() else ""


def finite(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Values with NaN for what cannot be drawn: minus infinity of a failed evaluation, say. Shapes: [N] -> [N]."""
    y = np.asarray(values, dtype=float)
    return np.where(np.isfinite(y), clip(y), np.nan)


def even(count: int, limit: int) -> np.ndarray:
    """Positions below `count`, evenly spaced, with the first and the last. Shapes: returns [min(count, limit)]."""
    return np.linspace(0, count - 1, min(count, limit)).round().astype(int)


def thinned(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, limit: int = DOTS) -> np.ndarray:
    """Positions of the points to draw: all finite ones, or about `limit` of them.

    Four fifths are evenly spaced in the order of x, the others the lowest and highest of every stretch of that order.

    Shapes: [N], [N] -> [at most limit], ascending.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    shown = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if len(shown) <= limit:
        return shown
    order = shown[np.argsort(x[shown], kind="stable")]
    stretches = np.array_split(order, limit // 10)
    ends = [part[pick(y[part])] for part in stretches for pick in (np.argmin, np.argmax)]
    return np.unique(np.concatenate([order[even(len(order), limit - len(ends))], ends]))


def median_window(count: int) -> int:
    """Scores in a moving median: a twentieth of them, at least 3."""
    return max(3, count // 20)


def moving_median(values: Sequence[float] | np.ndarray, window: int, places: Sequence[int] | np.ndarray) -> np.ndarray:
    """Median of the `window` values around each place, fewer at the ends; what is no number is left out.

    Shapes: [N], [P] -> [P].
    """
    y, half = finite(values), window // 2
    around = (y[max(i - half, 0) : i + half + 1] for i in places)
    kept = (part[~np.isnan(part)] for part in around)
    return np.array([np.median(part) if len(part) else np.nan for part in kept])


def best_so_far(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The running maximum; NaN never wins. Shapes: [N] -> [N]."""
    highest: np.ndarray = np.fmax.accumulate(np.asarray(values, dtype=float))
    return highest


def changes(y: np.ndarray, limit: int = DOTS) -> np.ndarray:
    """Positions at which a curve changes, and both ends; all, if there are no more than `limit`. Shapes: [N] -> [C]."""
    if len(y) <= limit:
        return np.arange(len(y))
    same = (y[1:] == y[:-1]) | (np.isnan(y[1:]) & np.isnan(y[:-1]))
    return np.unique([0, *np.flatnonzero(~same) + 1, len(y) - 1])


def best(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best so far as a curve to draw. Shapes: [N], [N] -> [C], [C]."""
    highest = best_so_far(y)
    places = changes(highest)
    return x[places], highest[places]


def median(x: np.ndarray, y: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """The moving median as a curve to draw. Shapes: [N], [N] -> [P], [P]."""
    places = even(len(y), PLACES)
    return x[places], moving_median(y, window, places)


def at(x: Sequence[float] | np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """A curve that holds each value until the next one, read off at the points of a grid. Shapes: [G] -> [G]."""
    held: np.ndarray = y[np.searchsorted(np.asarray(x), grid, side="right").clip(1) - 1]
    return held


def common(curves: Sequence[Curve]) -> np.ndarray:
    """All points at which a curve changes, where all are defined; thinned to 1,000. Shapes: returns [G]."""
    low, high = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    grid = np.unique(np.concatenate([np.asarray(x, dtype=float) for x, _ in curves]).clip(low, max(low, high)))
    chosen: np.ndarray = grid[even(len(grid), 1000)]
    return chosen
