"""appnas: neural architecture search for applied fields.

    result = appnas.search("cells", "mnist5k", method="darts", epochs=2)
    trained = result.retrain(epochs=5, beside=["random", "sep_conv_3x3"])

One small core; search spaces as data (`appnas.spaces`); fields as adapters (`appnas.domains`); every published
method a short file (`appnas.methods`). The guides (docs/own/parts.md) show the parts.
"""

from typing import TYPE_CHECKING

from appnas.support.lazy import lazily

if TYPE_CHECKING:
    from appnas.api import Result, resume, search
    from appnas.estimate import Cached, Evaluator, Rewarded, Scratch, Table
    from appnas.one_shot import Shared
    from appnas.picked import Picked, pick, space_of
    from appnas.retrain import Retrained
    from appnas.space import IO, Arch, Choice, Gates, Listed, Mask, Space
    from appnas.strategy import Draw, Evolution, Gradient, PolicyGradient, Random, Score, Strategy
    from appnas.support import DataError, FailuresError
    from appnas.task import DifferentiableDomain, Domain

__version__ = "0.1.0"
__all__ = [
    "IO", "Arch", "Cached", "Choice", "DataError", "DifferentiableDomain", "Domain", "Draw", "Evaluator", "Evolution",
    "FailuresError", "Gates", "Gradient", "Listed", "Mask", "Picked", "PolicyGradient", "Random", "Result", "Retrained",
    "Rewarded", "Score", "Scratch", "Shared", "Space", "Strategy", "Table", "pick", "resume", "search", "space_of",
]  # fmt: skip
__getattr__, __dir__ = lazily(__name__)
