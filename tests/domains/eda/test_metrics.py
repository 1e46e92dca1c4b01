"""appnas.domains.eda.metrics: against scikit-learn and SciPy where they have it, and by hand where they have not."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from appnas.domains.eda import metrics

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("seed", range(5))
def test_correlations_with_ties(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, 40).astype(float), rng.integers(0, 4, 40).astype(float)
    assert metrics.kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)
    assert metrics.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert metrics.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    np.testing.assert_allclose(metrics.ranks(x), stats.rankdata(x))


@pytest.mark.parametrize("seed", range(5))
def test_areas_with_ties(seed):
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 9, (6, 7)) / 9, rng.random((6, 7)) < 0.3
    assert metrics.roc_auc(scores, truth) == pytest.approx(roc_auc_score(truth.ravel(), scores.ravel()))
    assert metrics.average_precision(scores, truth) == pytest.approx(
        average_precision_score(truth.ravel(), scores.ravel())
    )


def test_probabilities_count_as_the_routings_they_are_the_mean_of():
    """Areas of a soft truth are those of the hard truths one after another; the truth itself scores below 1."""
    hard = RNG.random((4, 2, 6, 7)) < RNG.random((2, 6, 7)) ** 3
    scores, soft = RNG.integers(0, 9, (2, 6, 7)) / 9, hard.mean(0)
    every = np.broadcast_to(scores, hard.shape)
    assert metrics.roc_auc(scores, soft) == pytest.approx(roc_auc_score(hard.ravel(), every.ravel()))
    precision = metrics.average_precision(scores, soft)
    assert precision == pytest.approx(average_precision_score(hard.ravel(), every.ravel()))
    stacked = metrics.mean_roc(every.transpose(1, 0, 2, 3).reshape(2, -1), hard.transpose(1, 0, 2, 3).reshape(2, -1))
    assert metrics.mean_roc(scores, soft) == pytest.approx(stacked)
    assert 1 > metrics.roc_auc(soft, soft) > metrics.roc_auc(scores, soft)
    by_hand = metrics.roc_auc(np.array([2.0, 1.0]), np.array([0.75, 0.25]))  # pairs: 9 right, 1 wrong, 6 of one gcell
    assert by_hand == pytest.approx((9 + 6 / 2) / 16)


def test_what_has_no_value_is_nan():
    ones, x = np.ones(5), np.arange(5.0)
    assert all(np.isnan(f(ones, x)) for f in (metrics.kendall, metrics.pearson, metrics.spearman))
    assert np.isnan(metrics.roc_auc(x, ones)) and np.isnan(metrics.average_precision(x, 0 * ones))
    assert metrics.mean([1.0, float("nan"), 3.0]) == 2 and np.isnan(metrics.mean([]))
    assert np.isnan(metrics.nrms(np.zeros((2, 2)), np.zeros((2, 2))))
    assert np.isnan(metrics.mean_roc(np.zeros((1, 2, 2)), np.zeros((1, 2, 2), bool)))


def test_circuitnets_area_averages_rates_at_thresholds():
    """One sample: close to its area. A second one with scores ten times smaller is as easy alone, and harmful at shared
    thresholds."""
    truth = RNG.random((1, 30, 30)) < 0.2
    scores = np.clip(0.5 * truth + 0.5 * RNG.random((1, 30, 30)), 0, 0.999)
    one = metrics.mean_roc(scores, truth)
    assert one == pytest.approx(metrics.roc_auc(scores, truth), abs=0.01)
    both = metrics.mean_roc(np.concatenate([scores, scores / 10]), np.concatenate([truth, truth]))
    assert both < one


def test_pictures_by_hand():
    truth = np.array([[0.0, 1.0], [0.0, 1.0]])
    assert metrics.nrms(truth, truth) == 0
    assert metrics.nrms(1 - truth, truth) == 1
    assert metrics.nrms(truth + np.array([[0.2, 0], [0, 0]]), truth) == pytest.approx(np.sqrt(51**2 / 4) / 255)
    x = RNG.random((20, 24))
    assert metrics.ssim(x, x) == pytest.approx(1)
    noisy, worse = x + 0.1 * RNG.standard_normal(x.shape), x + 0.4 * RNG.standard_normal(x.shape)
    assert 1 > metrics.ssim(noisy, x) > metrics.ssim(worse, x)
    flat, other = np.full((11, 11), 0.2), np.full((11, 11), 0.6)  # no variance: only the term of the means is left
    p, t, c = 51.0, 153.0, (0.01 * 255) ** 2
    assert metrics.ssim(flat, other) == pytest.approx((2 * p * t + c) / (p**2 + t**2 + c), rel=1e-6)
    with pytest.raises(ValueError, match="11 x 11"):
        metrics.ssim(x[:10], x[:10])
