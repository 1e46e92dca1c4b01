"""What items of a data set are: pairs of an image and a label; and where labels are listed without reading images."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor

from appnas.support import DataError, out_of_memory
from appnas.support.seeding import States, random_states, reseed, set_random_states

IMAGES = ("img", "image", "jpg", "png")
LABELS = ("label", "fine_label", "labels", "cls")
"""Names that columns of images and labels go by."""


def columns(row: Mapping[str, Any]) -> tuple[str, str]:
    """The names of the image and the label in a row.

    Raises:
        ValueError: one of them is not there.
    """
    image = next((name for name in IMAGES if name in row), None)
    label = next((name for name in LABELS if name in row), None)
    if image is None or label is None:
        raise ValueError(f"rows need an image and a label column, got {sorted(row)}")
    return image, label


def pair(item: Any) -> tuple[Any, Any]:
    """The image and the label of an item.

    Raises:
        ValueError: it is something else than a pair, or a row with an image and a label column.
    """
    if isinstance(item, Mapping):
        image, label = columns(item)
        return item[image], item[label]
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    what = f"a {type(item).__name__} of {len(item)}" if isinstance(item, tuple | list) else type(item).__name__
    raise ValueError(
        f"items of the data set are pairs (image, label), or rows with an image and a label column, got {what}"
    )


def label_of(value: Any, names: Sequence[Any] | None) -> int:
    """A label as the place of its class among the names, or if these are not known, as an integer.

    Raises:
        ValueError: another format, or out of range.
    """
    if names is not None and not isinstance(names, range):
        return _place(value, names)
    classes = None if names is None else len(names)
    if isinstance(value, Tensor | np.ndarray):
        if names is not None and tuple(value.shape) == (len(names),) and _is_one_hot(value):
            return int(value.argmax())
        if math.prod(value.shape) != 1:
            raise ValueError(
                f"labels are integers from 0, got a label of the shape {tuple(value.shape)}: of one-hot rows or"
                " probabilities give the largest entry's index, argmax()"
            )
        value = value.reshape(-1)[0].item()
    if isinstance(value, str | bytes):
        raise ValueError(f"labels are integers from 0, got {value!r}: number the classes")
    if not isinstance(value, numbers.Integral) and not (isinstance(value, float) and value.is_integer()):
        raise ValueError(f"labels are integers from 0, got {value!r:.80} ({type(value).__name__})")
    label = int(value)
    if label < 0 or (classes is not None and label >= classes):
        raise ValueError(f"labels must be {f'0 to {classes - 1}' if classes else '0 or more'}, got {label}")
    return label


def _is_one_hot(value: Any) -> bool:
    return int((value == 1).sum()) == 1 == int((value != 0).sum())


def numbered(names: Any) -> Any:
    """Names of classes, as a range where they are numbers from 0: what `label_of` takes."""
    return range(len(names)) if names is not None and tuple(names) == tuple(range(len(names))) else names


def _place(value: Any, names: Sequence[Any]) -> int:
    """The place of a label of any kind among the names of the classes."""
    if isinstance(value, Tensor | np.ndarray | np.generic):
        value = np.asarray(value).reshape(-1).tolist()
        value = value[0] if len(value) == 1 else value
    value = value.decode() if isinstance(value, bytes) else value
    if value not in names:
        raise ValueError(f"labels are of {len(names)} classes, {', '.join(map(repr, names[:8]))}, got {value!r:.80}")
    return names.index(value)


def where(data: Any, index: int) -> str:
    """An item as a message names it: by its file if the data set tells that."""
    if hasattr(data, "dataset") and hasattr(data, "indices"):  # a Subset
        return where(data.dataset, int(data.indices[index]))
    own = getattr(data, "where", None)
    return str(own(index)) if own else f"item {index} of {type(data).__name__}"


def listed(data: Any) -> Any | None:
    """All labels of a map-style data set, if they can be had without reading images; None otherwise.

    They are looked for where torch, torchvision and `datasets` have them: in a column, in `targets` or `labels`, in the
    tensors of a TensorDataset, in the parts of a Subset or a ConcatDataset.
    """
    if (names := getattr(data, "column_names", None)) is not None and not isinstance(names, Mapping):
        name = next((name for name in LABELS if name in names), None)
        return None if name is None else np.asarray(list(data[name]))
    if hasattr(data, "dataset") and hasattr(data, "indices"):
        inside = listed(data.dataset)
        return None if inside is None else np.asarray(inside)[np.asarray(data.indices, dtype=np.int64)]
    if hasattr(data, "datasets") and isinstance(data.datasets, list | tuple):
        parts = [listed(part) for part in data.datasets]
        return None if any(part is None for part in parts) else np.concatenate([np.asarray(p) for p in parts])
    if len(tensors := list(getattr(data, "tensors", []))) == 2:
        return tensors[1]
    found = next((getattr(data, name) for name in ("targets", "labels") if hasattr(data, name)), None)
    if found is None or not hasattr(found, "__len__") or len(found) != len(data):  # names of classes, say
        return None
    change = getattr(data, "target_transform", None)
    return found if change is None else [change(label) for label in found]


class Chance:
    """The global generators of Python, numpy and torch, seeded for what draws from them, and put back afterwards.

    What it was inside is kept between two uses: an iterator may be walked a step at a time.
    """

    def __init__(self, seed: int):
        self.seed: int | None = seed
        self.states: States | None = None

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Where the generators are this one's."""
        before = random_states()
        if self.states is None:
            reseed(self.seed or 0)
        else:
            set_random_states(self.states)
        try:
            yield
        finally:
            self.states = random_states()
            set_random_states(before)


@contextmanager
def blamed(place: str) -> Iterator[None]:
    """Tell what goes wrong inside as a fault of the data, in one line that says where.

    Raises:
        DataError: whatever was raised, but for a lack of memory and for what names its place already.
    """
    try:
        yield
    except (DataError, MemoryError, ImportError):
        raise
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error
    except Exception as error:
        if out_of_memory(error):
            raise
        said = " ".join(str(error).split())[:300]
        raise DataError(f"{place}: reading it raises {type(error).__name__}{said and ': ' + said}") from error
