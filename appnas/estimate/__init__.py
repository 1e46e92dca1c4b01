"""What one architecture is worth by itself: trained from scratch, looked up, regressed, remembered; failures caught.

Here belong evaluators without a supernet, and wrappers of any evaluator. Those that share weights are in
`appnas.one_shot`.
"""

from appnas.estimate.attempts import attempt, failed
from appnas.estimate.cost_rewards import rewarded
from appnas.estimate.evaluator import (
    Cached, Evaluator, Map, Memory, Rewarded, Scratch, Stateless, evaluator_of, in_turn, recall, scores,
)  # fmt: skip
from appnas.estimate.inherited_weights import ParamStore, by_homogeneity, by_shape
from appnas.estimate.last_stage import LastStage, with_last_stage
from appnas.estimate.phases import ThenScratch, TwoPhaseEvaluator
from appnas.estimate.regressed import Agreement, Regressor, Surrogate
from appnas.estimate.rungs import keep_in
from appnas.estimate.tabular import Table

__all__ = [
    "Agreement", "Cached", "Evaluator", "LastStage", "Map", "Memory", "ParamStore", "Regressor", "Rewarded", "Scratch",
    "Stateless", "Surrogate", "Table", "ThenScratch", "TwoPhaseEvaluator", "attempt", "by_homogeneity", "by_shape",
    "evaluator_of", "failed", "in_turn", "keep_in", "recall", "rewarded", "scores", "with_last_stage",
]  # fmt: skip
