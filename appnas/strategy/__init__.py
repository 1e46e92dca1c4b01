"""What to look at next: strategies that are asked for a draw and told its score. None of them sees data.

Here belongs what moves through a space, whatever the scores are. What an architecture is worth is said by
`appnas.estimate` and `appnas.one_shot`; whole methods are in `appnas.methods`.
"""

from appnas.strategy.archive import Archive
from appnas.strategy.evolution import Evolution, Generations
from appnas.strategy.gradient import Gradient, OnPaths, without_zero
from appnas.strategy.last_stage import By, Finalists, Ranked, chosen
from appnas.strategy.local_search import LocalSearch
from appnas.strategy.multi_fidelity import MultiFidelity, Scheme
from appnas.strategy.nsga2 import NSGA2
from appnas.strategy.phases import Phase, Phased, Sifted, SinglePaths, Started, TwoPhases, first, from_known
from appnas.strategy.policies import (
    LSTM,
    EdgeWeights,
    Independent,
    Kind,
    PolicyGradient,
    controller,
    moving_average,
    reinforce,
    step_down,
)
from appnas.strategy.predictor_guided import PredictorGuided, Told
from appnas.strategy.protocol import Draw, Random, Score, Strategy, prepare
from appnas.strategy.stochastic import GradientEstimator, Losses, Sampled, one_hot_rows
from appnas.strategy.zero_order import Correction, Descent, MLEGuided, RandomDirections, StepEstimator, ZeroOrder

__all__ = [
    "LSTM", "NSGA2", "Archive", "By", "Correction", "Descent", "Draw", "EdgeWeights", "Evolution", "Finalists",
    "Generations", "Gradient", "GradientEstimator", "Independent", "Kind", "LocalSearch", "Losses", "MLEGuided",
    "MultiFidelity", "OnPaths", "Phase", "Phased", "PolicyGradient", "PredictorGuided", "Random", "RandomDirections",
    "Ranked", "Sampled", "Scheme", "Score", "Sifted", "SinglePaths", "Started", "StepEstimator", "Strategy", "Told",
    "TwoPhases", "ZeroOrder", "chosen", "controller", "first", "from_known", "moving_average", "one_hot_rows",
    "prepare", "reinforce", "step_down", "without_zero",
]  # fmt: skip
