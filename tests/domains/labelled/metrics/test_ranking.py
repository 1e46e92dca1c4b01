"""appnas.domains.labelled.metrics.ranking: by hand, against sklearn, against the formulas of OGB's evaluators."""

import pytest
import torch

from appnas.domains.labelled.metrics.ranking import Hits, auc, mrr, ranking


def test_the_area_under_the_curve_by_hand():
    """Of 3 x 2 comparisons 4 are won and 1 is a tie."""
    score, y = torch.tensor([0.9, 0.5, 0.2, 0.5, 0.1]), torch.tensor([1, 1, 1, 0, 0])
    assert auc(score[:, None], y[:, None]) == pytest.approx(100 * 4.5 / 6)
    metrics = pytest.importorskip("sklearn.metrics")
    rng = torch.Generator().manual_seed(0)
    score, y = torch.randint(0, 9, (200, 1), generator=rng).float(), torch.randint(0, 2, (200, 1), generator=rng)
    assert auc(score, y) == pytest.approx(100 * metrics.roc_auc_score(y[:, 0], score[:, 0]))


SCORE = torch.tensor([0.9, 0.5, 0.2, 0.5, 0.1, 0.3])[:, None]
Y = torch.tensor([1, 1, 1, 0, 0, 0])[:, None]


def test_ranks_by_hand():
    """The true scores 0.9, 0.5 and 0.2 among 0.5, 0.3 and 0.1: ranks 1, 1.5 for a tie, and 3."""
    assert mrr(SCORE, Y) == pytest.approx(100 * (1 + 1 / 1.5 + 1 / 3) / 3)
    assert [Hits(k)(SCORE, Y) for k in (1, 2, 3, 4)] == pytest.approx([100 / 3, 200 / 3, 100, 100])
    assert mrr(SCORE[:3], Y[:3]) == 100 and Hits(1)(SCORE[3:], Y[3:]) == mrr(SCORE[3:], Y[3:]) == 0


def test_the_numbers_of_ogb():
    """`_eval_hits` and `_eval_mrr` of ogb.linkproppred.Evaluator, the latter with all false ones for every true one."""
    rng = torch.Generator().manual_seed(0)
    true, false = (torch.randint(0, 40, (n,), generator=rng).float() for n in (70, 90))
    score, y = torch.cat([true, false])[:, None], torch.cat([torch.ones(70), torch.zeros(90)])[:, None]
    for k in (1, 10, 50, 90):
        threshold = torch.topk(false, k).values[-1]
        assert Hits(k)(score, y) == pytest.approx(100 * float((true > threshold).sum()) / 70)
    optimistic = (false[None] > true[:, None]).sum(1)
    pessimistic = (false[None] >= true[:, None]).sum(1)
    assert mrr(score, y) == pytest.approx(100 * float((1 / (0.5 * (optimistic + pessimistic) + 1)).mean()))


def test_names():
    assert ranking("mrr") is mrr and ranking("AUC") is auc and ranking("hits@20").__name__ == "hits@20"
    assert ranking("hits@0") is ranking("hits@") is ranking("accuracy") is None
