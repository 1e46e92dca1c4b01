"""Spaces without a supernet: their options differ in shape, so no layer can be a mixture of them."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from appnas.space import IO, Mask


class Unmixed:
    """Base of such spaces: the error of methods that share weights, which names a space that has a supernet."""

    mixed: ClassVar[str] = "proxyless"
    """A space of the same field whose options can be mixed."""

    def supernet(self, io: IO, mask: Mask | None = None) -> NoReturn:
        """None: widths differ.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            f"the layers of the space {type(self).__name__} differ in width and cannot be mixed: use the space"
            f" {self.mixed} with methods that share weights, or a method that trains every architecture, such as"
            " random, evolution or reinforce"
        )
