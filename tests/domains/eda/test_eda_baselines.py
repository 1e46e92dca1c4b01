"""appnas.domains.eda.baselines: statistics by hand; what learns does, of counts and of maps; what lacks is left out."""

from dataclasses import replace

import numpy as np
import pytest
from test_eda_domain import Oracle, made, synthetic

from appnas.domains.eda import Options, Routability, Routings
from appnas.domains.eda import baselines as b


def test_pooled_and_local_by_hand():
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    np.testing.assert_allclose(np.expm1(b.pooled(x)), [[4, np.sqrt(60 / 9), 7.2, 8, 36]])
    found = np.expm1(b.local(x))
    assert found.shape == (9, 2) and found[4].tolist() == pytest.approx([4, 4])
    assert found[0].tolist() == pytest.approx([0, (0 + 0 + 1 + 0 + 0 + 1 + 3 + 3 + 4) / 9])


def test_ridge_finds_a_line_and_shrinks():
    x = np.random.default_rng(0).normal(size=(200, 2))
    y = 3 + 2 * x[:, 0]
    np.testing.assert_allclose(b.ridge(x, y, 1e-9)(x), y, atol=1e-6)
    assert np.std(b.ridge(x, y, 1e3)(x)) < 0.5 * np.std(y)


def test_all_of_a_domain():
    """Counts and hotspots of the synthetic data are what pins are: all but RUDY, which is noise, find that."""
    counts = b.baselines(made("violated_nets", test=("a", "b")))
    assert list(counts) == ["RUDY", "ridge", "forest"] and min(counts["ridge"]["tau"], counts["forest"]["tau"]) > 0.6
    assert abs(counts["RUDY"]["tau"]) < 0.5
    mean = made("violated_nets", test=("a", "b"), channels=("RUDY",))  # the mean of a scaled channel, as a network's
    assert mean.test(Oracle(mean=True)) == counts["RUDY"]
    hot = b.baselines(made("hotspots"))
    assert hot["forest"]["roc_auc"] > 0.99 and hot["ridge"]["roc_auc"] > 0.95 and 0.4 < hot["RUDY"]["roc_auc"] < 0.6
    with pytest.raises(ValueError, match=r"what learns without a network is \('ridge', 'forest'\)"):
        b.learned(made("hotspots"), "trees")


def test_one_routing_of_another_order():
    """Routings that agree order the placements alike; of one routing there is nothing to say."""
    data, rng = synthetic(), np.random.default_rng(0)
    counts = (data.counts[:, None] + rng.normal(0, 20, (len(data.names), 4))).clip(0)
    hot = rng.random((len(data.names), 4, 12, 12)) < data.labels["drc"][:, None] / 4
    routed = replace(data, routings=Routings(counts, hot))
    options = Options(task="violated_nets", channels=("pin", "RUDY"))
    assert 0.3 < b.measure(Routability(routed, options), b.REROUTED)["tau"] < 1
    found = b.measure(Routability(routed, replace(options, task="hotspots")), b.REROUTED)
    assert 0.5 < found["roc_auc"] < found["roc_auc_best"] + 0.2
    routed = replace(data, routings=Routings(counts[:, :1], hot[:, :1]))
    assert b.measure(Routability(routed, options), b.REROUTED) == {}
