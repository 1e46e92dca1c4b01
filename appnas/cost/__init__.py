"""What a network costs: parameters, multiply-adds, memory, time, energy; rewards of value and cost.

Here belongs what measures or models one network. Evaluators that do so during a search are in `appnas.estimate`.
"""

from appnas.cost.counts import macs, parameters, peak_bytes, saved_bytes, supernet_memory, weight_bytes
from appnas.cost.fitting import check_fits, training_bytes
from appnas.cost.lookup_table import LookUp, fit_lookup, kendall
from appnas.cost.onnx_export import TOLERANCE, Inputs, quiet, require, shaped, to_onnx
from appnas.cost.rewards import (
    constrained, crowding, dominates, exponent, fronts, linear, metric, pareto_front, weighted_product,
)  # fmt: skip
from appnas.cost.threads import Threads, threads_worth
from appnas.cost.timing import Meter, latencies, latency, placing, survey

__all__ = [
    "TOLERANCE",
    "Inputs",
    "LookUp",
    "Meter",
    "Threads",
    "check_fits",
    "constrained",
    "crowding",
    "dominates",
    "exponent",
    "fit_lookup",
    "fronts",
    "kendall",
    "latencies",
    "latency",
    "linear",
    "macs",
    "metric",
    "parameters",
    "pareto_front",
    "peak_bytes",
    "placing",
    "quiet",
    "require",
    "saved_bytes",
    "shaped",
    "supernet_memory",
    "survey",
    "threads_worth",
    "to_onnx",
    "training_bytes",
    "weight_bytes",
    "weighted_product",
]  # fmt: skip
