"""Spaces of encoders for agents: of images, and torsos for vectors.

Here belongs what turns an observation into features.
"""

from appnas.spaces.rl.encoder import CLASSIC_OPS, MICRO_OPS, Encoder, ImpalaCNN
from appnas.spaces.rl.torso import Torso

__all__ = ["CLASSIC_OPS", "MICRO_OPS", "Encoder", "ImpalaCNN", "Torso"]
