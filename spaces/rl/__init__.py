"""Spaces of encoders for agents.

Here belongs what turns an observation into features.
"""

from appnas.spaces.rl.encoder import CLASSIC_OPS, MICRO_OPS, Encoder, ImpalaCNN

__all__ = ["CLASSIC_OPS", "MICRO_OPS", "Encoder", "ImpalaCNN"]
