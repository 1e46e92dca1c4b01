"""appnas.domains.eda.baselines: statistics by hand; what learns does, of counts and of maps; what lacks is left out."""

from dataclasses import dataclass

import numpy as np
import pytest
from test_eda_domain import Oracle, made

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
    domain = made("violated_nets")

    @dataclass
    class Routed:
        orders: np.ndarray
        designs: tuple[str, ...]

    noise = np.random.default_rng(0).normal(0, 20, (len(domain.data.names), 4))
    domain.data = Routed(domain.data.counts[:, None] + noise, domain.data.designs)
    assert 0.3 < b.measure(domain, b.REROUTED)["tau"] < 1
    domain.data.orders = domain.data.orders[:, :1]
    assert b.measure(domain, b.REROUTED) == {}
