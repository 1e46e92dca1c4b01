"""Small placements with their netlists, whose hotspots lie where nets are wide: maps alone do not tell."""

from dataclasses import replace

import numpy as np

from appnas.domains.eda import Options, Placements, Routability
from appnas.domains.eda.domain import ADAM

SIDE, PINS = 8, 40


def with_nets(count=12):
    """Of six designs. Every placement has some wide nets, and a gcell with two of their pins or more is a hotspot."""
    rng = np.random.default_rng(2)
    netlists, hot = [], np.zeros((count, SIDE, SIDE))
    for k in range(count):
        net = np.repeat(np.arange(PINS // 4), 4)[: PINS - k % 3]
        gcell = rng.integers(0, SIDE * SIDE, PINS // 4)[net]
        wide = net < 3 + k % 3
        gcell[wide] = rng.integers(0, SIDE * SIDE // 2, wide.sum())
        netlists.append(np.stack([gcell, net, np.arange(len(net))], 1).astype(np.int32))
        hot[k] = (np.bincount(gcell[wide], minlength=SIDE * SIDE) > 1).reshape(SIDE, SIDE)
    x = np.stack([np.bincount(pins[:, 0], minlength=SIDE * SIDE).reshape(SIDE, SIDE) for pins in netlists])
    x = np.stack([x, rng.random(x.shape)], 1).astype(np.float32)
    names, designs = tuple(f"p{k}" for k in range(count)), tuple("abcdef"[k % 6] for k in range(count))
    counts = hot.sum((1, 2)).astype(int)
    return Placements(
        x, ("pin", "RUDY"), designs, names, {"drc": hot, "congestion": x[:, 0]}, counts, netlists=netlists
    )


def on_nets(**options):
    """A domain of them: 2 batches an epoch."""
    recipe = replace(ADAM, lr=0.01)
    given = {"channels": ("pin", "RUDY"), "batch": 4, "recipe": recipe, "netlist": True, **options}
    return Routability(with_nets(), Options(**given))
