"""Models of an architecture's value: fitted to scores, asked which architectures are worth evaluating.

Here belongs what sees architectures and numbers alone. Searches led by such a model are in `appnas.strategy` and
`appnas.methods`.
"""

from appnas.predict.autoencoder import AutoEncoder, Direction
from appnas.predict.comparator import Comparator, Pairs, borda, confident
from appnas.predict.gcn import GCNRegressor, as_tensor
from appnas.predict.predictor import Predictor, Reference
from appnas.predict.seen import BlindWarning

__all__ = [
    "AutoEncoder", "BlindWarning", "Comparator", "Direction", "GCNRegressor", "Pairs", "Predictor", "Reference",
    "as_tensor", "borda", "confident",
]  # fmt: skip
