"""spaces.parts.free: every combination, and the strongest option of every decision."""

import torch

from appnas.spaces import AlexNet, GraphMix, Mnas
from appnas.spaces.parts import Free


def test_no_rules():
    assert Free().valid((9, 9, 9))
    assert Free().discretise((torch.tensor([[0.1, 0.9], [0.7, 0.3]]), torch.tensor([[0.0, 0.2, 0.1]]))) == (1, 0, 1)
    assert all(issubclass(kind, Free) for kind in (AlexNet, GraphMix, Mnas))
