"""What spaces are put together from: operations, kernels, nodes of cells, masks of any space's parts.

Here belongs what several fields build with.
"""

from appnas.spaces.parts.dropout import dropout
from appnas.spaces.parts.free import Free
from appnas.spaces.parts.kernels import concatenate, depthwise_data_gradient, depthwise_plain, depthwise_weight_gradient
from appnas.spaces.parts.maskable import BINARY, Maskable, allocated, enough, keep, rows_of
from appnas.spaces.parts.nodes import (
    Edges, dense, drawn, entering, number, obeys, picture, sequence, strongest, swapped, wired,
)  # fmt: skip
from appnas.spaces.parts.ops import (
    Depthwise, FactorizedReduce, ReLUConvNorm, Separable, Style, convolution, norm, operation,
)  # fmt: skip
from appnas.spaces.parts.unmixed import Unmixed

__all__ = [
    "BINARY", "Depthwise", "Edges", "FactorizedReduce", "Free", "Maskable", "ReLUConvNorm", "Separable", "Style",
    "Unmixed", "allocated", "concatenate", "convolution", "dense", "depthwise_data_gradient", "depthwise_plain",
    "depthwise_weight_gradient", "drawn", "dropout", "enough", "entering", "keep", "norm", "number", "obeys",
    "operation", "picture", "rows_of", "sequence", "strongest", "swapped", "wired",
]  # fmt: skip
