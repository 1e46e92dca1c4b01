"""Supernets: candidate operations weighted by gates, relaxations of logits to gates, gradients through both.

Here belongs what is alike for all supernets. Which operations there are is said by `appnas.spaces`, how weights are
trained by `appnas.one_shot`.
"""

from appnas.supernet.fused import (
    Fused, Norm, State, add_normed, add_scaled, centred, fast, plain, recomputed, scale, twice, weighed,
)  # fmt: skip
from appnas.supernet.gradients import (
    SGDStep, Weights, connection_sensitivity, flow_of_gradient, lookahead_exact, lookahead_finite, unified,
)  # fmt: skip
from appnas.supernet.kinks import kept, kinks_of_now
from appnas.supernet.recomputing import FIXED, Recompute, Recomputing, fitted, planned, recomputing, said
from appnas.supernet.relaxations import (
    Relax, Sample, gumbel_paths, gumbel_sample, marked, sampled_paths, softmax, straight_through, two_temperature,
)  # fmt: skip
from appnas.supernet.sampled import SelfSampled
from appnas.supernet.supernet import Dag, Gated, Mixed, SelfGated, live_options, relaxed, split_parameters

__all__ = [
    "FIXED", "Dag", "Fused", "Gated", "Mixed", "Norm", "Recompute", "Recomputing", "Relax", "SGDStep", "Sample",
    "SelfGated", "SelfSampled", "State", "Weights", "add_normed", "add_scaled", "centred", "connection_sensitivity",
    "fast", "fitted", "flow_of_gradient", "gumbel_paths", "gumbel_sample", "kept", "kinks_of_now", "live_options",
    "lookahead_exact", "lookahead_finite", "marked", "plain", "planned", "recomputed", "recomputing", "relaxed",
    "said", "sampled_paths", "scale", "softmax", "split_parameters", "straight_through", "twice", "two_temperature",
    "unified", "weighed",
]  # fmt: skip
