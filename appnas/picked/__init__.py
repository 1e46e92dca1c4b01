"""Choices inside an ordinary module: `pick` marks them, `space_of` makes a space of the model.

Here belongs what records the choices of a model, and builds networks and supernets of it. What can be done with any
space is in `appnas.space`.
"""

from appnas.picked.asking import Refused, pick
from appnas.picked.making import space_of
from appnas.picked.picked_space import Picked

__all__ = ["Picked", "Refused", "pick", "space_of"]
