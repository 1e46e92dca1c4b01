"""Small image data sets of the kinds that users have."""

import random

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset


def colour(i: int) -> tuple[int, int, int]:
    """Every picture's own, by which it is known again."""
    return (10 + 2 * i, 5 + i, 3 + 3 * (i % 7))


class Pictures(Dataset):
    """Map-style, with labels in `targets`: pictures of Pillow, each of its own size and colour."""

    def __init__(self, count: int = 40, classes: int = 4):
        self.targets = [i % classes for i in range(count)]
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[Image.Image, int]:
        self.read.append(i)
        return Image.new("RGB", (8 + i % 5, 10), colour(i)), self.targets[i]


class Noisy(Dataset):
    """Map-style without a list of labels, whose items are tensors that it changes at random by all three generators."""

    def __init__(self, count: int = 40):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        noise = torch.rand(3, 8, 8) + float(np.random.rand()) + random.random()
        return noise + i, torch.tensor(i % 4)


class Endless(IterableDataset):
    """Iterable-style, without an end and a length: tensors, at random."""

    def __iter__(self):
        i = 0
        while True:
            yield torch.rand(3, 8, 8), i % 4
            i += 1


class Columns(list):
    """Rows of dictionaries with the access of the package `datasets`: whole columns, without reading an image."""

    column_names = ("image", "label")

    def __init__(self, rows):
        super().__init__(rows)
        self.read = 0

    def __getitem__(self, key):
        if isinstance(key, str):
            return [row[key] for row in list(self)]
        self.read += 1
        return super().__getitem__(key)


def tabled(count: int = 40, classes: int = 4) -> Columns:
    """Rows of pictures of one size."""
    return Columns({"image": Image.new("RGB", (9, 9), colour(i)), "label": i % classes} for i in range(count))


RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def picture(colour, size=(8, 8), mode="RGB"):
    return Image.new(mode, size, colour)


def fill(root, classes, **settings):
    """PNG files: {class: (colour, count)}."""
    for name, (colour, count) in classes.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            picture(colour, **settings).save(root / name / f"{i}.png")
    return root


def labels(domain, split="all"):
    return sorted(domain._split(split)[1].tolist())


def held(domain):
    return sorted(domain._held_out[1].tolist())
