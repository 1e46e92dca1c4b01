"""Search spaces: frozen dataclasses that know choices and builders, and nothing of domains or methods."""

if __name__ != "appnas.spaces":
    raise ImportError(f"import appnas.spaces, not {__name__!r}: the folder is mapped to that name when installed")

from appnas.spaces.bench201 import Bench201
from appnas.spaces.cells import Cells
from appnas.spaces.dense import CNN, MLP
from appnas.spaces.encoder import Encoder
from appnas.spaces.maskable import Maskable

SPACES: dict[str, type] = {
    "cells": Cells,
    "bench201": Bench201,
    "encoder": Encoder,
    "mlp": MLP,
    "cnn": CNN,
}

__all__ = ["CNN", "MLP", "SPACES", "Bench201", "Cells", "Encoder", "Maskable"]
