"""appnas.domains.eda.routings: agreement of routings, by hand and at its ends; the tables of a data card."""

import numpy as np
import pytest

from appnas.domains.eda import Routings, reliability
from appnas.domains.eda.routings import tables

DESIGNS = ("a", "a", "b", "b")


def routed(noise, k=4, side=16):
    """Hotspots where a hidden map and noise of every routing are high; as many open nets."""
    rng = np.random.default_rng(0)
    hidden = rng.random((4, 1, side, side)) * np.array([0.4, 0.6, 0.8, 1.0])[:, None, None, None]
    hot = hidden + noise * rng.standard_normal((4, k, side, side)) > 0.35
    return Routings(hot.sum((2, 3)), hot)


def test_routings_that_agree_and_that_do_not():
    same = reliability(routed(0.0), DESIGNS)
    assert same["spread"] == 0
    assert all(same[n] == pytest.approx(1) for n in same if n != "spread")
    noisy, worse = reliability(routed(0.1), DESIGNS), reliability(routed(0.5), DESIGNS)
    for name in ("iou", "roc_auc_one", "roc_auc", "roc_auc_best"):
        assert 1 > noisy[name] > worse[name]
    assert noisy["roc_auc"] > noisy["roc_auc_one"]  # the mean of three says more than one
    with pytest.raises(ValueError, match="two routings"):
        reliability(routed(0.0, k=1), DESIGNS)


def test_joined():
    one, two = routed(0.1), routed(0.2)
    both = Routings.concat([one, two])
    assert both.counts.shape == (8, 4) and (both.hot[4:] == two.hot).all()
    assert Routings.concat([one, None]) is None and Routings.concat([one, routed(0.1, k=3)]) is None


def test_by_hand():
    """Two routings of two placements: they share one gcell of three, and swap the order of the counts."""
    hot = np.zeros((2, 2, 2, 2), bool)
    hot[:, 0, 0] = True
    hot[:, 1, :, 0] = True
    found = reliability(Routings(np.array([[1, 9], [3, 5]]), hot), ("a", "a"))
    assert found["tau"] == found["tau_within"] == -1
    assert found["iou"] == pytest.approx(1 / 3) and found["roc_auc_one"] == pytest.approx(0.5)
    assert found["spread"] == pytest.approx((np.log(10 / 2) + np.log(6 / 4)) / 2 / np.sqrt(2))


def test_a_data_cards_tables():
    routings = routed(0.1)
    text = tables(("s0", "s1", "s2", "s3"), DESIGNS, routings)
    mine = routings.counts.mean(1)[:2]
    assert text.startswith("4 placements of 2 designs at 16x16 gcells, each routed 4 times.")
    assert f"| a | 2 | {mine.mean():.0f} ({mine.min():.0f} to {mine.max():.0f}) |" in text
    assert f"| iou | {reliability(routings, DESIGNS)['iou']:.3f} |" in text
    assert "agreement" not in tables(("s0", "s1", "s2", "s3"), DESIGNS, routed(0.1, k=1))
