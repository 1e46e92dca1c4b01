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


def test_counts_as_sums_of_maps():
    """A network that says 0 says the geometric mean; gcells add up, on tiles as on the whole."""
    x, counts = torch.rand(3, 1, 4, 4), torch.tensor([3.0, 8.0, 15.0])
    scaling = Scaling.fitted("violated_nets", ("pin",), "train", x, torch.log1p(counts), "sum")
    zero = torch.zeros(2, 4, 4)
    assert scaling.outputs(zero) == pytest.approx([(4 * 9 * 16) ** (1 / 3) - 1] * 2, rel=1e-5)
    assert scaling.standardised(zero) == pytest.approx(torch.zeros(2, 1), abs=1e-5)
    one = scaling.drawn(zero)
    assert one.shape == (2, 4, 4) and one.sum((1, 2)) == pytest.approx(scaling.outputs(zero), rel=1e-5)
    kept = Scaling.of_plain(json.loads(json.dumps(scaling.plain())))
    assert kept == scaling and "softplus" in scaling.plain()["output"]
    x, tiles = (
        np.random.default_rng(0).random((1, 1, 10, 14), np.float32),
        list(Grid((0, 0, 1, 1), 10, 14).tiles(8, 8, 2)),
    )
    whole = kept.predict(lambda part: part[:, 0], x)
    np.testing.assert_allclose(kept.predict(lambda part: part[:, 0], x, tiles), whole, rtol=1e-6)


def test_levels_go_with_the_export_and_earlier_exports_say_that_they_have_none():
    domain = made("hotspots")
    assert [one.channel for one in domain.scaling.strange(domain.data.x[0] * [[[50]], [[1]]])] == ["pin"]
    assert domain.scaling.strange(domain.data.x[domain._of["train"][0]]) == []
    sampled = made("hotspots", scale="sample").scaling  # 0 to 1 in each placement: what is 50 times as high is the same
    assert sampled.strange(domain.data.x[0] * 50) == []
    earlier = {name: value for name, value in domain.preprocessing().items() if name not in ("levels", "head")}
    with pytest.raises(ValueError, match="without the levels of its training's channels"):
        Scaling.of_plain(earlier).strange(domain.data.x[0])
