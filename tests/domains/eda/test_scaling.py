"""appnas.domains.eda.scaling: as plain data it does what the domain did, before the network and after."""

import json

import numpy as np
import pytest
import torch
from test_eda_domain import Oracle, made

from appnas.domains.eda import Scaling
from appnas.domains.eda.flow import Grid


def test_scaling_as_exported_does_what_the_domain_did():
    rows = np.arange(3)
    for task in ("hotspots", "violated_nets", "congestion"):
        for scale in ("train", "sample"):
            domain, model = made(task, scale=scale), Oracle(mean=task == "violated_nets")
            exported = json.loads(json.dumps(domain.preprocessing()))
            assert exported["channels"] == ["pin", "RUDY"] and exported["output"]
            found = Scaling.of_plain(exported).predict(model, domain.data.x[rows])
            np.testing.assert_array_equal(found, domain.predict(model, rows))
    with pytest.raises(ValueError, match=r"reads maps \[N, 2, H, W\], got the shape \(3, 1, 12, 12\)"):
        domain.scaling.predict(model, domain.data.x[rows, :1])
    with pytest.raises(ValueError, match="it has no 'task'"):
        Scaling.of_plain({"mean": [0.1], "std": [0.2]})


def test_one_count_and_constant_channels():
    x = torch.ones(1, 2, 3, 3)
    scaling = Scaling.fitted("violated_nets", ("own_a", "pin"), "train", x, torch.log1p(torch.tensor([4.0])))
    assert not scaling.inputs(x).any() and scaling.shown == ["pin", "own_a"]
    assert scaling.outputs(torch.zeros(1, 1)) == pytest.approx(4)


def test_tiles_are_scaled_as_a_whole():
    """Lowest and highest of the whole placement, whatever tile they are in; counts have none."""
    x = np.arange(2 * 1 * 10 * 14, dtype=np.float32).reshape(2, 1, 10, 14)
    tiles = list(Grid((0, 0, 1, 1), 10, 14).tiles(8, 8, 2))
    scaling = Scaling("congestion", ("pin",), "sample")
    assert len(tiles) == 6
    whole = scaling.predict(lambda part: part[:, 0], x)
    np.testing.assert_array_equal(scaling.predict(lambda part: part[:, 0], x, tiles), whole)
    assert whole.min() == 0 and whole.max() == 1
    with pytest.raises(ValueError, match="one number for a whole placement"):
        Scaling("violated_nets", ("pin",), "sample").predict(lambda part: part[:, 0], x, tiles)
