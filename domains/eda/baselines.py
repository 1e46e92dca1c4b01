"""What needs no network: ridge and a random forest on plain statistics of the maps, and physics.

A searched network is worth its search if it is ahead of these, too. For counts they see a placement's channels pooled
over the map; for maps, a gcell's own channels and their means over the 3 x 3 gcells around it.

    for name, metrics in baselines(domain).items():
        print(name, metrics["tau"])
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from appnas.domains.eda.domain import Routability
from appnas.domains.eda.flow import OVERFLOW
from appnas.domains.eda.routings import Routings, reliability
from appnas.domains.eda.scaling import Scaling

Array = np.ndarray
ORDERS = {"RUDY": ("RUDY",), "pattern router's overflow": OVERFLOW}
"""Channels whose mean is taken as the prediction, see `ordered`."""
LEARNED = ("ridge", "forest")
REROUTED = "one routing of another order"
"""How well one routing tells what the others of the same placement say: see `rerouted`."""
GCELLS = 20_000
"""At most so many, drawn from the training, are learned from: of maps, they are many."""


def pooled(x: Array) -> Array:
    """Mean, deviation, quantile .9, maximum and sum of every channel, as log(1 + |.|).

    Shapes:
        x: [N, C, H, W]. returns: [N, 5C].
    """
    flat = x.reshape(*x.shape[:2], -1)
    found = [flat.mean(2), flat.std(2), np.quantile(flat, 0.9, 2), flat.max(2), flat.sum(2)]
    return np.log1p(np.abs(np.concatenate(found, 1)))  # type: ignore[no-any-return]


def local(x: Array) -> Array:
    """Every gcell's channels and their means over 3 x 3, edges repeated, as log(1 + |.|).

    Shapes:
        x: [N, C, H, W]. returns: [N * H * W, 2C].
    """
    around = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge"), (3, 3), axis=(2, 3))
    both = np.concatenate([x, around.mean((-1, -2))], 1)
    return np.log1p(np.abs(both)).transpose(0, 2, 3, 1).reshape(-1, both.shape[1])  # type: ignore[no-any-return]


def ridge(x: Array, y: Array, penalty: float = 1.0) -> Callable[[Array], Array]:
    """Ridge regression on standardised features (Hoerl and Kennard, Technometrics 12, 1970), the mean unpenalised.

    Args:
        x: features, [N, F].
        y: targets, [N].
        penalty: on the squared weights, of the sum of squared errors.
    """
    mean, std = x.mean(0), x.std(0) + 1e-9
    z = (x - mean) / std
    weights = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    return lambda new: (new - mean) / std @ weights + y.mean()


def forest(x: Array, y: Array, seed: int, leaf: int) -> Callable[[Array], Array]:
    """A random forest (Breiman, Machine Learning 45, 2001) of 150 trees, .4 of the features at every split.

    Raises:
        ImportError: scikit-learn is missing.
    """
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError as error:
        raise ImportError("the random forest needs scikit-learn: pip install 'appnas[predictors]'") from error
    trees = RandomForestRegressor(150, min_samples_leaf=leaf, max_features=0.4, random_state=seed)
    return trees.fit(x, y).predict  # type: ignore[no-any-return]


def learned(domain: Routability, name: str, seed: int = 0) -> Array:
    """Predictions of "ridge" or "forest" for the test's placements, as `Routability.predict` gives them.

    Learned from training and validation designs together, from log(1 + nets) of counts.

    Raises:
        ValueError: another name.
    """
    if name not in LEARNED:
        raise ValueError(f"what learns without a network is {LEARNED}, got {name!r}")
    counts, maps = domain.options.task == "violated_nets", domain.data.of(domain.options.channels)
    (rows, truth), (test, _) = domain.of_split("all"), domain.of_split("test")
    y = np.log1p(truth) if counts else truth.astype(float).ravel()
    x, new = (pooled(maps[rows]), pooled(maps[test])) if counts else (local(maps[rows]), local(maps[test]))
    chosen = np.random.default_rng(seed).permutation(len(y))[:GCELLS]
    fitted = ridge(x[chosen], y[chosen]) if name == "ridge" else forest(x[chosen], y[chosen], seed, 3 if counts else 20)
    return np.expm1(fitted(new)) if counts else fitted(new).reshape(-1, *maps.shape[2:])


def ordered(domain: Routability, channels: tuple[str, ...]) -> Array:
    """The mean of channels, scaled like a network's inputs, as what a network gives for the test's placements.

    Of counts it is the mean over the map as well.
    """
    options, (train, _), (test, _) = domain.options, domain.of_split("train"), domain.of_split("test")
    raw = torch.from_numpy(np.ascontiguousarray(domain.data.of(channels))).float()
    scaling = Scaling.fitted(options.task, channels, options.scale, raw[train], torch.empty(0))
    found = scaling.inputs(raw[test]).mean(1)
    return domain.scaling.outputs(found.mean((1, 2))[:, None] if options.task == "violated_nets" else found)


def rerouted(domain: Routability) -> dict[str, float]:
    """How well one routing tells the mean of the others, of the test's placements; empty where the data hold one.

    Of counts tau and its mean within designs; of hotspots the area under ROC that the share of the others has as a
    prediction of one, and the most that anything can have by the mean label (`reliability`).
    """
    routings, (rows, _) = domain.data.routings, domain.of_split("test")
    if routings is None or routings.counts.shape[1] < 2 or domain.options.task == "congestion":
        return {}
    chosen = Routings(routings.counts[rows], routings.hot[rows])
    found = reliability(chosen, [domain.data.designs[i] for i in rows])
    names = ("tau", "tau_within") if domain.options.task == "violated_nets" else ("roc_auc", "roc_auc_best")
    return {name: found[name] for name in names}


def measure(domain: Routability, name: str, seed: int = 0) -> dict[str, float]:
    """Test metrics of one baseline, of `ORDERS`, `LEARNED` or `REROUTED`; empty if the data lack what it needs."""
    if name == REROUTED:
        return rerouted(domain)
    if name not in ORDERS:
        return domain.measured(learned(domain, name, seed), "test")
    there = set(ORDERS[name]) <= set(domain.data.channels)
    return domain.measured(ordered(domain, ORDERS[name]), "test") if there else {}


def baselines(domain: Routability, seed: int = 0) -> dict[str, dict[str, float]]:
    """Test metrics of all baselines for which the data have what they need.

    Raises:
        ImportError: scikit-learn is missing.
    """
    found = {name: measure(domain, name, seed) for name in (*ORDERS, REROUTED, *LEARNED)}
    return {name: metrics for name, metrics in found.items() if metrics}
