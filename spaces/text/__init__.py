"""Spaces of recurrent cells, and the language model around them.

Here belongs what reads a sequence.
"""

from appnas.spaces.text.recurrent import DARTS_V2, NAORecurrent, Recurrent

__all__ = ["DARTS_V2", "NAORecurrent", "Recurrent"]
